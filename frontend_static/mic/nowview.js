/** How it sounds right now: one large word with a shape and a colour, a plain sentence, and how far to trust it. */
import { glyph, h, setGlyph, setText, trust } from "../shared/dom.js";
import { lag, percent } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { energyText, labelText, ranked, reliability } from "../shared/labels.js";

/** @typedef {import("./saying.js").Saying} Saying */

const TOPS = 3;

export class NowView {
  constructor() {
    this.glyph = glyph(null);
    this.word = h("p.word");
    this.sentence = h("p.says");
    this.tops = Array.from({ length: TOPS }, topRow);
    this.trust = trust();
    this.reliability = h("span");
    this.energy = h("i");
    this.energyText = h("span");
    this.lag = h("span");
    const fact = (/** @type {string} */ key, /** @type {HTMLElement[]} */ ...values) => h("div", {}, h("dt", { t: key }), h("dd", {}, ...values));
    this.element = h("section.panel.now", { "t-label": "mic.now" },
      h("div.feeling", {}, this.glyph, h("div", {}, this.word, this.sentence)),
      h("ul.tops", { "t-label": "mic.scores" }, ...this.tops),
      h("dl.facts", {}, fact("mic.reliability", this.trust, this.reliability),
        fact("mic.energy", h("span.bar", { "aria-hidden": "true" }, this.energy), this.energyText),
        fact("mic.lag", this.lag)));
  }

  /** @param {Saying} saying */
  show({ label, word, sentence, emotion }) {
    setGlyph(this.glyph, label);
    setText(this.word, word);
    setText(this.sentence, sentence);
    this.element.style.setProperty("--tone", label ? `var(--${label})` : "transparent");
    const scores = emotion ? ranked(emotion.scores, 0.03).slice(0, TOPS) : [];
    this.tops.forEach((row, i) => setTop(row, scores[i]));
    const trusted = emotion?.reliability ?? "unusable";
    this.trust.setAttribute("data-level", trusted);
    const { text, says } = reliability(trusted);
    setText(this.reliability, emotion ? t("shared.reliability.says", { text, says }) : t("mic.reliability.none"));
    const arousal = emotion?.arousal ?? null;
    this.energy.style.width = `${(arousal ?? 0) * 100}%`;
    setText(this.energyText, arousal === null ? "\u2013" : energyText(arousal));
    setText(this.lag, lag(emotion?.lag_ms));
    this.lag.title = t("mic.lag.says");
  }
}

function topRow() {
  return h("li", {}, glyph(null), h("span.name"), h("span.bar", { "aria-hidden": "true" }, h("i")), h("span.value"));
}

/** @param {HTMLElement} row @param {{label: string, score: number}|undefined} top */
function setTop(row, top) {
  row.classList.toggle("empty", !top);
  const [shape, name, bar, value] = row.children;
  setGlyph(shape, top?.label);
  setText(name, top ? labelText(top.label) : "");
  setText(value, top ? percent(top.score) : "");
  const fill = /** @type {HTMLElement} */ (bar.firstElementChild);
  fill.style.width = `${(top?.score ?? 0) * 100}%`;
  fill.style.background = top ? `var(--${top.label})` : "";
}
