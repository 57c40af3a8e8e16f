/** One of several views at a time, chosen by a click or by the arrow keys. */
import { h } from "../shared/dom.js";

export class Tabs {
  /** @param {string} title key @param {[string, HTMLElement][]} views key of what each is called, and the view */
  constructor(title, views) {
    this.buttons = views.map(([key], i) => h("button", { type: "button", role: "tab", id: `tab-${key}`, "aria-controls": `view-${key}`, t: key, onclick: () => this.choose(i) }));
    this.views = views.map(([key, view]) => h("div.view", { role: "tabpanel", id: `view-${key}`, "aria-labelledby": `tab-${key}` }, view));
    this.element = h("div.tabbed", {}, h("div.tabs", { role: "tablist", "t-label": title, onkeydown: (/** @type {KeyboardEvent} */ event) => this.#key(event) }, ...this.buttons), ...this.views);
    this.choose(0);
  }

  /** @param {number} index */
  choose(index) {
    this.buttons.forEach((button, i) => {
      button.setAttribute("aria-selected", String(i === index));
      button.tabIndex = i === index ? 0 : -1;
      this.views[i].hidden = i !== index;
    });
  }

  /** @param {KeyboardEvent} event */
  #key({ key }) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
    const at = this.buttons.findIndex((button) => button === document.activeElement);
    if (!step || at < 0) return;
    const to = (at + step + this.buttons.length) % this.buttons.length;
    this.choose(to);
    this.buttons[to].focus();
  }
}
