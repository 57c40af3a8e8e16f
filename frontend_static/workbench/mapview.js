/** The map of recordings: looked at, zoomed, gone through by the keys, and listened to. Names no point but the one that is pointed at. */
import { h } from "../shared/dom.js";
import { Drawing } from "./drawing.js";
import { fit, moved, nearest, next, revealed, shown, zoomed } from "./mapping.js";

/**
 * @typedef {import("./library.js").Placed} Placed
 * @typedef {import("./symbols.js").Symbol} Symbol
 * @typedef {{symbol: (item: Placed) => Symbol, bright: (item: Placed) => boolean, says: (item: Placed) => string}} Look
 * @typedef {{chosen: (index: number) => void, played: (index: number) => void}} On
 */

/** How near the pointer must be, px. */
const REACH = 16;
/** A pointer that went farther has moved the map. */
const STILL = 6;
const STEP = 1.5;
const FADED = 0.12;
/** @type {Record<string, import("./mapping.js").Direction>} */
const ARROWS = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" };

export class MapView {
  /** @type {Placed[]} */ #items = [];
  /** @type {Look|null} */ #look = null;
  /** @type {import("./mapping.js").View} */ #view = { scale: 1, x: 0, y: 0 };
  /** @type {import("./mapping.js").View} */ #whole = this.#view;
  /** @type {import("./mapping.js").Size} */ #size = { width: 0, height: 0 };
  /** @type {import("./mapping.js").Point[]} Where each item lies, px. */ #places = [];
  /** @type {Map<string, HTMLCanvasElement>} */ #stamps = new Map();
  /** @type {{x: number, y: number, far: number}|null} */ #drag = null;
  #chosen = -1;
  /** Which one is named beside it. */ #named = -1;
  #frame = 0;

  /** @param {On} on */
  constructor(on) {
    this.on = on;
    this.drawing = new Drawing((ctx, colour, width) => this.#paint(ctx, colour, width));
    this.here = h("i.here", { hidden: true });
    this.tip = h("div.tip", { hidden: true });
    this.field = h("div.field", { tabindex: "0", role: "application", "t-label": "work.library.map", "aria-describedby": "library-map-keys" }, this.drawing.element, this.here, this.tip);
    const button = (/** @type {string} */ key, /** @type {string} */ text, /** @type {() => void} */ onclick) => h("button.button", { type: "button", "t-label": `work.library.map.${key}`, onclick }, text);
    this.element = h("div.map", {}, this.field, h("div.zooms", {}, button("in", "+", () => this.#zoom(STEP)), button("out", "\u2212", () => this.#zoom(1 / STEP)), button("whole", "\u2922", () => this.#zoom(0))),
      h("p.hint", { id: "library-map-keys", t: "work.library.map.keys" }));
    const { field } = this;
    field.addEventListener("pointerdown", (event) => this.#press(event));
    field.addEventListener("pointermove", (event) => this.#move(event));
    field.addEventListener("pointerup", (event) => this.#release(event));
    for (const type of ["pointerleave", "pointercancel"]) field.addEventListener(type, () => this.#leave());
    field.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    field.addEventListener("keydown", (event) => this.#key(event));
  }

  /** @param {Placed[]} items all of which have a place @param {Look} look */
  show(items, look) {
    [this.#items, this.#look] = [items, look];
    this.#size = { width: 0, height: 0 };
    this.#pick(-1);
    this.drawing.draw();
  }

  /** @param {Look} look of the same items */
  restyle(look) {
    this.#look = look;
    this.drawing.draw();
  }

  /** @param {number} index of the item that is shown; -1: none */
  choose(index) {
    this.#pick(index);
    if (index >= 0) {
      const seen = revealed(this.#view, this.#size, this.#items[index]);
      if (seen !== this.#view) this.#look_at(seen);
    }
    this.#mark();
  }

  /** @param {number} index */
  #pick(index) {
    this.#chosen = index;
    this.here.hidden = true;
    this.#name(-1);
  }

  /** @param {CanvasRenderingContext2D} ctx @param {(name: string) => string} colour @param {number} width @returns {number} px */
  #paint(ctx, colour, width) {
    const height = Math.round(Math.min(560, Math.max(300, width * 0.6)));
    if (width !== this.#size.width || height !== this.#size.height) {
      this.#size = { width, height };
      this.#whole = this.#view = fit(this.#items, this.#size);
    }
    ctx.clearRect(0, 0, width, height);
    this.#places = this.#items.map((item) => shown(this.#view, this.#size, item));
    const look = this.#look;
    if (!look) return height;
    const span = this.#span();
    for (const bright of [false, true]) {
      ctx.globalAlpha = bright ? 1 : FADED;
      this.#items.forEach((item, i) => {
        const { x, y } = this.#places[i];
        if (look.bright(item) !== bright || x < -span || y < -span || x > width + span || y > height + span) return;
        ctx.drawImage(this.#stamp(look.symbol(item), colour, span), x - span / 2, y - span / 2, span, span);
      });
    }
    ctx.globalAlpha = 1;
    this.#mark();
    this.#name(this.#named);
    return height;
  }

  /** How wide a symbol is, px: smaller where there are many, larger where the map is zoomed. */
  #span() {
    const count = this.#items.length;
    const span = count > 1500 ? 9 : count > 300 ? 12 : 16;
    return Math.min(18, span * (this.#view.scale / this.#whole.scale) ** 0.25);
  }

  /** Thousands of symbols are copied, not drawn. @param {Symbol} symbol @param {(name: string) => string} colour @param {number} span */
  #stamp({ shape, colour: name }, colour, span) {
    const [ink, edge] = [colour(name), colour("surface")];
    const wide = Math.ceil(span * (devicePixelRatio || 1));
    const key = [shape, ink, edge, wide].join();
    const known = this.#stamps.get(key);
    if (known) return known;
    if (this.#stamps.size > 500) this.#stamps.clear();
    const stamp = document.createElement("canvas");
    Object.assign(stamp, { width: wide, height: wide });
    const ctx = /** @type {CanvasRenderingContext2D} */ (stamp.getContext("2d"));
    ctx.scale(wide / 28, wide / 28);
    ctx.translate(2, 2);
    const path = new Path2D(shape);
    Object.assign(ctx, { lineWidth: 2.5, strokeStyle: edge, fillStyle: ink });
    ctx.stroke(path);
    ctx.fill(path, "evenodd");
    this.#stamps.set(key, stamp);
    return stamp;
  }

  /** @param {import("./mapping.js").View} view */
  #look_at(view) {
    this.#view = view;
    this.field.classList.toggle("zoomed", view !== this.#whole);
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.drawing.draw();
    });
  }

  /** @param {number} factor 0: all of it @param {import("./mapping.js").Point} [at] px */
  #zoom(factor, at) {
    const { width, height } = this.#size;
    const middle = this.#chosen >= 0 ? this.#places[this.#chosen] : { x: width / 2, y: height / 2 };
    this.#look_at(factor ? zoomed(this.#view, this.#size, factor, at ?? middle, this.#whole) : this.#whole);
  }

  /** The ring about the point that is chosen. */
  #mark() {
    const place = this.#places[this.#chosen];
    this.here.hidden = !place;
    if (place) this.here.style.transform = `translate(${place.x}px, ${place.y}px)`;
  }

  /** @param {MouseEvent} event @returns {import("./mapping.js").Point} px */
  #at(event) {
    const { left, top } = this.field.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  }

  /** @param {PointerEvent} event */
  #press(event) {
    this.#drag = { ...this.#at(event), far: 0 };
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const at = this.#at(event);
    if (!this.#drag) {
      this.#name(nearest(this.#places, at, REACH));
      return;
    }
    const [dx, dy] = [at.x - this.#drag.x, at.y - this.#drag.y];
    const far = this.#drag.far + Math.abs(dx) + Math.abs(dy);
    this.#drag = { ...at, far };
    if (far <= STILL || this.#view === this.#whole) return;
    this.field.setPointerCapture(event.pointerId);
    this.#name(-1);
    this.#look_at(moved(this.#view, dx, dy));
  }

  /** @param {PointerEvent} event */
  #release(event) {
    const far = this.#drag?.far ?? Infinity;
    this.#drag = null;
    const found = far <= STILL ? nearest(this.#places, this.#at(event), REACH) : -1;
    if (found < 0) return;
    this.#chosen = found;
    this.#mark();
    this.on.chosen(found);
    this.on.played(found);
  }

  #leave() {
    this.#drag = null;
    this.#name(-1);
  }

  /** With Ctrl, which is also what two fingers on a pad give: the page scrolls otherwise. @param {WheelEvent} event */
  #wheel(event) {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    this.#zoom(Math.exp(-event.deltaY / 200), this.#at(event));
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key in ARROWS) {
      const found = next(this.#places, this.#chosen, ARROWS[event.key]);
      if (found >= 0) {
        this.choose(found);
        this.on.chosen(found);
        this.#name(found);
      }
    } else if (event.key === "Enter" || event.key === " ") {
      if (this.#chosen >= 0) this.on.played(this.#chosen);
    } else if (event.key === "+" || event.key === "=") this.#zoom(STEP);
    else if (event.key === "-") this.#zoom(1 / STEP);
    else if (event.key === "0") this.#zoom(0);
    else return;
    event.preventDefault();
  }

  /** Beside the point, within the map. @param {number} index -1: none */
  #name(index) {
    this.#named = index;
    this.tip.hidden = index < 0;
    this.field.classList.toggle("over", index >= 0);
    if (index < 0 || !this.#look) return;
    this.tip.textContent = this.#look.says(this.#items[index]);
    const { x, y } = this.#places[index];
    const [wide, tall] = [this.tip.offsetWidth, this.tip.offsetHeight];
    const left = Math.max(0, Math.min(this.#size.width - wide, x + 14));
    const top = y + 14 + tall > this.#size.height ? y - 14 - tall : y + 14;
    this.tip.style.transform = `translate(${left}px, ${Math.max(0, top)}px)`;
  }
}
