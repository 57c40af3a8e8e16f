/** How urgent a call is: a shape, a word and a colour, so that none of them is needed alone. */
import { h, setText } from "../shared/dom.js";
import { t } from "../shared/i18n.js";

/** @typedef {import("./ranking.js").Level} Level */

const SVG = "http://www.w3.org/2000/svg";
/** In a 16 x 16 box: an exclamation mark in a disc, an eye, a small dot. @type {Record<Level, string>} */
const SHAPES = {
  help: "M8 0 A8 8 0 1 0 8 16 A8 8 0 1 0 8 0 Z M7 3.5 H9 V9.5 H7 Z M7 11 H9 V13 H7 Z",
  watch: "M0 8 C3 2.5 13 2.5 16 8 C13 13.5 3 13.5 0 8 Z M8 5 A3 3 0 1 0 8 11 A3 3 0 1 0 8 5 Z",
  calm: "M8 4.5 A3.5 3.5 0 1 0 8 11.5 A3.5 3.5 0 1 0 8 4.5 Z",
};

export class LevelMark {
  #shape = document.createElementNS(SVG, "path");
  #word = h("span");

  constructor() {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 16 16");
    svg.setAttribute("aria-hidden", "true");
    this.#shape.setAttribute("fill-rule", "evenodd");
    svg.append(this.#shape);
    this.element = h("span.level");
    this.element.append(svg, this.#word);
  }

  /** @param {Level} level @param {string} [text] in the place of its word */
  show(level, text) {
    setText(this.#word, text ?? t(`dash.level.${level}`));
    if (this.element.dataset.level === level) return;
    this.element.dataset.level = level;
    this.#shape.setAttribute("d", SHAPES[level]);
  }
}
