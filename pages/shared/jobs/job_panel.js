// One job and, where it makes a video, that video.

import { make, makeFormats } from "../browser/format.js";
import { VideoView } from "./video_view.js";
import { followJob, isOver, JobView } from "./job_view.js";

/** @typedef {import("./video_view.js").Video} Video */
/**
 * @typedef {object} JobData What Python hands over.
 * @property {string} order What is made.
 * @property {string | null} job_id None where the video is made already.
 * @property {string} state The job's, as the page knows it.
 * @property {boolean} may_cancel
 * @property {Video | null} video
 * @property {string} locale
 * @property {import("../browser/format.js").Labels} labels
 */

export default class JobPanel {
  /**
   * @param {HTMLElement} parent
   * @param {JobData} data
   */
  constructor(parent, data) {
    this.data = data;
    /** @type {string | null} */
    this.jobId = null;
    this.isTold = false; // Whether the page's script was told that the job is over.
    /** @type {import("../browser/mount.js").SetTriggerValue} */
    this.setTriggerValue = () => undefined;
    this.unfollow = () => {};
    const { labels } = data;
    const formats = makeFormats(data.locale);
    const onCancel = () => this.setTriggerValue("cancel", this.jobId);
    this.view = new JobView({ labels, formats, onCancel });
    this.video = new VideoView({ labels, formats });
    this.root = make("section", { class: "dqn-live dqn-jobs", lang: data.locale }, this.view.element, this.video.element);
    parent.append(this.root);
  }

  /**
   * What is made; how far it is changes nothing of that.
   * @param {JobData} data
   */
  static identityOf({ order, labels, locale }) {
    return JSON.stringify([order, labels, locale]);
  }

  /**
   * @param {JobData} data
   * @param {import("../browser/mount.js").SetTriggerValue} setTriggerValue
   */
  accept(data, setTriggerValue) {
    this.setTriggerValue = setTriggerValue;
    this.data = data;
    if (data.video) this.showVideo(data.video, false);
    else if (data.job_id !== null && data.job_id !== this.jobId) this.watch(data.job_id);
  }

  /** @param {string} jobId */
  watch(jobId) {
    this.unfollow();
    this.jobId = jobId;
    this.isTold = false;
    this.view.element.hidden = false;
    this.view.offerCancel(this.data.may_cancel);
    this.view.show({ state: "waiting" });
    this.unfollow = followJob(jobId, this.data.locale, (news) => this.hear(news));
  }

  /** @param {import("./job_view.js").JobNews} news */
  hear(news) {
    this.view.show(news);
    if (news.video) this.showVideo(news.video, true);
    if (isOver(news.state)) this.tellOver(news.state);
  }

  /**
   * @param {Video} video
   * @param {boolean} isWanted
   */
  showVideo(video, isWanted) {
    this.view.element.hidden = true;
    this.video.show(video, { isWanted });
  }

  /**
   * Asks, once, for a rerun of the page that was drawn while the job was on its way.
   * @param {string} state
   */
  tellOver(state) {
    if (this.data.state !== state && !this.isTold) this.setTriggerValue("over", `${this.jobId} ${state}`);
    this.isTold = true;
  }

  dispose() {
    this.unfollow();
    this.video.dispose();
    this.root.remove();
  }
}
