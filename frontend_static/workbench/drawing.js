/** A canvas as wide as its place, sharp on any screen, drawn anew when that or the colours change. */
import { h } from "../shared/dom.js";

/** @typedef {(ctx: CanvasRenderingContext2D, colour: (name: string) => string, width: number) => number} Paint gives the height in px; 0: nothing to draw */

export class Drawing {
  /** @type {Map<string, string>} */ #colours = new Map();
  #height = 0;

  /** @param {Paint} paint draws again if it turns out taller than before */
  constructor(paint) {
    this.paint = paint;
    this.element = /** @type {HTMLCanvasElement} */ (h("canvas", { "aria-hidden": "true" }));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.#colours.clear();
      this.draw();
    });
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  draw() {
    const width = this.element.clientWidth;
    if (!width) return;
    const ratio = devicePixelRatio || 1;
    const height = this.#once(width, ratio);
    if (height !== this.#height) {
      this.#height = height;
      this.#once(width, ratio);
    }
  }

  /** @param {number} width @param {number} ratio @returns {number} */
  #once(width, ratio) {
    const [wide, tall] = [Math.round(width * ratio), Math.round(this.#height * ratio)];
    if (this.element.width !== wide || this.element.height !== tall) {
      Object.assign(this.element, { width: wide, height: tall });
      this.element.style.height = `${this.#height}px`;
    }
    const ctx = /** @type {CanvasRenderingContext2D} */ (this.element.getContext("2d"));
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.font = `12px ${getComputedStyle(this.element).fontFamily}`;
    return this.paint(ctx, (name) => this.#colour(name), width);
  }

  /** @param {string} name of a property of theme.css */
  #colour(name) {
    const known = this.#colours.get(name) ?? getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
    this.#colours.set(name, known);
    return known;
  }
}
