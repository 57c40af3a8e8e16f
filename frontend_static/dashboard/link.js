/** Shows whether the page hears the server, when it last did, and that it does again. */
import { h, setText } from "../shared/dom.js";
import { locale, t } from "../shared/i18n.js";
import { lasting } from "./why.js";

/** @typedef {import("../shared/feed.js").FeedStatus} FeedStatus */
/** @typedef {{gap_ms: number, until_ms: number}} Return how long the page was without the server, and until when that is said */

export class Link {
  /** @param {() => void} retry */
  constructor(retry) {
    this.text = h("span", { role: "status" });
    this.element = h("p.link", {}, h("span.dot", { "aria-hidden": "true" }), this.text);
    this.said = h("span", { role: "alert" });
    this.next = h("span"); // Counts down, so it is not read out.
    this.banner = h("p.banner", { hidden: true }, this.said, " ", this.next, " ",
      h("button.button", { type: "button", t: "dash.link.retry", onclick: retry }));
    this.back = h("p.banner.back", { role: "status", hidden: true });
  }

  /** @param {FeedStatus} status @param {number|null} lost_ms when the picture stopped being live @param {Return|null} returned */
  show({ phase, retry_at_ms, attempts }, lost_ms, returned) {
    const live = phase === "open" && lost_ms === null;
    this.element.dataset.phase = live ? "open" : phase === "open" ? "connecting" : phase;
    setText(this.text, t(live ? "dash.link.open" : attempts ? "dash.link.lost" : "dash.link.connecting"));
    this.banner.hidden = phase === "open" || attempts === 0;
    const seconds = retry_at_ms ? Math.max(1, Math.ceil((retry_at_ms - Date.now()) / 1000)) : 0;
    const since = lost_ms ? t("dash.link.since", { time: new Date(lost_ms).toLocaleTimeString(locale()) }) : "";
    setText(this.said, this.banner.hidden ? "" : `${t("dash.link.banner")} ${since}`);
    setText(this.next, phase === "waiting" ? t("dash.link.again_in", { seconds }) : t("dash.link.again_now"));
    const told = live && returned !== null && Date.now() < returned.until_ms;
    this.back.hidden = !told;
    setText(this.back, told ? t("dash.link.back", { gap: lasting(returned.gap_ms / 1000) }) : "");
  }
}
