// A video to look at and to download.

import { fill, make, setAttribute, setText } from "../browser/format.js";

const MEGABYTE = 1e6;

/** @typedef {import("../browser/format.js").Labels} Labels */
/** @typedef {{url: string, name: string, bytes: number}} Video A file that is made. */

export class VideoView {
  /** @param {{labels: Labels, formats: import("../browser/format.js").Formats}} options */
  constructor({ labels, formats }) {
    this.labels = labels;
    this.formats = formats;
    this.address = "";
    this.stage = make("div", { class: "dqn-video-stage" });
    this.link = make("a", { class: "dqn-video-link", "data-testid": "video-download" });
    this.element = make("div", { class: "dqn-video", "data-testid": "video" }, this.stage, this.link);
    this.element.hidden = true;
  }

  /**
   * `isWanted` starts it at once.
   * @param {Video} video
   * @param {{isWanted?: boolean}} options
   */
  show({ url: address, name, bytes }, { isWanted = false } = {}) {
    if (this.address === address) return;
    this.address = address;
    this.stage.replaceChildren(name.endsWith(".gif") ? this.picture(address, name) : this.video(address, isWanted));
    setAttribute(this.link, "href", address);
    setAttribute(this.link, "download", name);
    const size = this.formats.score(Math.max(0.1, bytes / MEGABYTE));
    setText(this.link, fill(this.labels.download, { name, size }));
    this.element.hidden = false;
  }

  /**
   * @param {string} address
   * @param {boolean} isWanted
   */
  video(address, isWanted) {
    const video = make("video", { src: address, controls: "", loop: "", playsinline: "", preload: "auto" });
    video.muted = true; // A video without sound may start by itself.
    if (isWanted) video.play().catch(() => undefined); // The browser may still want a press of its button.
    return video;
  }

  /**
   * @param {string} address
   * @param {string} name
   */
  picture(address, name) {
    return make("img", { src: address, alt: name });
  }

  dispose() {
    this.stage.replaceChildren(); // Frees the file.
  }
}
