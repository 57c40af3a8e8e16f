/** The result of one file: how it sounds, over time and by speaker, what it is like as sound, and its embeddings. */
import { h, setText } from "../shared/dom.js";
import { t } from "../shared/i18n.js";
import { audioFacts } from "./audiofacts.js";
import { CourseView } from "./courseview.js";
import { embeddingCard } from "./embeddingcard.js";
import { feelingCard } from "./feelingcard.js";
import { FrameView } from "./frameview.js";
import { people } from "./people.js";
import { sentenceText } from "./words.js";

/** @typedef {import("./entries.js").Entry} Entry */

export class ResultView {
  /** @param {{name: (entry: Entry, file: string) => string, embedding: (entry: Entry, file: string) => void, result: (entry: Entry) => void, close: () => void}} on
   *   `name`: what a file of it is called in a download; `embedding`, `result`: such a file, or its result, is to be downloaded */
  constructor(on) {
    this.on = on;
    this.name = h("h2", { tabindex: "-1" });
    this.model = h("p.quiet");
    this.save = h("button.button", { type: "button", t: "work.download.result" });
    this.course = new CourseView();
    this.frames = new FrameView();
    this.parts = ["feels", "people", "audio", "embeddings", "failure"].map((part) => h(`div.part-${part}`));
    const [feels, folk, audio, embeddings, failure] = this.parts;
    this.element = h("section.result", { "t-label": "work.result", hidden: true },
      h("div.head", {}, h("div", {}, this.name, this.model), h("div.actions", {}, this.save, h("button.button", { type: "button", t: "work.close", onclick: () => on.close() }))),
      failure, feels, folk, this.course.element, this.frames.element, audio, embeddings);
  }

  /** @param {Entry|null} entry that is done or failed */
  show(entry) {
    const prediction = entry?.prediction ?? null;
    this.element.hidden = !entry || !prediction;
    if (!entry || !prediction) {
      this.course.hide();
      return;
    }
    const [feels, folk, audio, embeddings, failure] = this.parts;
    const done = prediction.status === "done";
    setText(this.name, entry.name);
    setText(this.model, t("work.by_model", { model: prediction.model }));
    this.save.onclick = () => this.on.result(entry);
    failure.replaceChildren(...(prediction.failure ? [failed(prediction.failure)] : []));
    feels.replaceChildren(...(done ? [feelingCard(prediction.emotion, prediction.speakers.length > 1)] : []));
    this.course.element.hidden = !done;
    if (done) this.course.show(prediction, entry.file);
    else this.course.hide();
    const folks = people(prediction, (at_s) => this.course.player.play(at_s));
    folk.replaceChildren(...(folks ? [folks] : []));
    this.frames.show(prediction.frames, done && entry.granularity === "frame");
    audio.replaceChildren(...(prediction.facts ? [audioFacts(prediction.facts)] : []));
    embeddings.replaceChildren(...(done ? [embeddingCard(prediction.embeddings, entry.kept_until, (file) => this.on.name(entry, file), (file) => this.on.embedding(entry, file))] : []));
  }
}

/** @param {any} failure */
function failed({ reason, remedy }) {
  return h("section.panel.failed", { "aria-label": t("work.failed") }, h("p.word", {}, t("work.failed")), h("p", {}, sentenceText(reason)), h("p", {}, sentenceText(remedy)));
}
