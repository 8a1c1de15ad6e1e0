// One job and, where it makes a video, that video.

import { make, makeFormats } from "../format.js";
import { VideoView } from "./video_view.js";
import { followJob, isOver, JobView } from "./job_view.js";

export default class JobPanel {
  constructor(parent, data) {
    this.data = data;
    const { labels } = data;
    const formats = makeFormats(data.locale);
    const onCancel = () => this.setTriggerValue?.("cancel", this.jobId);
    this.view = new JobView({ labels, formats, onCancel });
    this.video = new VideoView({ labels, formats, basePath: data.base_path });
    this.root = make("section", { class: "dqn-live dqn-jobs", lang: data.locale }, this.view.element, this.video.element);
    parent.append(this.root);
  }

  /** What is made; how far it is changes nothing of that. */
  static identityOf({ order, labels, locale, base_path }) {
    return JSON.stringify([order, labels, locale, base_path]);
  }

  accept(data, setTriggerValue) {
    this.setTriggerValue = setTriggerValue;
    this.data = data;
    if (data.video) this.showVideo(data.video, false);
    else if (data.job_id !== this.jobId) this.watch(data.job_id);
  }

  watch(jobId) {
    this.letGo?.();
    this.jobId = jobId;
    this.isTold = false;
    this.view.element.hidden = false;
    this.view.offerCancel(this.data.may_cancel);
    this.view.show({ state: "waiting" });
    this.letGo = followJob(jobId, this.data.locale, (news) => this.hear(news));
  }

  hear(news) {
    this.view.show(news);
    if (news.video) this.showVideo(news.video, true);
    if (isOver(news.state)) this.tellOver(news.state);
  }

  showVideo(video, isWanted) {
    this.view.element.hidden = true;
    this.video.show(video, { isWanted });
  }

  /** Asks, once, for a rerun of the page that was drawn while the job was on its way. */
  tellOver(state) {
    if (this.data.state !== state && !this.isTold) this.setTriggerValue?.("over", `${this.jobId} ${state}`);
    this.isTold = true;
  }

  dispose() {
    this.letGo?.();
    this.video.dispose();
    this.root.remove();
  }
}
