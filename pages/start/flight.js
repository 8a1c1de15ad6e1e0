// A trained lander, drawn from what was recorded of its flights: the ground, and where the lander was at each env step.

import { make, setText } from "../shared/browser/format.js";

/** @typedef {import("../shared/browser/format.js").Labels} Labels */
/** @typedef {[x: number, y: number, angle: number, action: number]} Step Thousandths of the observation; the action. */
/** @typedef {{ground: number[], steps: Step[]}} Flight */
/** @typedef {{flights: Flight[], labels: Labels, locale: string}} FlightData */
/** @typedef {{x: number, y: number, angle: number, action: number}} Pose */

const STEPS_PER_S = 50;
const REST_S = 1.6; // On the ground, before the next flight begins.
const PICTURE_MS = 1000 / 30; // A browser that paints in software needs no more to show a flight.
const WORLD_WIDTH = 20; // Width of the view, in the units of the environment's world.
const BOTTOM = -0.5; // Of the view, in the units of an observation, in which the landing pad is at 0.
const LEGS = 0.6; // From the middle of the lander down to where its legs end, in the world's units.
/** @type {[number, number][]} */
const BODY = [[-14, 17], [-17, 0], [-17, -10], [17, -10], [17, 0], [14, 17]];
const [LEFT_ENGINE, MAIN_ENGINE, RIGHT_ENGINE] = [1, 2, 3];

/**
 * Where the lander is `t` env steps after the start, between two recorded steps if it is there.
 * @param {Step[]} steps
 * @param {number} t
 * @returns {Pose}
 */
export function poseAt(steps, t) {
  const at = Math.min(Math.max(t, 0), steps.length - 1);
  const [before, after] = [steps[Math.floor(at)], steps[Math.ceil(at)]];
  const share = at - Math.floor(at);
  const [x, y, angle] = [0, 1, 2].map((i) => (before[i] + share * (after[i] - before[i])) / 1000);
  return { x, y, angle, action: t >= steps.length - 1 ? 0 : before[3] };
}

/**
 * Which flight is shown `seconds` after the first began, and how far it is in env steps: one after the other, over and
 * over.
 * @param {Flight[]} flights
 * @param {number} seconds
 */
export function flightAt(flights, seconds) {
  const lengths = flights.map((flight) => flight.steps.length / STEPS_PER_S + REST_S);
  let left = seconds % lengths.reduce((sum, length) => sum + length, 0);
  let number = 0;
  while (left >= lengths[number]) {
    left -= lengths[number];
    number += 1;
  }
  return { flight: flights[number], t: left * STEPS_PER_S };
}

export default class FlightView {
  /**
   * @param {HTMLElement} parent
   * @param {FlightData} data
   */
  constructor(parent, data) {
    this.flights = data.flights;
    this.labels = data.labels;
    this.canvas = make("canvas", { role: "img", "aria-label": data.labels.description });
    this.button = make("button", { type: "button" });
    this.root = make("div", { class: "dqn-live" }, make("div", { class: "dqn-flight" }, this.canvas, this.button));
    parent.append(this.root);
    this.seconds = 0;
    this.last = 0;
    this.request = 0;
    this.isPlaying = !matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.button.addEventListener("click", () => this.play(!this.isPlaying));
    this.resized = new ResizeObserver(() => this.draw());
    this.resized.observe(this.canvas);
    this.play(this.isPlaying);
  }

  /** @param {FlightData} data */
  static identityOf(data) {
    return data.locale;
  }

  accept() {}

  /** @param {boolean} isPlaying */
  play(isPlaying) {
    this.isPlaying = isPlaying;
    setText(this.button, isPlaying ? this.labels.pause : this.labels.play);
    cancelAnimationFrame(this.request);
    this.last = 0;
    if (isPlaying) this.request = requestAnimationFrame((now) => this.tick(now));
  }

  /** @param {number} now */
  tick(now) {
    this.request = requestAnimationFrame((next) => this.tick(next));
    if (this.last && now - this.last < PICTURE_MS - 2) return;
    if (this.last) this.seconds += Math.min(now - this.last, 250) / 1000; // A hidden tab goes on where it was.
    this.last = now;
    this.draw();
  }

  draw() {
    const box = this.canvas.getBoundingClientRect();
    const pen = this.canvas.getContext("2d");
    if (!pen || !box.width) return;
    const [width, height] = [Math.round(box.width), Math.round(box.height)];
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    const { flight, t } = flightAt(this.flights, this.seconds);
    drawScene(pen, width, height, flight.ground);
    drawLander(pen, width, height, poseAt(flight.steps, t), t);
  }

  dispose() {
    cancelAnimationFrame(this.request);
    this.resized.disconnect();
    this.root.remove();
  }
}

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {number} width
 * @param {number} height
 * @param {number[]} ground
 */
function drawScene(pen, width, height, ground) {
  const sky = pen.createLinearGradient(0, 0, 0, height);
  sky.addColorStop(0, "#0a141b");
  sky.addColorStop(1, "#1c3540");
  pen.fillStyle = sky;
  pen.fillRect(0, 0, width, height);
  pen.fillStyle = "#cfe3e2";
  for (let i = 0; i < 60; i += 1) {
    const [x, y] = [(i * 0.618034) % 1, (i * 0.754878) % 1]; // Evenly strewn, the same each time.
    pen.globalAlpha = 0.25 + 0.6 * ((i * 0.569841) % 1);
    pen.fillRect(x * width, y * 0.7 * height, 1.5, 1.5);
  }
  pen.globalAlpha = 1;
  const last = ground.length - 1;
  pen.beginPath();
  pen.moveTo(0, height);
  ground.forEach((y, i) => pen.lineTo((i / last) * width, down(y / 1000, height)));
  pen.lineTo(width, height);
  pen.closePath();
  pen.fillStyle = "#8fa7a6";
  pen.fill();
  const half = last / 2; // The pad reaches one piece to each side of the middle.
  for (const end of [half - 1, half + 1]) drawFlag(pen, (end / last) * width, down(0, height), height);
}

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {number} x
 * @param {number} y
 * @param {number} height
 */
function drawFlag(pen, x, y, height) {
  const size = height / 26;
  pen.fillStyle = "#f2f7f6";
  pen.fillRect(x - 1, y - 2 * size, 2, 2 * size);
  pen.fillStyle = "#f0a35e";
  pen.beginPath();
  pen.moveTo(x + 1, y - 2 * size);
  pen.lineTo(x + 1 + size, y - 1.6 * size);
  pen.lineTo(x + 1, y - 1.2 * size);
  pen.fill();
}

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {number} width
 * @param {number} height
 * @param {Pose} pose
 * @param {number} t Env steps since the start, for flames that flicker.
 */
function drawLander(pen, width, height, { x, y, angle, action }, t) {
  const unit = width / WORLD_WIDTH;
  const scale = unit / 30;
  pen.save();
  pen.translate(((x + 1) / 2) * width, down(y, height) - LEGS * unit);
  pen.rotate(-angle);
  pen.scale(scale, -scale);
  const flicker = 1 + 0.25 * Math.sin(t * 2.1);
  if (action === MAIN_ENGINE) drawFlame(pen, 0, -10, 0, -34 * flicker, 9);
  if (action === LEFT_ENGINE) drawFlame(pen, -17, 8, -18 * flicker, 0, 5);
  if (action === RIGHT_ENGINE) drawFlame(pen, 17, 8, 18 * flicker, 0, 5);
  pen.strokeStyle = "#b9a5f2";
  pen.lineWidth = 4;
  for (const side of [-1, 1]) {
    pen.beginPath();
    pen.moveTo(side * 13, -8);
    pen.lineTo(side * 22, -18);
    pen.moveTo(side * 18, -18);
    pen.lineTo(side * 26, -18);
    pen.stroke();
  }
  pen.beginPath();
  BODY.forEach(([px, py]) => pen.lineTo(px, py));
  pen.closePath();
  pen.fillStyle = "#7a63c9";
  pen.fill();
  pen.strokeStyle = "#d5caf7";
  pen.lineWidth = 2;
  pen.stroke();
  pen.restore();
}

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {number} x
 * @param {number} y
 * @param {number} dx
 * @param {number} dy
 * @param {number} half Of the flame's width.
 */
function drawFlame(pen, x, y, dx, dy, half) {
  pen.beginPath();
  pen.moveTo(x + (dy ? half : 0), y + (dx ? half : 0));
  pen.lineTo(x + dx, y + dy);
  pen.lineTo(x - (dy ? half : 0), y - (dx ? half : 0));
  pen.closePath();
  pen.fillStyle = "#f0a35e";
  pen.fill();
}

/**
 * Pixels from the top of the view of something at height `y` of an observation.
 * @param {number} y
 * @param {number} height
 */
function down(y, height) {
  return height - ((y - BOTTOM) / 2) * height;
}
