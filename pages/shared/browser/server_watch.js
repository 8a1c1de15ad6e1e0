// Has the page drawn anew by a server that was started again. It shows nothing.

import { make } from "./format.js";
import { follow } from "./live_socket.js";

const LONGEST_WAIT_MS = 1000; // Thirty pages are not drawn anew in the same moment.
const AGAIN_MS = 3000; // What is said while Streamlit has no connection is lost.

/** @typedef {{process: string, locale: string}} WatchData What Python hands over. */

export default class ServerWatch {
  /**
   * @param {HTMLElement} parent
   * @param {WatchData} data
   */
  constructor(parent, data) {
    this.data = data;
    this.heard = data.process;
    /** @type {import("./mount.js").SetTriggerValue} */
    this.setTriggerValue = () => undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.waiting = undefined;
    this.root = make("div", { class: "dqn-live", hidden: "" });
    parent.append(this.root);
    this.unfollow = follow({
      topic: "server",
      parameters: { process: data.process },
      language: data.locale,
      onData: (process) => {
        this.heard = process;
        this.askIn(Math.random() * LONGEST_WAIT_MS);
      },
    });
  }

  /** @param {WatchData} data */
  static identityOf({ process, locale }) {
    return `${locale} ${process}`;
  }

  /**
   * @param {WatchData} data
   * @param {import("./mount.js").SetTriggerValue} setTriggerValue
   */
  accept(data, setTriggerValue) {
    this.data = data;
    this.setTriggerValue = setTriggerValue;
  }

  /**
   * Asks for the page until the process that runs now has drawn it.
   * @param {number} wait Milliseconds.
   */
  askIn(wait) {
    clearTimeout(this.waiting);
    if (this.heard === this.data.process) return;
    this.waiting = setTimeout(() => {
      if (this.heard !== this.data.process && isConnected()) this.setTriggerValue("stale", this.heard);
      this.askIn(AGAIN_MS);
    }, wait);
  }

  dispose() {
    clearTimeout(this.waiting);
    this.unfollow();
    this.root.remove();
  }
}

/** Whether Streamlit's own connection stands, as far as it says so. */
function isConnected() {
  const state = document.querySelector("[data-testid=stApp]")?.getAttribute("data-test-connection-state");
  return state === "CONNECTED" || !state;
}
