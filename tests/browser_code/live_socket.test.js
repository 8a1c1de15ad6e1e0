import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { leave, LiveSocket, retryDelay, Subscriptions } from "../../pages/shared/browser/live_socket.js";

let page; // The tab.
let sockets; // All that it opened.
let live;
let heard;

class FakeSocket {
  constructor() {
    this.sent = [];
    this.isClosed = false;
    sockets.push(this);
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.isClosed = true;
  }

  /** What the server says. */
  tell(message) {
    this.onmessage({ data: JSON.stringify(message) });
  }
}

const subscription = (changes = {}) => ({
  topic: "run",
  parameters: { run: "x" },
  language: "ko",
  onData: (data) => heard.push(data),
  onProblem: (text) => heard.push(`problem ${text}`),
  onConnection: (isConnected) => heard.push(isConnected ? "back" : "lost"),
  ...changes,
});
const last = () => sockets.at(-1);
const hide = (isHidden) => {
  page.hidden = isHidden;
  page.dispatchEvent(new Event("visibilitychange"));
};

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  page = Object.assign(new EventTarget(), { hidden: false });
  [sockets, heard] = [[], []];
  live = new LiveSocket({ address: "ws://lab/live/socket", open: () => new FakeSocket(), page });
});

test("attempts become rarer, and no two tabs make them at the same moment", () => {
  const longest = [0, 1, 2, 3, 4, 5, 99].map((failures) => retryDelay(failures, () => 1));
  assert.deepEqual(longest, [500, 1000, 2000, 4000, 8000, 8000, 8000]);
  assert.equal(retryDelay(3, () => 0), 2000);
});

test("a subscription remembers how far it has come, and is over when the server says so", () => {
  const subscriptions = new Subscriptions();
  const number = subscriptions.add(subscription({ cursor: { rows: 3 } }));
  const expected = { subscribe: number, topic: "run", parameters: { run: "x" }, cursor: { rows: 3 }, language: "ko" };
  assert.deepEqual(subscriptions.requests(), [expected]);
  assert.ok(subscriptions.receive({ subscription: number, cursor: { rows: 5 }, over: false, data: "a" }));
  assert.deepEqual(subscriptions.requests(), [{ ...expected, cursor: { rows: 5 } }]);
  assert.ok(subscriptions.receive({ subscription: number, cursor: { rows: 9 }, over: true, data: "b" }));
  assert.ok(subscriptions.isEmpty);
  assert.ok(subscriptions.receive({ subscription: number, cursor: { rows: 9 }, over: false, data: "too late" }));
  assert.deepEqual(heard, ["a", "b"]);
});

test("what does not fit to what came before is asked for again from where it fitted", () => {
  const subscriptions = new Subscriptions();
  const number = subscriptions.add(subscription({ onData: () => false, cursor: { rows: 3 } }));
  assert.equal(subscriptions.receive({ subscription: number, cursor: { rows: 9 }, over: true, data: "a" }), false);
  assert.deepEqual(subscriptions.requests()[0].cursor, { rows: 3 });
});

test("one socket carries everything, and each hears its own", () => {
  const other = [];
  live.follow(subscription());
  live.follow(subscription({ topic: "runs", onData: (data) => other.push(data) }));
  last().onopen();
  live.follow(subscription({ topic: "job" }));
  assert.equal(sockets.length, 1);
  assert.deepEqual(last().sent.map(({ subscribe, topic }) => [subscribe, topic]), [[1, "run"], [2, "runs"], [3, "job"]]);
  last().tell({ subscription: 2, cursor: {}, over: false, data: "list" });
  last().tell({ subscription: 1, error: "locked", over: false });
  last().tell({ subscription: 1, cursor: {}, over: false, data: "run" });
  assert.deepEqual([heard, other], [["problem locked", "run"], ["list"]]);
});

test("a socket that is left before it is open is closed as soon as it is, and then says nothing more", () => {
  const unsubscribe = live.follow(subscription());
  last().readyState = 0;
  unsubscribe();
  mock.timers.tick(5000);
  assert.ok(!last().isClosed);
  last().onopen();
  assert.ok(last().isClosed);
  assert.deepEqual(last().sent, []);
  const open = Object.assign(new FakeSocket(), { readyState: 1 });
  leave(open);
  assert.ok(open.isClosed);
});

test("a subscription that nobody wants any more ends, and the socket with the last of them", () => {
  const [first, second] = [live.follow(subscription()), live.follow(subscription())];
  last().onopen();
  first();
  first();
  assert.deepEqual(last().sent.slice(2), [{ unsubscribe: 1 }]);
  second();
  const third = live.follow(subscription()); // A page that is drawn anew: the same socket does.
  mock.timers.tick(5000);
  assert.ok(!last().isClosed);
  third();
  mock.timers.tick(5000);
  assert.ok(last().isClosed);
  live.follow(subscription());
  assert.equal(sockets.length, 2);
});

test("a socket whose topics are all over is closed", () => {
  live.follow(subscription());
  last().onopen();
  last().tell({ subscription: 1, cursor: {}, over: true, data: "end" });
  mock.timers.tick(5000);
  assert.ok(last().isClosed);
  mock.timers.tick(60_000);
  assert.equal(sockets.length, 1);
});

test("a lost connection is opened again, and everything goes on from its cursor", () => {
  live.follow(subscription());
  last().onopen();
  last().tell({ subscription: 1, cursor: { rows: 7 }, over: false, data: "a" });
  last().onclose();
  mock.timers.tick(500);
  assert.equal(sockets.length, 2);
  last().onopen();
  assert.deepEqual(last().sent[0].cursor, { rows: 7 });
  last().tell({ subscription: 1, cursor: { rows: 8 }, over: false, data: "b" });
  mock.timers.tick(5000);
  assert.deepEqual(heard, ["a", "b"]); // It was too short to be worth a word.
});

test("a connection that stays away is said once, to latecomers too, until it is back", () => {
  live.follow(subscription());
  for (let i = 0; i < 6; i += 1) {
    last().onclose();
    mock.timers.tick(8000);
  }
  assert.equal(sockets.length, 7);
  assert.deepEqual(heard, ["lost"]);
  live.follow(subscription());
  assert.deepEqual(heard, ["lost", "lost"]);
  last().onopen();
  assert.deepEqual(last().sent.map(({ subscribe }) => subscribe), [1, 2]);
  last().tell({ beat: 1 });
  assert.deepEqual(heard, ["lost", "lost", "back", "back"]);
});

test("a silent connection is a dead one", () => {
  live.follow(subscription());
  last().onopen();
  for (let i = 0; i < 10; i += 1) {
    mock.timers.tick(10_000);
    last().tell({ beat: 1 });
  }
  assert.equal(sockets.length, 1);
  mock.timers.tick(30_000);
  assert.ok(sockets[0].isClosed);
  mock.timers.tick(500);
  assert.equal(sockets.length, 2);
});

test("a hidden tab has no connection, and goes on where it stood", () => {
  live.follow(subscription());
  last().onopen();
  last().tell({ subscription: 1, cursor: { rows: 7 }, over: false, data: "a" });
  hide(true);
  assert.ok(last().isClosed);
  live.follow(subscription({ topic: "runs" }));
  mock.timers.tick(60_000);
  assert.equal(sockets.length, 1);
  hide(false);
  last().onopen();
  assert.deepEqual(last().sent.map(({ topic, cursor }) => [topic, cursor]), [["run", { rows: 7 }], ["runs", {}]]);
  assert.deepEqual(heard, ["a"]);
});

test("data that does not fit has the connection made anew, without haste", () => {
  live.follow(subscription({ onData: () => false }));
  last().onopen();
  last().tell({ subscription: 1, cursor: { rows: 7 }, over: false, data: "a" });
  assert.ok(last().isClosed);
  assert.equal(sockets.length, 1);
  mock.timers.tick(500);
  assert.equal(sockets.length, 2);
});
