// The connection to a run: an EventSource with a cursor, closed while the tab is hidden, opened again when it is lost.
// Where one browser shows many runs at a time, the server ends some after each message, and they ask again.

const RETRY_MS = [500, 1000, 2000, 4000, 8000];
const QUIET_MS = 1200; // A connection that comes back within this time is not worth a line on the page.

export class RunStream {
  /** `cursor()` gives {rows, changes}; `onMessage(update)` false asks for the stream again from that cursor. */
  constructor({ url, cursor, onMessage, onConnection }) {
    Object.assign(this, { url, cursor, onMessage, onConnection });
    this.source = null;
    this.failures = 0;
    this.isOver = false;
    this.retryTimer = 0;
    this.quietTimer = 0;
    this.whenVisibilityChanges = () => (document.hidden ? this.letGo() : this.open());
    document.addEventListener("visibilitychange", this.whenVisibilityChanges);
    this.open();
  }

  open() {
    if (this.source !== null || this.isOver || document.hidden) return;
    clearTimeout(this.retryTimer);
    const { rows, changes } = this.cursor();
    const separator = this.url.includes("?") ? "&" : "?";
    const source = new EventSource(`${this.url}${separator}rows=${rows}&changes=${changes}`);
    this.source = source;
    source.onopen = () => this.recovered();
    source.onmessage = (event) => this.receive(event.data);
    // The browser's own retry would send the cursor of the last whole message; this one sends what has been kept.
    source.onerror = () => this.lost();
  }

  receive(text) {
    this.recovered();
    const update = JSON.parse(text);
    if (!this.onMessage(update)) {
      this.lost();
    } else if (update.over) {
      this.isOver = true;
      this.close();
    }
  }

  recovered() {
    this.failures = 0;
    clearTimeout(this.quietTimer);
    this.quietTimer = 0;
    this.onConnection(true);
  }

  lost() {
    this.close();
    const wait = RETRY_MS[Math.min(this.failures, RETRY_MS.length - 1)];
    this.failures += 1;
    this.retryTimer = setTimeout(() => this.open(), wait);
    if (this.quietTimer === 0) this.quietTimer = setTimeout(() => this.onConnection(false), QUIET_MS);
  }

  close() {
    clearTimeout(this.retryTimer);
    this.source?.close();
    this.source = null;
  }

  /** The tab is hidden: a browser has few connections for all its tabs, and nobody looks at this one. */
  letGo() {
    this.close();
    clearTimeout(this.quietTimer);
    this.quietTimer = 0;
  }

  dispose() {
    this.isOver = true;
    this.letGo();
    document.removeEventListener("visibilitychange", this.whenVisibilityChanges);
  }
}
