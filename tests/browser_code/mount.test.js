import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

class FakeElement extends EventTarget {
  attributes = {};
  children = [];
  isConnected = true;
  setAttribute(name, value) {
    this.attributes[name] = value;
  }
  append(child) {
    this.children.push(child);
    child.parent = this;
  }
  remove() {
    this.parent.children = this.parent.children.filter((each) => each !== this);
    this.isConnected = false;
  }
}

let links = [];
globalThis.location = { href: "http://localhost/train?run=1" };
globalThis.document = new (class extends EventTarget {
  createElement() {
    const link = new FakeElement();
    links.push(link);
    return link;
  }
})();
const { mount } = await import("../../pages/shared/browser/mount.js");

let built;
let said;
class Panel {
  constructor(parent, data) {
    this.data = data;
    this.root = new FakeElement();
    parent.append(this.root);
    built.push(this);
  }
  static identityOf({ id, locale }) {
    return `${id} ${locale}`;
  }
  accept(data, setTriggerValue) {
    said.push(data.value);
    this.say = setTriggerValue;
  }
  dispose() {
    this.isDisposed = true;
    this.root.remove();
  }
}

beforeEach(() => {
  [built, said, links] = [[], [], []];
});

const draw = (parentElement, data, styles = [], setTriggerValue = () => undefined) =>
  mount({ data, parentElement, setTriggerValue }, Panel, styles);

test("the object stays while what it is built from does", async () => {
  const place = new FakeElement();
  await draw(place, { id: "a", value: 1 });
  await draw(place, { id: "a", value: 2 });
  assert.deepEqual([built.length, said], [1, [1, 2]]);
  await draw(place, { id: "b", value: 3 });
  assert.deepEqual([built.length, built[0].isDisposed], [2, true]);
  assert.deepEqual(place.children, [built[1].root]);
});

test("each place has its own", async () => {
  await draw(new FakeElement(), { id: "a" });
  await draw(new FakeElement(), { id: "a" });
  assert.equal(built.length, 2);
});

test("the newest call's clean-up alone takes the object away", async () => {
  const place = new FakeElement();
  const first = await draw(place, { id: "a" });
  const second = await draw(place, { id: "a" });
  first();
  assert.equal(built[0].isDisposed, undefined);
  second();
  assert.equal(built[0].isDisposed, true);
  await draw(place, { id: "a" });
  assert.equal(built.length, 2);
});

test("an object that something else took away is built anew", async () => {
  const place = new FakeElement();
  await draw(place, { id: "a" });
  built[0].root.remove();
  await draw(place, { id: "a" });
  assert.equal(built.length, 2);
});

test("nothing is shown before the style sheets have come, and they go with the object", async () => {
  const place = new FakeElement();
  const drawn = draw(place, { id: "a" }, ["shared/browser/base.css", "train/panel.css"]);
  await new Promise(setImmediate);
  assert.deepEqual([built.length, links.length], [0, 2]);
  assert.ok(links[0].attributes.href.endsWith("/pages/shared/browser/base.css"));
  for (const link of links) link.dispatchEvent(new Event("load"));
  const cleanUp = await drawn;
  assert.deepEqual([built.length, place.children.length], [1, 3]);
  cleanUp();
  assert.deepEqual(place.children, []);
});

test("of calls that wait, the newest alone is shown", async () => {
  const place = new FakeElement();
  const calls = [1, 2, 3].map((value) => draw(place, { id: "a", value }, ["shared/browser/base.css"]));
  links[0].dispatchEvent(new Event("load"));
  const cleanUps = await Promise.all(calls);
  assert.deepEqual([built.length, said, links.length], [1, [3], 1]);
  cleanUps[0]();
  cleanUps[1]();
  assert.equal(built[0].isDisposed, undefined);
});

test("a place that was left meanwhile stays empty", async () => {
  const place = new FakeElement();
  const drawn = draw(place, { id: "a" }, ["shared/browser/base.css"]);
  place.isConnected = false;
  links[0].dispatchEvent(new Event("load"));
  (await drawn)();
  assert.equal(built.length, 0);
});

test("constants are fetched once, and again where the server was away", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const answers = [new Response("", { status: 404 }), Response.json({ locale: "ko", labels: { start: "시작" } })];
  const asked = [];
  globalThis.fetch = (address) => {
    asked.push(address);
    return Promise.resolve(answers[asked.length - 1]);
  };
  const drawn = draw(new FakeElement(), { id: "a", constants: "live/browser/constants/1.json" });
  await new Promise(setImmediate);
  context.mock.timers.tick(1_000);
  await drawn;
  await draw(new FakeElement(), { id: "b", constants: "live/browser/constants/1.json" });
  assert.equal(asked.length, 2);
  assert.deepEqual(built.map((panel) => panel.data.labels), [{ start: "시작" }, { start: "시작" }]);
});

test("each message to Python is of one fragment", { timeout: 10_000 }, async () => {
  // As Streamlit's own: what is said before its timer fires goes as one message, which draws one fragment again.
  const messages = [];
  let batch;
  const say = (fragment) => {
    if (!batch) {
      batch = [];
      setTimeout(() => {
        messages.push(batch);
        batch = undefined;
      }, 0);
    }
    batch.push(fragment);
  };
  for (const id of ["a", "b"]) await draw(new FakeElement(), { id }, [], (name) => say(name));

  built[0].say("panel", 1);
  built[1].say("gallery", 2);
  document.dispatchEvent(new Event("keydown")); // a press, which Streamlit sends after a timer
  say("button");
  built[0].say("panel", 3);
  while (messages.flat().length < 4) await new Promise(setImmediate);
  assert.deepEqual(messages, [["button"], ["panel"], ["gallery"], ["panel"]]);
});

test("what fails to be said keeps nothing else back", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const heard = [];
  const fail = () => {
    throw new Error("gone");
  };
  await draw(new FakeElement(), { id: "a" }, [], fail);
  await draw(new FakeElement(), { id: "b" }, [], (name) => heard.push(name));
  built[0].say("state", 1);
  built[1].say("over", 2);
  assert.throws(() => context.mock.timers.tick(1), /gone/);
  context.mock.timers.tick(1);
  assert.deepEqual(heard, ["over"]);
});

test("while a link is being followed nothing is said, and afterwards only by what is still there", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const heard = [];
  const follow = (isLink, modifiers = {}) => {
    const click = Object.assign(new Event("click"), { button: 0, ...modifiers });
    Object.defineProperty(click, "target", { value: { closest: () => (isLink ? {} : null) } });
    document.dispatchEvent(click);
  };
  for (const id of ["stays", "goes"]) await draw(new FakeElement(), { id }, [], (...each) => heard.push(each));
  const [stays, goes] = built;

  follow(false);
  follow(true, { ctrlKey: true });
  stays.say("state", "running");
  context.mock.timers.tick(1);
  assert.deepEqual(heard.splice(0), [["state", "running"]]);

  follow(true);
  stays.say("state", "paused");
  goes.say("state", "paused");
  context.mock.timers.tick(1_000);
  assert.deepEqual(heard, []);
  goes.dispose();
  globalThis.location = { href: "http://localhost/lessons" };
  for (let tick = 0; tick < 4; tick += 1) context.mock.timers.tick(250);
  assert.deepEqual(heard.splice(0), [["state", "paused"]]);

  follow(true); // to where one is already
  stays.say("state", "stopped");
  context.mock.timers.tick(4_900);
  assert.deepEqual(heard, []);
  for (let tick = 0; tick < 4; tick += 1) context.mock.timers.tick(50);
  assert.deepEqual(heard, [["state", "stopped"]]);
});
