import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

let frame; // What the clock asked to be called with at the next animation frame.
globalThis.document = Object.assign(new EventTarget(), { hidden: false });
globalThis.requestAnimationFrame = (callback) => {
  frame = callback;
  return 1;
};
globalThis.cancelAnimationFrame = () => {
  frame = undefined;
};
const { Clock } = await import("../../pages/shared/episode/player.js");

let clock;
let limit;
let moves;

beforeEach(() => {
  document.hidden = false;
  frame = undefined;
  [limit, moves] = [Infinity, 0];
  clock = new Clock({
    limit: () => limit,
    onMove: () => {
      moves += 1;
    },
  });
  Object.assign(clock, { last: 100, framesPerS: 50 });
});

/** Animation frames at these times, in milliseconds. */
function at(...times) {
  for (const time of times) frame?.(time);
}

test("it plays at real time and at multiples of it", () => {
  clock.play();
  at(0, 100, 200);
  assert.equal(clock.step, 10);
  clock.setSpeed(2);
  at(300);
  assert.equal(clock.step, 20);
});

test("it goes on from where it was after a page stood still", () => {
  clock.play();
  at(0, 60_000);
  assert.equal(clock.step, 12); // a quarter of a second of it
});

test("it waits for what has not come yet, and ends at the last state", () => {
  clock.play();
  limit = 5;
  at(0, 200, 400);
  assert.deepEqual([clock.step, clock.isPlaying], [5, true]);
  limit = Infinity;
  for (let time = 600; time < 4_000; time += 200) at(time);
  assert.deepEqual([clock.step, clock.isPlaying], [100, false]);
});

test("played again at the end, it begins anew; repeating, it does so by itself", () => {
  clock.seek(100);
  clock.play();
  assert.equal(clock.step, 0);
  clock.toggleRepeating();
  clock.seek(99);
  at(0, 200);
  assert.deepEqual([clock.step, clock.isPlaying], [0, true]);
});

test("steps by hand stand still and stay within the episode", () => {
  clock.play();
  clock.move(3);
  assert.deepEqual([clock.step, clock.isPlaying], [3, false]);
  clock.move(-Infinity);
  assert.equal(clock.step, 0);
  clock.move(Infinity);
  assert.equal(clock.step, 100);
});

test("speeds change by one place and stay within their list", () => {
  clock.changeSpeed(1);
  assert.equal(clock.speed, 2);
  clock.changeSpeed(1);
  clock.changeSpeed(1);
  assert.equal(clock.speed, 4);
});

test("pictures are asked for as far apart as a screen shows them", () => {
  assert.equal(clock.stride, 1);
  Object.assign(clock, { framesPerS: 50, speed: 4 });
  assert.equal(clock.stride, 3);
});

test("a hidden page pauses it", () => {
  clock.play();
  document.hidden = true;
  document.dispatchEvent(new Event("visibilitychange"));
  assert.equal(clock.isPlaying, false);
  assert.ok(moves > 0);
});

test("without an episode it does not play", () => {
  clock.last = 0;
  clock.play();
  assert.equal(clock.isPlaying, false);
});
