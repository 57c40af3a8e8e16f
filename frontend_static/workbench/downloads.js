/** What the reader takes along: tables, a single result, a file of embeddings, or all of it as an archive. Notes what was taken. */
import { failureText } from "../shared/api.js";
import { percent } from "../shared/format.js";
import { t } from "../shared/i18n.js";
import { called, contents, places, predictions } from "./archive.js";
import { files } from "./entries.js";
import { available, fileUrl } from "./jobs.js";
import { csv, jsonLines } from "./rows.js";
import { packed, save } from "./saving.js";

/** @typedef {import("./entries.js").Entry} Entry */

export class Downloads {
  /** How far an archive is, or what went wrong with a download. @type {(() => string)|null} */ said = null;
  packing = false;

  /** @param {() => Entry[]} all on the page: what a file is called depends on the others @param {() => void} changed */
  constructor(all, changed) {
    this.all = all;
    this.changed = changed;
  }

  /** @param {Entry[]} some with results @param {"csv"|"jsonl"} form */
  table(some, form) {
    const lines = predictions(some, places(this.all()));
    save(`results.${form}`, [form === "csv" ? csv(lines) : jsonLines(lines)], form === "csv" ? "text/csv" : "application/jsonl");
    for (const entry of some) entry.taken.add("");
  }

  /** @param {Entry} entry */
  result(entry) {
    const [prediction] = predictions([entry], places(this.all()));
    save("result.json", [`${JSON.stringify(prediction, null, 1)}\n`], "application/json");
    entry.taken.add("");
  }

  /** @param {Entry} entry @param {string} file @returns {string} what it is called in a download: "calls/a.npy" */
  name(entry, file) {
    return called(file, places(this.all()).get(entry) ?? entry.name).replace(/^embeddings\//, "");
  }

  /** The server may have deleted it by now, and a browser would not say so. @param {Entry} entry @param {string} file */
  async embedding(entry, file) {
    const url = fileUrl(entry.job, file);
    await this.#say(async () => {
      await available(url);
      const link = document.createElement("a");
      Object.assign(link, { href: url, download: this.name(entry, file).split("/").at(-1) });
      link.click();
      entry.taken.add(file);
    });
  }

  /** Results and embeddings as one archive, laid out like the folder of a run. @param {Entry[]} some with results */
  async archive(some) {
    const text = new TextEncoder();
    const parts = contents(some, places(this.all())).map((part) => ("text" in part ? { name: part.name, data: text.encode(part.text) } : { name: part.name, url: fileUrl(part.entry.job, part.file) }));
    const passed = (/** @type {number} */ share) => {
      this.said = () => t("work.packing", { share: percent(share) });
      this.changed();
    };
    this.packing = true;
    await this.#say(async () => {
      save(`outputs_${stamp(new Date())}.zip`, await packed(parts, passed), "application/zip");
      for (const entry of some) for (const file of ["", ...files(entry)]) entry.taken.add(file);
    });
    this.packing = false;
    this.changed();
  }

  /** @param {() => Promise<void>} work what goes wrong with it is said */
  async #say(work) {
    try {
      await work();
      this.said = null;
    } catch (error) {
      this.said = failureText(error);
    }
    this.changed();
  }
}

/** @param {Date} now */
function stamp(now) {
  return new Date(now.getTime() - now.getTimezoneOffset() * 60_000).toISOString().slice(0, 19).replace(/[-:]/g, "").replace("T", "_");
}
