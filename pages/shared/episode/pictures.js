// The pictures of one episode: fetched as they are drawn, kept as JPEG or PNG, decoded when they are about to be shown.

import { patientFetch, ReplayProblem } from "./episode.js";

const BITMAPS_KEPT = 48; // About 1 MB each.
const DECODES_AT_ONCE = 3;
const PREFETCHED = 16;
const PNG_HEAD = 0x89; // A PNG's first byte.
const NOT_FOUND = 404;
const PACK_HEAD = 4; // Numbers before the lengths: first, count, drawn, whether these are all.

export class Pictures {
  /**
   * `url(first)` is asked for the pictures from there on, after `renew()` where the server knows the episode no more;
   * `onNews()` is called when some came or one was decoded.
   * @param {object} options
   * @param {(first: number) => string} options.url
   * @param {() => Promise<void>} options.renew
   * @param {() => void} options.onNews
   * @param {(error: unknown) => void} options.onProblem
   */
  constructor({ url, renew, onNews, onProblem }) {
    this.url = url;
    this.renew = renew;
    this.hasRenewed = false;
    this.onNews = onNews;
    this.onProblem = onProblem;
    /** @type {Uint8Array<ArrayBuffer>[]} */
    this.packed = [];
    /** @type {Map<number, ImageBitmap>} By number, the one not shown for the longest first. */
    this.bitmaps = new Map();
    /** @type {Set<number>} */
    this.decoding = new Set();
    /** @type {number[]} */
    this.wanted = [];
    this.isComplete = false;
    this.abort = new AbortController();
  }

  get length() {
    return this.packed.length;
  }

  async load() {
    const { signal } = this.abort;
    try {
      while (!this.isComplete) {
        const response = await patientFetch(this.url(this.length), signal);
        this.take(await response.arrayBuffer());
        this.onNews();
      }
    } catch (error) {
      if (!signal.aborted) await this.lost(error);
    }
  }

  /**
   * The server keeps an episode for a while only; asked again, it makes the same one.
   * @param {unknown} error
   */
  async lost(error) {
    const isGone = error instanceof ReplayProblem && error.status === NOT_FOUND;
    if (!isGone || this.hasRenewed) {
      this.onProblem(error);
      return;
    }
    this.hasRenewed = true;
    try {
      await this.renew();
    } catch (failure) {
      if (!this.abort.signal.aborted) this.onProblem(failure);
      return;
    }
    await this.load();
    this.hasRenewed = false;
  }

  /**
   * Has all of them, in base64, so that none is fetched.
   * @param {string[]} pictures
   */
  hold(pictures) {
    this.packed = pictures.map((text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)));
    this.isComplete = true;
    this.onNews();
  }

  /** @param {ArrayBuffer} pack */
  take(pack) {
    const view = new DataView(pack);
    const number = (/** @type {number} */ index) => view.getUint32(4 * index, true);
    const count = number(1);
    let at = 4 * (PACK_HEAD + count);
    for (let i = 0; i < count; i += 1) {
      const size = number(PACK_HEAD + i);
      this.packed.push(new Uint8Array(pack, at, size));
      at += size;
    }
    this.isComplete = number(3) === 1 && this.length >= number(2);
  }

  /**
   * [number, bitmap] of the picture `index` if it is decoded; decodes it, and those to come at `stride`.
   * @param {number} index
   * @param {number} stride
   */
  get(index, stride) {
    this.wanted = Array.from({ length: PREFETCHED }, (_, i) => index + i * stride);
    this.decodeNext();
    return this.touch(index);
  }

  /**
   * The same while it plays: a machine that cannot keep up shows the latest that it has, rather than none.
   * @param {number} index
   * @param {number} stride
   */
  getLatest(index, stride) {
    const found = this.get(index, stride);
    if (found !== null) return found;
    const latest = [...this.bitmaps.keys()].filter((number) => number < index);
    return latest.length > 0 ? this.touch(Math.max(...latest)) : null;
  }

  /**
   * @param {number} index
   * @returns {[number, ImageBitmap] | null}
   */
  touch(index) {
    const bitmap = this.bitmaps.get(index);
    if (bitmap === undefined) return null;
    this.bitmaps.delete(index);
    this.bitmaps.set(index, bitmap);
    return [index, bitmap];
  }

  decodeNext() {
    const isMissing = (/** @type {number} */ index) =>
      index >= 0 && index < this.length && !this.bitmaps.has(index) && !this.decoding.has(index);
    while (this.decoding.size < DECODES_AT_ONCE) {
      const index = this.wanted.find(isMissing);
      if (index === undefined) return;
      this.decode(index);
    }
  }

  /** @param {number} index */
  async decode(index) {
    this.decoding.add(index);
    try {
      const packed = this.packed[index];
      const type = packed[0] === PNG_HEAD ? "image/png" : "image/jpeg";
      const bitmap = await createImageBitmap(new Blob([packed], { type }));
      if (this.abort.signal.aborted) bitmap.close();
      else this.keep(index, bitmap);
    } catch (error) {
      if (!this.abort.signal.aborted) this.onProblem(error);
    } finally {
      this.decoding.delete(index);
    }
    if (this.abort.signal.aborted) return;
    this.decodeNext();
    this.onNews();
  }

  /**
   * @param {number} index
   * @param {ImageBitmap} bitmap
   */
  keep(index, bitmap) {
    this.bitmaps.set(index, bitmap);
    for (const [oldest, each] of this.bitmaps) {
      if (this.bitmaps.size <= BITMAPS_KEPT) return;
      each.close();
      this.bitmaps.delete(oldest);
    }
  }

  dispose() {
    this.abort.abort();
    for (const bitmap of this.bitmaps.values()) bitmap.close();
    this.bitmaps.clear();
    this.packed = [];
  }
}
