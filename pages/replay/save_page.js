// The button that saves what is shown as one file: a page with its player, its numbers and its pictures.

import { fill, make, setText } from "../shared/browser/format.js";

const PIECE = 0x8000; // Characters that one call may have as arguments.
const DIGITS = 6; // Of a number: more than anybody reads.
const OTHER_NUMBERS = 4; // Of a step: action, whether it is greedy, reward, discounted return.
const MOST_COUNTED = 200_000; // Numbers that are written out to see how long they are.
const BYTES_OF_NUMBER = 9;
const MEGABYTE = 1_000_000;
const PLACES = { title: "@@TITLE@@", data: "@@EPISODE@@" };

/** @typedef {import("./episode_view.js").EpisodeView} EpisodeView */
/** @typedef {import("./episode_view.js").ReplayData} ReplayData */
/** @typedef {{address: string, bytes: number, most_bytes: number, file: string, title: string}} PageOffer */

export class SavePage {
  /**
   * @param {{data: ReplayData, offer: PageOffer, views: EpisodeView[], locale: string}} options
   */
  constructor({ data, offer, views, locale }) {
    this.data = data;
    this.labels = data.labels;
    this.offer = offer;
    this.views = views;
    this.megabytes = new Intl.NumberFormat(locale, { maximumFractionDigits: 1, minimumFractionDigits: 1 });
    this.isKnown = false;
    this.button = make("button", { type: "button", class: "dqn-save-page", disabled: "", "data-testid": "save-page" });
    this.note = make("p", { class: "dqn-save-note", role: "status", "data-testid": "save-note" });
    this.element = make("div", { class: "dqn-save" }, this.button, this.note);
    this.button.addEventListener("click", () => this.save());
    setText(this.button, this.labels.save_page);
    setText(this.note, this.labels.save_wait);
  }

  /** How large the file will be, once everything has come. */
  show() {
    const isComplete = this.views.every(
      (view) => view.episode !== null && view.lastReady === Infinity && !view.hasFailed && (view.seen?.isReady ?? true),
    );
    if (this.isKnown || !isComplete) return;
    this.isKnown = true;
    const bytes = this.offer.bytes + this.views.reduce((sum, view) => sum + bytesOf(view), 0);
    const size = this.size(bytes);
    setText(this.button, fill(this.labels.save_page_size, { size }));
    const isTooLarge = bytes > this.offer.most_bytes;
    this.button.disabled = isTooLarge;
    const said = { size, most: this.size(this.offer.most_bytes) };
    setText(this.note, isTooLarge ? fill(this.labels.save_too_large, said) : this.labels.save_help);
  }

  /** @param {number} bytes */
  size(bytes) {
    return `${this.megabytes.format(bytes / MEGABYTE)} MB`;
  }

  async save() {
    this.button.disabled = true;
    try {
      const response = await fetch(this.offer.address);
      if (!response.ok) throw new Error(String(response.status));
      const { html } = await response.json();
      download(this.page(html), this.offer.file);
      setText(this.note, this.labels.save_done);
    } catch {
      setText(this.note, this.labels.save_failed);
    } finally {
      this.button.disabled = false;
    }
  }

  /** @param {string} template */
  page(template) {
    const { labels, action_names, observation_names, layout, frames_per_s, locale } = this.data;
    const sides = this.views.map(({ side, episode, pictures, seen }) => ({
      title: side.title,
      detail: side.detail,
      url: "",
      facts: side.facts,
      recorded: {
        numbers: episode?.numbers,
        pictures: (pictures?.packed ?? []).map(base64),
        seen: encodedOf(seen?.streams.seen),
        important: encodedOf(seen?.streams.important),
      },
    }));
    const { title } = this.offer;
    const data = { title, sides, labels, action_names, observation_names, layout, frames_per_s, locale };
    const [head, afterTitle] = cut(template, PLACES.title);
    const [middle, tail] = cut(afterTitle, PLACES.data);
    const episode = JSON.stringify(data, short).replaceAll("<", "\\u003c");
    return new Blob([head, escaped(title), middle, episode, tail], { type: "text/html" });
  }
}

/**
 * How much of the file an episode takes; of a long one, about how much.
 * @param {EpisodeView} view
 */
function bytesOf({ episode, pictures, seen }) {
  const streams = [pictures, seen?.streams.seen, seen?.streams.important];
  const encoded = streams
    .flatMap((each) => each?.packed ?? [])
    .reduce((sum, each) => sum + 4 * Math.ceil(each.length / 3) + 3, 0);
  if (episode === null) return encoded;
  const { numbers, length } = episode;
  const count = length * (OTHER_NUMBERS + (numbers.observations[0]?.length ?? 0) + (numbers.q_values[0]?.length ?? 0));
  return encoded + (count > MOST_COUNTED ? count * BYTES_OF_NUMBER : JSON.stringify(numbers, short).length);
}

/**
 * Pictures in base64, where all of them have come.
 * @param {import("../shared/episode/pictures.js").Pictures | null | undefined} pictures
 */
function encodedOf(pictures) {
  return pictures?.isComplete ? pictures.packed.map(base64) : undefined;
}

/**
 * What is before and after the first `place` in a text.
 * @param {string} text
 * @param {string} place
 */
function cut(text, place) {
  const at = text.indexOf(place);
  return [text.slice(0, at), text.slice(at + place.length)];
}

/**
 * @param {string} _name
 * @param {unknown} value
 */
function short(_name, value) {
  return typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(DIGITS)) : value;
}

/** @param {Uint8Array} bytes */
function base64(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += PIECE) text += String.fromCharCode(...bytes.subarray(at, at + PIECE));
  return btoa(text);
}

/** @param {string} text */
function escaped(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

/**
 * @param {Blob} file
 * @param {string} name
 */
function download(file, name) {
  const address = URL.createObjectURL(file);
  const link = make("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
