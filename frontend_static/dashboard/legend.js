/** What the lines and marks of the timeline mean. The entries of curves are buttons that show and hide them. */
import { glyph, h } from "../shared/dom.js";
import { LABELS } from "../shared/labels.js";
import { AROUSAL, DASHES, USUAL } from "./curves.js";

const SVG = "http://www.w3.org/2000/svg";

export class Legend {
  /** @type {Map<string, HTMLElement>} */ #buttons = new Map();

  /** @param {(name: string) => void} toggle a curve */
  constructor(toggle) {
    this.toggle = toggle;
    this.element = h("ul.legend", { "t-label": "dash.legend" });
  }

  /** @param {import("../shared/calls.js").Call} call @param {boolean} curves whether there are such @param {Set<string>} shown */
  build(call, curves, shown) {
    const known = call.models.emotion?.labels ?? LABELS;
    const labels = LABELS.filter((label) => known.includes(label));
    const order = curves ? [...USUAL, ...labels.filter((label) => !USUAL.includes(label))] : [...labels];
    this.#buttons = new Map(order.map((name) => [name, this.#entry(name, curves)]));
    const keys = call.channels.length > 1 ? ["both", "mark"] : ["mark"];
    if (!curves) keys.unshift("line", "hatch");
    this.element.replaceChildren(
      ...[...this.#buttons.values()].map((button) => h("li", {}, button)),
      ...keys.map((key) => h("li.key", {}, h(`i.key-${key}`), h("span", { t: `dash.key.${key}` }))));
    this.press(shown);
  }

  /** @param {Set<string>} shown */
  press(shown) {
    for (const [name, button] of this.#buttons) if (button.tagName === "BUTTON") button.setAttribute("aria-pressed", String(shown.has(name)));
  }

  /** @param {string} name @param {boolean} curves @returns {HTMLElement} */
  #entry(name, curves) {
    const text = name === AROUSAL ? h("span", { t: "dash.people.arousal" }) : h("span", { t: `shared.label.${name}` });
    if (!curves) return h("span.key", {}, glyph(name), text);
    const button = h("button", { type: "button", onclick: () => this.toggle(name) });
    button.append(sample(name), text);
    return button;
  }
}

/** A piece of the line. @param {string} name */
function sample(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 28 10");
  svg.setAttribute("class", "sample");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", "M0 5 H28");
  line.setAttribute("stroke-dasharray", DASHES[name].join(" "));
  line.style.stroke = `var(--${name === AROUSAL ? "ink" : name})`;
  svg.append(line);
  return svg;
}
