// One WebSocket for all that a tab follows: runs, the list of them, jobs, experiments. Lost, it is opened again and
// everything goes on from where it stood; while the tab is hidden there is none. The other end, live_socket.py beside
// this, says what is sent.

/**
 * @typedef {object} Subscription What to follow, and whom to tell.
 * @property {string} topic
 * @property {Record<string, unknown>} [parameters]
 * @property {Record<string, number>} [cursor] What the page has already; none of it unless given.
 * @property {string} language
 * @property {(data: any) => unknown} onData Gives false where what comes before the data is missing.
 * @property {(text: string) => void} [onProblem] Hears why nothing comes just now, in the reader's language.
 * @property {(isConnected: boolean) => void} [onConnection] Hears when the connection is lost, and when it is back.
 */
/**
 * @typedef {object} Message What the server says.
 * @property {number} subscription
 * @property {Record<string, number>} [cursor]
 * @property {boolean} [over] Whether nothing follows.
 * @property {any} [data]
 * @property {string} [error]
 */

const ADDRESS = new URL("../../../../socket", import.meta.url).href.replace(/^http/, "ws");
const RETRY_MS = [500, 1000, 2000, 4000, 8000];
const QUIET_MS = 1200; // A connection that comes back within this time is not worth a line on the page.
const SILENCE_MS = 30_000; // The server says something each ten seconds.
const CONNECTING = 0; // A socket's readyState.
const LINGER_MS = 1000; // A page that is drawn anew ends its subscriptions and makes them again.

/**
 * Milliseconds to the next attempt: more after each failure, and not the same for all tabs of a server that was away.
 * @param {number} failures
 * @param {() => number} random
 */
export function retryDelay(failures, random = Math.random) {
  return RETRY_MS[Math.min(failures, RETRY_MS.length - 1)] * (0.5 + 0.5 * random());
}

/** What a tab follows, and how far each has come. */
export class Subscriptions {
  constructor() {
    /** @type {Map<number, Subscription>} Those that are not over, by number. */
    this.byNumber = new Map();
    this.lastNumber = 0;
  }

  /** @param {Subscription} subscription */
  add(subscription) {
    this.lastNumber += 1;
    this.byNumber.set(this.lastNumber, { ...subscription });
    return this.lastNumber;
  }

  /**
   * Whether it was there still.
   * @param {number} number
   */
  remove(number) {
    return this.byNumber.delete(number);
  }

  get isEmpty() {
    return this.byNumber.size === 0;
  }

  /** What to tell the server to have it send what follows, one for each. */
  requests() {
    return [...this.byNumber].map(([number, subscription]) => requestOf(number, subscription));
  }

  /**
   * Hands a message to whom it is for; false where what comes before it is missing.
   * @param {Message} message
   */
  receive({ subscription: number, cursor, over, data, error }) {
    const subscription = this.byNumber.get(number);
    if (subscription === undefined) return true; // It was ended while the message was on its way.
    if (over) this.byNumber.delete(number);
    if (error !== undefined) {
      subscription.onProblem?.(error);
    } else if (subscription.onData(data) === false) {
      this.byNumber.set(number, subscription);
      return false;
    } else {
      subscription.cursor = cursor;
    }
    return true;
  }

  /** @param {boolean} isConnected */
  tellConnection(isConnected) {
    for (const subscription of this.byNumber.values()) subscription.onConnection?.(isConnected);
  }
}

/**
 * @param {number} number
 * @param {Subscription} subscription
 */
function requestOf(number, { topic, parameters = {}, cursor = {}, language }) {
  return { subscribe: number, topic, parameters, cursor, language };
}

export class LiveSocket {
  /**
   * @param {object} [given]
   * @param {string} [given.address]
   * @param {(address: string) => WebSocket} [given.open]
   * @param {Document} [given.page] Its visibility counts.
   */
  constructor({ address = ADDRESS, open = (where) => new WebSocket(where), page = document } = {}) {
    this.address = address;
    this.openSocket = open;
    this.page = page;
    this.subscriptions = new Subscriptions();
    /** @type {WebSocket | null} */
    this.socket = null;
    this.isOpen = false;
    this.isLost = false; // Whether the page says so.
    this.failures = 0;
    /** @type {Record<string, ReturnType<typeof setTimeout> | undefined>} */
    this.timers = {};
    page.addEventListener("visibilitychange", () => (page.hidden ? this.hide() : this.open()));
  }

  /**
   * Follows something; gives a function that ends that.
   * @param {Subscription} subscription
   */
  follow(subscription) {
    const number = this.subscriptions.add(subscription);
    if (this.isLost) subscription.onConnection?.(false);
    if (this.isOpen) this.say(requestOf(number, subscription));
    else this.open();
    return () => this.unsubscribe(number);
  }

  /** @param {number} number */
  unsubscribe(number) {
    if (this.subscriptions.remove(number) && this.isOpen) this.say({ unsubscribe: number });
    if (this.subscriptions.isEmpty) this.closeSoon();
  }

  open() {
    if (this.socket !== null || this.page.hidden || this.subscriptions.isEmpty) return;
    clearTimeout(this.timers.retry);
    const socket = this.openSocket(this.address);
    this.socket = socket;
    socket.onopen = () => {
      this.isOpen = true;
      for (const request of this.subscriptions.requests()) this.say(request);
    };
    socket.onmessage = ({ data }) => this.receive(JSON.parse(data));
    socket.onclose = () => this.lost();
    this.listenForSilence();
  }

  /** @param {object} message */
  say(message) {
    this.socket?.send(JSON.stringify(message));
  }

  /** @param {Message | {beat: number} | {error: string}} message */
  receive(message) {
    this.failures = 0;
    this.listenForSilence();
    clearTimeout(this.timers.quiet);
    this.timers.quiet = undefined;
    if (this.isLost) {
      this.isLost = false;
      this.subscriptions.tellConnection(true);
    }
    if (!("subscription" in message)) {
      if ("error" in message) console.error(message.error); // A mistake of this page.
    } else if (!this.subscriptions.receive(message)) {
      this.lost();
    } else if (this.subscriptions.isEmpty) {
      this.closeSoon();
    }
  }

  /** A connection may be dead without a word of it: a laptop that slept, a proxy that forgot it. */
  listenForSilence() {
    clearTimeout(this.timers.silence);
    this.timers.silence = setTimeout(() => this.lost(), SILENCE_MS);
  }

  /** Tries again, from where everything stands. */
  lost() {
    this.close();
    if (this.page.hidden || this.subscriptions.isEmpty) return;
    this.timers.retry = setTimeout(() => this.open(), retryDelay(this.failures));
    this.failures += 1;
    this.timers.quiet ??= setTimeout(() => this.tellLost(), QUIET_MS);
  }

  tellLost() {
    this.isLost = true;
    this.subscriptions.tellConnection(false);
  }

  /** Nobody looks: nothing is sent, and nothing made for it. */
  hide() {
    this.close(leave);
    clearTimeout(this.timers.quiet);
    this.timers.quiet = undefined;
  }

  closeSoon() {
    clearTimeout(this.timers.linger);
    this.timers.linger = setTimeout(() => {
      if (this.subscriptions.isEmpty) this.hide();
    }, LINGER_MS);
  }

  /** @param {(socket: WebSocket) => void} [how] */
  close(how = (socket) => socket.close()) {
    for (const name of ["retry", "silence", "linger"]) clearTimeout(this.timers[name]);
    const { socket } = this;
    this.socket = null;
    this.isOpen = false;
    if (socket === null) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    how(socket);
  }
}

/**
 * Closes `socket`, one that is not open yet as soon as it is: browsers warn of a connection that was given up before.
 * @param {WebSocket} socket
 */
export function leave(socket) {
  if (socket.readyState === CONNECTING) socket.onopen = () => socket.close();
  else socket.close();
}

/** @type {LiveSocket | null} */
let ofThisTab = null;

/**
 * Follows something over the tab's one socket; gives a function that ends that.
 * @param {Subscription} subscription
 */
export function follow(subscription) {
  ofThisTab ??= new LiveSocket();
  return ofThisTab.follow(subscription);
}
