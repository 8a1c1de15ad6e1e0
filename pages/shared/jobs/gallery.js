// Episodes of a run, early to late: a picture of each, and its video when asked for.

import { fill, make, makeFormats } from "../format.js";
import { VideoView } from "./video_view.js";
import { followJob, isOver, JobView } from "./job_view.js";

class EpisodeCard {
  constructor({ episode, labels, formats, locale, basePath, onPlay, onCancel }) {
    Object.assign(this, { episode, labels, formats, locale, basePath, onCancel });
    const number = formats.integer(episode.episode);
    const isBest = episode.kind === "best";
    const title = fill(isBest ? labels.evaluation_n : labels.episode_n, { n: number });
    const score = fill(labels.return_n, { score: formats.score(episode.episode_return) });
    this.picture = make("img", {
      src: `${basePath}${episode.picture}`,
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

  press(onPlay) {
    this.isWanted = true;
    if (this.ready) this.play(this.ready);
    else if (!this.isWatching) onPlay(this.episode.name);
  }

  /** What the page says after a press: the job, or the video that was made already. */
  accept({ job_id: jobId, may_cancel: mayCancel, video }) {
    if (video && this.isWanted) this.play(video);
    else if (video) this.ready = video;
    else if (jobId && jobId !== this.jobId) this.watch(jobId, mayCancel);
  }

  watch(jobId, mayCancel) {
    this.letGo?.();
    this.jobId = jobId;
    const { labels, formats } = this;
    this.view?.element.remove();
    this.view = new JobView({ labels, formats, onCancel: () => this.onCancel(jobId) });
    this.view.offerCancel(mayCancel);
    this.view.show({ state: "waiting" });
    this.element.append(this.view.element);
    this.isWatching = true;
    this.letGo = followJob(jobId, this.locale, (news) => this.hear(news));
  }

  hear(news) {
    this.view.show(news);
    if (news.video) {
      this.view.element.remove();
      if (this.isWanted) this.play(news.video);
      else this.ready = news.video;
    }
    if (isOver(news.state)) this.isWatching = false;
  }

  play(video) {
    if (this.video) return;
    const { labels, formats, basePath } = this;
    this.video = new VideoView({ labels, formats, basePath });
    this.stage.replaceChildren(this.video.element);
    this.video.show(video, { isWanted: true });
  }

  dispose() {
    this.letGo?.();
    this.video?.dispose();
  }
}

export default class Gallery {
  constructor(parent, data) {
    const { labels, locale } = data;
    const formats = makeFormats(locale);
    const shared = {
      labels,
      formats,
      locale,
      basePath: data.base_path,
      onPlay: (name) => this.setTriggerValue?.("play", name),
      onCancel: (jobId) => this.setTriggerValue?.("cancel", jobId),
    };
    this.cards = data.episodes.map((episode) => new EpisodeCard({ episode, ...shared }));
    this.root = make(
      "section",
      { class: "dqn-live dqn-gallery", lang: locale, "aria-label": labels.gallery, "data-testid": "gallery" },
      make("ol", { class: "dqn-gallery-cards" }, ...this.cards.map((card) => card.element)),
    );
    parent.append(this.root);
  }

  /** Which episodes and in which words; what became of their videos changes nothing of that. */
  static identityOf({ episodes, labels, locale, base_path }) {
    return JSON.stringify([episodes.map(({ name, picture }) => [name, picture]), labels, locale, base_path]);
  }

  accept(data, setTriggerValue) {
    this.setTriggerValue = setTriggerValue;
    data.episodes.forEach((episode, index) => this.cards[index].accept(episode));
  }

  dispose() {
    for (const card of this.cards) card.dispose();
    this.root.remove();
  }
}
