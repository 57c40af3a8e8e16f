/** The groups that were found: the map, who is in each of them, and a table of all. */
import { h, setText } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { labelText, LABELS } from "../shared/labels.js";
import { MapView } from "./mapview.js";
import { pageOf } from "./names.js";
import { groupSymbol, labelSymbol } from "./symbols.js";
import { sentenceText } from "./words.js";

/**
 * @typedef {import("./library.js").Clustered} Clustered
 * @typedef {import("./library.js").Placed} Placed
 * @typedef {import("./symbols.js").Symbol} Symbol
 */

/** Rows of the table at once. */
const AT_ONCE = 100;
const SVG = "http://www.w3.org/2000/svg";

export class GroupsAnswer {
  /** @type {Clustered|null} */ #clustered = null;
  /** @type {number|null} The group, or the label by its place in LABELS, that stands out; null: all. */ #bright = null;
  #chosen = -1;
  /** The first row of the table that is shown. */ #from = 0;

  /** @param {import("./listening.js").Listening} listening @param {(name: string) => void} alike @param {(name: string) => void} open */
  constructor(listening, alike, open) {
    this.listening = listening;
    this.alike = alike;
    this.open = open;
    this.says = h("p.says", { role: "status" });
    this.by = /** @type {HTMLSelectElement} */ (h("select", { onchange: () => this.#recolour() }, ...["group", "label"].map((value) => h("option", { value, t: `work.library.by.${value}` }))));
    this.colouring = h("label.choice", {}, h("span", { t: "work.library.by" }), this.by);
    this.map = new MapView({ chosen: (index) => this.#choose(index), played: (index) => this.#play(index) });
    this.point = h("div.point", { role: "status" });
    this.key = h("div.key");
    this.groups = h("ul.groups", { "t-label": "work.library.groups" });
    this.body = h("tbody");
    this.head = h("tr");
    this.rows = h("div.scrolls", { tabindex: "0", role: "group", "t-label": "work.library.table" }, h("table", {}, h("thead", {}, this.head), this.body));
    this.where = h("span.quiet");
    this.back = h("button.button", { type: "button", t: "work.library.table.back", onclick: () => this.#turn(-AT_ONCE) });
    this.on = h("button.button", { type: "button", t: "work.library.table.on", onclick: () => this.#turn(AT_ONCE) });
    this.element = h("div.grouped", { hidden: true }, this.says, h("div.filters", {}, this.colouring, this.key), this.map.element, this.point, this.groups,
      h("h4", { t: "work.library.table" }), this.rows, h("div.actions", {}, this.back, this.on, this.where));
  }

  /** @param {Clustered|null} clustered */
  show(clustered) {
    this.element.hidden = !clustered;
    const same = clustered === this.#clustered;
    this.#clustered = clustered;
    if (!clustered) return;
    const labelled = clustered.items.some(({ label }) => label !== null);
    this.colouring.hidden = !labelled;
    if (!labelled) this.by.value = "group";
    setText(this.says, [sentenceText(clustered.clustering.sentence), clustered.clustering.alone ? t("work.library.groups.alone", { count: clustered.clustering.alone }) : ""].filter(Boolean).join(" "));
    if (!same) {
      [this.#bright, this.#chosen, this.#from] = [null, -1, 0];
      this.map.show(clustered.items, this.#look());
    }
    this.#draw();
  }

  #draw() {
    if (!this.#clustered) return;
    this.#drawGroups(this.#clustered);
    this.#drawKey();
    this.#drawPoint();
    this.#drawRows(this.#clustered.items);
  }

  /** @returns {import("./mapview.js").Look} */
  #look() {
    const by_label = this.by.value === "label";
    const value = (/** @type {Placed} */ item) => (by_label ? LABELS.indexOf(/** @type {any} */ (item.label)) : item.group);
    return { symbol: (item) => (by_label ? labelSymbol(item.label) : groupSymbol(item.group)), bright: (item) => this.#bright === null || value(item) === this.#bright, says: (item) => said(item) };
  }

  #recolour() {
    this.#bright = null;
    this.map.restyle(this.#look());
    this.#draw();
  }

  /** @param {number} value of a group or label that is to stand out, or no longer */
  #light(value) {
    this.#bright = this.#bright === value ? null : value;
    this.map.restyle(this.#look());
    this.#draw();
  }

  /** @param {Clustered} clustered */
  #drawGroups({ clustering }) {
    const by_group = this.by.value === "group";
    this.groups.replaceChildren(...clustering.clusters.map(({ number, size, typical, spread }) => h("li", {},
      h("button.link", { type: "button", "aria-pressed": by_group ? String(this.#bright === number) : null, disabled: !by_group, onclick: () => this.#light(number) }, symbol(groupSymbol(number)), groupName(number)),
      h("span.quiet", {}, `${t("work.library.group.size", { count: size })} ${t("work.library.group.spread", { cosine: spread.toFixed(2) })}`),
      h("ul.typical", {}, ...typical.map((name) => h("li", {}, h("span.name", {}, name), this.listening.button(name)))))));
  }

  /** What the shapes mean where they are not the groups', which are named below. */
  #drawKey() {
    if (this.by.value === "group") {
      this.key.replaceChildren();
      return;
    }
    const there = LABELS.filter((label) => this.#clustered?.items.some((item) => item.label === label));
    this.key.replaceChildren(...there.map((label) => {
      const value = LABELS.indexOf(label);
      return h("button.link", { type: "button", "aria-pressed": String(this.#bright === value), onclick: () => this.#light(value) }, symbol(labelSymbol(label)), labelText(label));
    }));
  }

  /** The point that is chosen: what it is called, and what can be done with it. */
  #drawPoint() {
    const item = this.#clustered?.items[this.#chosen];
    if (!item) {
      this.point.replaceChildren(h("span.quiet", {}, t("work.library.point.none")));
      return;
    }
    const entry = this.listening.find(item.source);
    const result = entry?.prediction ? h("button.link", { type: "button", onclick: () => this.open(item.source) }, t("work.library.point.result")) : null;
    this.point.replaceChildren(symbol(this.#look().symbol(item)), h("strong.name", {}, item.source), h("span", {}, words(item)), this.listening.button(item.source, item.start_s),
      h("button.link", { type: "button", onclick: () => this.alike(item.source) }, t("work.library.alike")), ...(result ? [result] : []));
  }

  /** @param {Placed[]} items */
  #drawRows(items) {
    const labelled = !this.colouring.hidden;
    this.head.replaceChildren(...["file", "group", ...(labelled ? ["label"] : []), "listen"].map((column) => h("th", { scope: "col" }, t(`work.library.column.${column}`))));
    const shown = items.slice(this.#from, this.#from + AT_ONCE);
    this.body.replaceChildren(...shown.map((item, i) => {
      const index = this.#from + i;
      const name = h("button.link", { type: "button", "aria-current": index === this.#chosen ? "true" : null, onclick: () => this.#show(index) }, item.source);
      return h(index === this.#chosen ? "tr.open" : "tr", {}, h("th", { scope: "row" }, name), h("td", {}, h("span.felt", {}, symbol(groupSymbol(item.group)), groupName(item.group))),
        ...(labelled ? [h("td", {}, item.label === null ? "\u2013" : h("span.felt", {}, symbol(labelSymbol(item.label)), labelText(item.label)))] : []), h("td", {}, this.listening.button(item.source, item.start_s)));
    }));
    this.back.hidden = this.on.hidden = items.length <= AT_ONCE;
    Object.assign(this.back, { disabled: !this.#from });
    Object.assign(this.on, { disabled: this.#from + AT_ONCE >= items.length });
    setText(this.where, t("work.library.table.where", { from: this.#from + 1, to: this.#from + shown.length, count: items.length }));
  }

  /** @param {number} by rows */
  #turn(by) {
    this.#from += by;
    this.#draw();
    this.rows.scrollTop = 0;
  }

  /** A row was chosen: its point is shown. @param {number} index */
  #show(index) {
    this.map.choose(index);
    this.#choose(index);
  }

  /** A point was chosen: its row is shown, without scrolling the page. @param {number} index */
  #choose(index) {
    this.#chosen = index;
    this.#from = pageOf(index, AT_ONCE);
    const had = this.body.contains(document.activeElement);
    this.#drawPoint();
    this.#drawRows(/** @type {Clustered} */ (this.#clustered).items);
    const row = /** @type {HTMLElement} */ (this.body.children[index - this.#from]);
    this.rows.scrollTop = row.offsetTop - this.rows.clientHeight / 2;
    if (had) row.querySelector("button")?.focus({ preventScroll: true });
  }

  /** @param {number} index */
  #play(index) {
    const { source, start_s } = /** @type {Clustered} */ (this.#clustered).items[index];
    this.listening.toggle(source, start_s);
  }
}

/** @param {Placed} item */
function said(item) {
  return `${item.source}\n${words(item)}`;
}

/** @param {Placed} item the group, and the emotion where it is known */
function words({ group, label }) {
  return [groupName(group), label === null ? "" : labelText(label)].filter(Boolean).join(" \u00b7 ");
}

/** As the table, the files and the command line count them. @param {number} number -1 for none */
function groupName(number) {
  return number < 0 ? t("work.library.group.none") : t("work.library.group", { number });
}

/** @param {Symbol} of @returns {SVGElement} the words stand beside it */
function symbol({ shape, colour }) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "glyph");
  svg.setAttribute("aria-hidden", "true");
  svg.style.color = `var(--${colour})`;
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("fill-rule", "evenodd");
  path.setAttribute("d", shape);
  svg.append(path);
  return svg;
}
