/** DOM without a framework: elements in one expression, and writes only where something changed. */
import { t } from "./i18n.js";
import { labelShape } from "./labels.js";

const SVG = "http://www.w3.org/2000/svg";

/**
 * @param {string} tag with classes: "p.small.quiet" @param {Record<string, any>} [props] attributes; `on*` are listeners;
 *   `t` and `t-label` are keys of messages: the text and the accessible name, kept in the reader's language
 * @param {...(Node|string|null)} children
 * @returns {HTMLElement}
 */
export function h(tag, props = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  element.className = classes.join(" ");
  for (const [key, value] of Object.entries(props)) {
    if (value == null || value === false) continue;
    if (key === "t" || key === "t-label") {
      element.setAttribute(`data-${key}`, value);
      if (key === "t") element.textContent = t(value);
      else element.setAttribute("aria-label", t(value));
    } else if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** @param {Element} element @param {string} text */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * The shape of an emotion in its colour. The word always stands beside it, so it is hidden from screen readers.
 * @param {string|null|undefined} label @returns {SVGElement}
 */
export function glyph(label) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "glyph");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("fill-rule", "evenodd");
  svg.append(path);
  setGlyph(svg, label);
  return svg;
}

/** @param {Element} svg from `glyph` @param {string|null|undefined} label */
export function setGlyph(svg, label) {
  const wanted = label ?? "none";
  if (svg.getAttribute("data-label") === wanted) return;
  svg.setAttribute("data-label", wanted);
  /** @type {Element} */ (svg.firstElementChild).setAttribute("d", labelShape(label));
  /** @type {SVGElement} */ (svg).style.color = label ? `var(--${label})` : "var(--quiet)";
}

/** Three bars; `data-level` is the reliability. @returns {HTMLElement} */
export function trust() {
  return h("span.trust", { "aria-hidden": "true" }, h("i"), h("i"), h("i"));
}

/** Bars that move while `data-on` is "yes": someone speaks. @returns {HTMLElement} */
export function voice() {
  return h("span.voice", { "aria-hidden": "true" }, h("i"), h("i"), h("i"));
}

/** @param {string} id @returns {HTMLElement} */
export function byId(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}
