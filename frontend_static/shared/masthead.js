/** The head of every page: name, the other pages, what a page has to add, and the switch to the other language. */
import { h, setText } from "./dom.js";
import { language, LANGUAGES, onLanguage, switchLanguage } from "./i18n.js";

/** @typedef {import("./i18n.js").Language} Language */

const PAGES = { mic: "/", dashboard: "/dashboard", trends: "/trends", workbench: "/workbench", reference: "/docs" };
const NAMES = { mic: "shared.nav.mic", dashboard: "shared.nav.dashboard", trends: "shared.nav.trends", workbench: "shared.nav.workbench",
  reference: "shared.nav.reference" };

/**
 * @param {HTMLElement} header empty, of the class `masthead` @param {keyof typeof PAGES} page the one that is shown
 * @param {...Node} added between the pages and the language, such as the state of a connection
 */
export function masthead(header, page, ...added) {
  const links = /** @type {(keyof typeof PAGES)[]} */ (Object.keys(PAGES)).map((name) =>
    h("a", { href: PAGES[name], t: NAMES[name], "aria-current": name === page ? "page" : null }));
  const icon = h("img", { src: "/static/shared/icon.svg", alt: "", width: "28", height: "28" });
  const other = h("button.language", { type: "button", onclick: () => switchLanguage(otherLanguage()) });
  const name = () => {
    setText(other, LANGUAGES[otherLanguage()]);
    other.setAttribute("lang", otherLanguage());
  };
  name();
  onLanguage(name);
  header.replaceChildren(
    h("a.brand", { href: PAGES.mic }, icon, h("span", {}, "Undertone")), h("nav", { "t-label": "shared.nav" }, ...links),
    h("div.added", {}, ...added), other);
}

/** @returns {Language} */
function otherLanguage() {
  return language() === "en" ? "zh" : "en";
}
