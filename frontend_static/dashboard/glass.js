/** The glass over the timeline: takes pointer, wheel and keys, and shows the cursor and what is being selected. */
import { h } from "../shared/dom.js";

/**
 * @typedef {{cursor: (x: number|null) => void, select: (from_x: number, to_x: number) => void,
 *   zoom: (x: number, factor: number) => void, pan: (share: number) => void, key: (event: KeyboardEvent) => void,
 *   whole: () => void}} GlassHandlers `x`: px from the left edge
 */

/** A shorter drag is a click. */
const SHORTEST_DRAG_PX = 8;
const WHEEL_STEP = 1.0015;

export class Glass {
  /** @type {number|null} Where a drag began. */ #from_x = null;

  /** @param {GlassHandlers} on */
  constructor(on) {
    this.on = on;
    this.line = h("i.cursor", { hidden: true });
    this.band = h("i.selection", { hidden: true });
    this.element = h("div.glass", { tabindex: "0", role: "slider", "t-label": "dash.timeline.moment", "aria-valuemin": "0", "aria-describedby": "readout" },
      this.line, this.band);
    const listen = (/** @type {string} */ type, /** @type {(event: any) => void} */ listener) => this.element.addEventListener(type, listener);
    listen("pointerdown", (event) => this.#down(event));
    listen("pointermove", (event) => this.#move(event));
    listen("pointerup", (event) => this.#up(event));
    listen("pointercancel", () => this.#let());
    listen("pointerleave", () => this.#from_x === null && on.cursor(null));
    listen("blur", () => on.cursor(null));
    listen("dblclick", () => on.whole());
    listen("keydown", (event) => on.key(event));
    this.element.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
  }

  /** @param {number|null} x of the cursor @param {{now: number, most: number, text: string}} value seconds, and in words */
  show(x, { now, most, text }) {
    this.line.hidden = x === null;
    if (x !== null) this.line.style.transform = `translateX(${x}px)`;
    this.element.setAttribute("aria-valuemax", String(Math.ceil(most)));
    this.element.setAttribute("aria-valuenow", String(Math.floor(now)));
    this.element.setAttribute("aria-valuetext", text);
  }

  /** @param {PointerEvent} event */
  #down(event) {
    this.on.cursor(this.#x(event));
    if (event.pointerType === "touch" || event.button !== 0) return;
    this.#from_x = this.#x(event);
    this.element.setPointerCapture(event.pointerId);
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const x = this.#x(event);
    this.on.cursor(x);
    if (this.#from_x === null) return;
    this.band.hidden = Math.abs(x - this.#from_x) < SHORTEST_DRAG_PX;
    this.band.style.left = `${Math.min(x, this.#from_x)}px`;
    this.band.style.width = `${Math.abs(x - this.#from_x)}px`;
  }

  /** @param {PointerEvent} event */
  #up(event) {
    const [from, x] = [this.#from_x, this.#x(event)];
    this.#let();
    if (from !== null && Math.abs(x - from) >= SHORTEST_DRAG_PX) this.on.select(Math.min(from, x), Math.max(from, x));
  }

  #let() {
    this.#from_x = null;
    this.band.hidden = true;
  }

  /** Scrolling the page stays what it is: only with Ctrl (as a pinch sends it) or sideways the wheel is ours. @param {WheelEvent} event */
  #wheel(event) {
    const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
    if (event.ctrlKey || event.metaKey) this.on.zoom(this.#x(event), WHEEL_STEP ** event.deltaY);
    else if (Math.abs(sideways) > Math.abs(event.shiftKey ? 0 : event.deltaY)) this.on.pan(sideways / this.element.clientWidth);
    else return;
    event.preventDefault();
  }

  /** @param {MouseEvent} event @returns {number} px, inside the glass */
  #x(event) {
    const { left, width } = this.element.getBoundingClientRect();
    return Math.min(width, Math.max(0, event.clientX - left));
  }
}
