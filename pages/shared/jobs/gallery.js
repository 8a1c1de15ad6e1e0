// Episodes of a run, early to late: a picture of each, and its video when asked for.

import { fill, make, makeFormats } from "../browser/format.js";
import { VideoView } from "./video_view.js";
import { followJob, isOver, JobView } from "./job_view.js";

/** @typedef {import("../browser/format.js").Labels} Labels */
/** @typedef {import("../browser/format.js").Formats} Formats */
/** @typedef {import("./video_view.js").Video} Video */
/**
 * @typedef {object} RecordedEpisode
 * @property {string} name
 * @property {"training" | "best"} kind
 * @property {number} episode
 * @property {number} episode_return
 * @property {string} picture An address.
 * @property {Video | null} video
 * @property {string | null} job_id Of the job that makes the video just now.
 * @property {boolean} may_cancel Whether the reader may end that job.
 */
/**
 * @typedef {object} GalleryData What Python hands over.
 * @property {RecordedEpisode[]} episodes
 * @property {string} locale
 * @property {Labels} labels
 */
/**
 * @typedef {object} CardOptions
 * @property {RecordedEpisode} episode
 * @property {Labels} labels
 * @property {Formats} formats
 * @property {string} locale
 * @property {(name: string) => void} onPlay
 * @property {(jobId: string) => void} onCancel
 */

class EpisodeCard {
  /** @param {CardOptions} options */
  constructor({ episode, labels, formats, locale, onPlay, onCancel }) {
    this.episode = episode;
    this.labels = labels;
    this.formats = formats;
    this.locale = locale;
    this.onCancel = onCancel;
    this.isWanted = false; // Whether somebody pressed it.
    this.isWatching = false; // Whether a job is on its way.
    /** @type {string | undefined} */
    this.jobId = undefined;
    /** @type {JobView | undefined} */
    this.view = undefined;
    /** @type {Video | undefined} */
    this.ready = undefined;
    /** @type {VideoView | undefined} */
    this.video = undefined;
    this.unfollow = () => {};
    const number = formats.integer(episode.episode);
    const isBest = episode.kind === "best";
    const title = fill(isBest ? labels.evaluation_n : labels.episode_n, { n: number });
    const score = fill(labels.return_n, { score: formats.score(episode.episode_return) });
    this.picture = make("img", {
      src: episode.picture,
      alt: "",
      loading: "lazy",
      decoding: "async",
      draggable: "false",
    });
    this.button = make(
      "button",
      { type: "button", class: "dqn-gallery-play", "aria-label": fill(labels.play_n, { title, score }) },
      this.picture,
      make("span", { class: "dqn-gallery-mark", "aria-hidden": "true" }, "▶"),
    );
    this.button.addEventListener("click", () => this.press(onPlay));
    this.stage = make("div", { class: "dqn-gallery-stage" }, this.button);
    const badge = isBest ? make("span", { class: "dqn-gallery-badge" }, labels.best) : null;
    this.element = make(
      "li",
      { class: "dqn-card dqn-gallery-card", "data-testid": "recorded-episode", "data-name": episode.name },
      this.stage,
      make("div", { class: "dqn-gallery-facts" }, make("b", {}, title), badge, make("span", {}, score)),
    );
    if (episode.video) this.ready = episode.video;
    else if (episode.job_id) this.watch(episode.job_id, episode.may_cancel);
  }

  /** @param {(name: string) => void} onPlay */
  press(onPlay) {
    this.isWanted = true;
    if (this.ready) this.play(this.ready);
    else if (!this.isWatching) onPlay(this.episode.name);
  }

  /**
   * What the page says after a press: the job, or the video that was made already.
   * @param {RecordedEpisode} episode
   */
  accept({ job_id: jobId, may_cancel: mayCancel, video }) {
    if (video && this.isWanted) this.play(video);
    else if (video) this.ready = video;
    else if (jobId && jobId !== this.jobId) this.watch(jobId, mayCancel);
  }

  /**
   * @param {string} jobId
   * @param {boolean} mayCancel
   */
  watch(jobId, mayCancel) {
    this.unfollow();
    this.jobId = jobId;
    const { labels, formats } = this;
    this.view?.element.remove();
    const view = new JobView({ labels, formats, onCancel: () => this.onCancel(jobId) });
    view.offerCancel(mayCancel);
    view.show({ state: "waiting" });
    this.view = view;
    this.element.append(view.element);
    this.isWatching = true;
    this.unfollow = followJob(jobId, this.locale, (news) => this.hear(news, view));
  }

  /**
   * @param {import("./job_view.js").JobNews} news
   * @param {JobView} view
   */
  hear(news, view) {
    view.show(news);
    if (news.video) {
      view.element.remove();
      if (this.isWanted) this.play(news.video);
      else this.ready = news.video;
    }
    if (isOver(news.state)) this.isWatching = false;
  }

  /** @param {Video} video */
  play(video) {
    if (this.video) return;
    const { labels, formats } = this;
    this.video = new VideoView({ labels, formats });
    this.stage.replaceChildren(this.video.element);
    this.video.show(video, { isWanted: true });
  }

  dispose() {
    this.unfollow();
    this.video?.dispose();
  }
}

export default class Gallery {
  /**
   * @param {HTMLElement} parent
   * @param {GalleryData} data
   */
  constructor(parent, data) {
    const { labels, locale } = data;
    /** @type {import("../browser/mount.js").SetTriggerValue} */
    this.setTriggerValue = () => undefined;
    const formats = makeFormats(locale);
    const shared = {
      labels,
      formats,
      locale,
      onPlay: (/** @type {string} */ name) => this.setTriggerValue("play", name),
      onCancel: (/** @type {string} */ jobId) => this.setTriggerValue("cancel", jobId),
    };
    this.cards = data.episodes.map((episode) => new EpisodeCard({ episode, ...shared }));
    this.root = make(
      "section",
      { class: "dqn-live dqn-gallery", lang: locale, "aria-label": labels.gallery, "data-testid": "gallery" },
      make("ol", { class: "dqn-gallery-cards" }, ...this.cards.map((card) => card.element)),
    );
    parent.append(this.root);
  }

  /**
   * Which episodes and in which words; what became of their videos changes nothing of that.
   * @param {GalleryData} data
   */
  static identityOf({ episodes, labels, locale }) {
    return JSON.stringify([episodes.map(({ name, picture }) => [name, picture]), labels, locale]);
  }

  /**
   * @param {GalleryData} data
   * @param {import("../browser/mount.js").SetTriggerValue} setTriggerValue
   */
  accept(data, setTriggerValue) {
    this.setTriggerValue = setTriggerValue;
    data.episodes.forEach((episode, index) => this.cards[index].accept(episode));
  }

  dispose() {
    for (const card of this.cards) card.dispose();
    this.root.remove();
  }
}
