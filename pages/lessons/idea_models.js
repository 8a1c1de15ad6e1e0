// The idea of each lesson as arithmetic: from the numbers that can be dragged, those that follow, and what is drawn.

import { normalMaximum, normalMaximumDensity } from "./normal_maximum.js";

/** @typedef {import("./idea_handles.js").Handle} Handle */
/** @typedef {[x: number, y: number]} Point */
/** @typedef {"main" | "other" | "muted"} Role */
/**
 * @typedef {object} Line
 * @property {Point[]} points
 * @property {Role} role
 * @property {string} [label] Of the words.
 * @property {boolean} [isDashed]
 * @property {boolean} [isThin]
 */
/**
 * @typedef {object} Figure
 * @property {{low: number, high: number}} x
 * @property {{low: number, high: number, hasNoTicks?: boolean}} y
 * @property {Line[]} [lines]
 * @property {{x: number, width: number, y: number, role: Role}[]} [bars] From 0 up to y.
 * @property {{x: number, y: number, role: Role}[]} [dots]
 * @property {number} [mark] Where along x something is said of.
 */
/**
 * @typedef {object} Told What follows from the numbers.
 * @property {Record<string, number>} numbers
 * @property {string} [outcome] Which of the words says what this means; it may name numbers too.
 * @property {Figure} figure
 */
/**
 * @typedef {object} Model
 * @property {Record<string, Handle>} handles
 * @property {Record<string, "integer" | "percent" | "fixed">} [formats] Three significant digits unless told.
 * @property {(at: Record<string, number>) => Told} tell
 */

const PRECISION = 1e-12;

/**
 * Points of a function of whole numbers.
 * @param {number} low
 * @param {number} high
 * @param {(x: number) => number} y
 * @returns {Point[]}
 */
function curve(low, high, y) {
  const stride = Math.max(1, Math.ceil((high - low) / 300));
  /** @type {Point[]} */
  const points = [];
  for (let x = low; x < high; x += stride) points.push([x, y(x)]);
  points.push([high, y(high)]);
  return points;
}

/**
 * @param {number} low
 * @param {number} high
 * @param {number} y
 * @returns {Point[]}
 */
function level(low, high, y) {
  return [[low, y], [high, y]];
}

/**
 * Numbers that look random and are the same each time (mulberry32).
 * @param {number} seed
 */
export function randomNumbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** @type {Model} */
const reward = {
  handles: { fall: { start: 150, low: 10, high: 200 }, step: { start: 40, low: 0, high: 200 } },
  formats: { fall: "integer", step: "integer", rest: "integer" },
  tell({ fall, step }) {
    const rest = Math.max(0, fall - step);
    return {
      numbers: { rest },
      outcome: rest > 0 ? "running" : "over",
      figure: {
        x: { low: 0, high: 200 },
        y: { low: 0, high: 200 },
        lines: [
          { points: curve(0, fall, (t) => fall - t), role: "main", label: "return" },
          { points: level(0, fall, 1), role: "other", label: "reward" },
        ],
        dots: rest > 0 ? [{ x: step, y: rest, role: "main" }, { x: step, y: 1, role: "other" }] : [],
        mark: step,
      },
    };
  },
};

const [MACHINES, BANDITS, PLAYS] = [10, 120, 500];

/**
 * The mean reward of each play of ε-greedy agents on bandits of ten arms (Sutton and Barto 2018, section 2.3), and the
 * share of the last plays that took the best arm.
 * @param {number} epsilon
 */
export function banditPlays(epsilon) {
  const rewards = new Float64Array(PLAYS);
  let [best, isBest] = [0, 0];
  for (let bandit = 0; bandit < BANDITS; bandit += 1) {
    const random = randomNumbers(bandit + 1);
    const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    const worth = Array.from({ length: MACHINES }, normal);
    const highest = worth.indexOf(Math.max(...worth));
    best += worth[highest] / BANDITS;
    const [sums, counts] = [new Float64Array(MACHINES), new Float64Array(MACHINES)];
    for (let play = 0; play < PLAYS; play += 1) {
      let arm = 0;
      if (random() < epsilon) {
        arm = Math.floor(random() * MACHINES);
      } else {
        let most = -Infinity;
        for (let i = 0; i < MACHINES; i += 1) {
          const estimate = counts[i] ? sums[i] / counts[i] : 0;
          if (estimate > most) [arm, most] = [i, estimate];
        }
      }
      const paid = worth[arm] + normal();
      sums[arm] += paid;
      counts[arm] += 1;
      rewards[play] += paid / BANDITS;
      if (arm === highest && play >= PLAYS - 100) isBest += 1 / (100 * BANDITS);
    }
  }
  return { rewards, best, isBest };
}

/**
 * The mean of the newest `window` values up to each one.
 * @param {Float64Array} values
 * @param {number} window
 * @returns {Point[]}
 */
function smooth(values, window) {
  let sum = 0;
  return Array.from(values, (value, i) => {
    sum += value - (i >= window ? values[i - window] : 0);
    return /** @type {Point} */ ([i + 1, sum / Math.min(i + 1, window)]);
  }).filter((_, i) => i % 4 === 3);
}

/** @type {ReturnType<typeof banditPlays> | undefined} */
let greedy;

/** @type {Model} */
const exploration = {
  handles: { epsilon: { start: 0.1, low: 0, high: 1, step: 0.01 } },
  formats: { epsilon: "fixed", percent: "percent", found: "percent" },
  tell({ epsilon }) {
    greedy ??= banditPlays(0);
    const { rewards, best, isBest } = banditPlays(epsilon);
    const last = rewards.subarray(PLAYS - 100);
    const mean = last.reduce((sum, each) => sum + each, 0) / last.length;
    return {
      numbers: { percent: epsilon, found: isBest, mean, best, plays: PLAYS },
      figure: {
        x: { low: 0, high: PLAYS },
        y: { low: -0.1, high: 1.75 },
        lines: [
          { points: level(0, PLAYS, best), role: "muted", label: "best", isDashed: true },
          { points: smooth(greedy.rewards, 40), role: "other", label: "greedy" },
          { points: smooth(rewards, 40), role: "main", label: "chosen" },
        ],
      },
    };
  },
};

/** @type {Model} */
const discount = {
  handles: { gamma: { start: 0.98, low: 0.5, high: 0.999, scale: "nines" }, steps: { start: 50, low: 1, high: 200 } },
  formats: { weight: "percent", steps: "integer", horizon: "integer" },
  tell({ gamma, steps }) {
    const weight = gamma ** steps;
    const horizon = 1 / (1 - gamma);
    return {
      numbers: { weight, horizon },
      outcome: weight >= 0.05 ? "seen" : "unseen",
      figure: {
        x: { low: 0, high: 200 },
        y: { low: 0, high: 1 },
        lines: [{ points: curve(0, 200, (k) => gamma ** k), role: "main", label: "weight" }],
        dots: [{ x: steps, y: weight, role: "main" }],
        mark: steps,
      },
    };
  },
};

/** @type {Model} */
const learningRate = {
  handles: { alpha: { start: 0.1, low: 0.01, high: 1.2, step: 0.01 } },
  formats: { alpha: "fixed", factor: "fixed" },
  tell({ alpha }) {
    const factor = 1 - 2 * alpha; // The loss is w², its gradient 2 w.
    /** @type {Point[]} */
    const path = [];
    let w = 3;
    for (let step = 0; step <= 10; step += 1) {
      path.push([w, w * w]);
      w *= factor;
    }
    const error = 3 * Math.abs(factor) ** 10;
    const size = Math.abs(factor);
    const outcome = size > 1 + PRECISION ? "diverges" : size > 0.85 ? (factor > 0 ? "slow" : "swings") : "converges";
    const inside = path.filter(([x]) => Math.abs(x) <= 5);
    return {
      numbers: { factor, error },
      outcome,
      figure: {
        x: { low: -5, high: 5 },
        y: { low: 0, high: 25 },
        lines: [
          { points: Array.from({ length: 81 }, (_, i) => [i / 8 - 5, (i / 8 - 5) ** 2]), role: "muted", label: "loss" },
          { points: inside, role: "main", label: "path" },
        ],
        dots: inside.map(([x, y]) => ({ x, y, role: "main" })),
      },
    };
  },
};

const BATCH = 32;

/** @type {Model} */
const replay = {
  handles: { size: { start: 5000, low: 50, high: 50_000, scale: "log" }, length: { start: 100, low: 10, high: 500, step: 10 } },
  formats: { size: "integer", length: "integer", few: "integer", many: "integer", batch: "integer" },
  tell({ size, length }) {
    const few = Math.ceil(BATCH / length);
    const episodes = Math.max(1, size / length);
    const many = episodes * (1 - (1 - 1 / episodes) ** BATCH);
    const random = randomNumbers(7);
    const shown = Math.max(size, 50);
    /** @type {Figure["dots"]} */
    const dots = [];
    for (let i = 0; i < BATCH; i += 1) {
      dots.push({ x: i, y: 3, role: "other" });
      dots.push({ x: random() * size, y: 1, role: "main" });
    }
    /** @type {Line[]} */
    const lines = [
      { points: [], role: "main", label: "drawn" },
      { points: [], role: "other", label: "newest" },
    ];
    if (episodes <= 60) {
      for (let x = length; x < size; x += length) lines.push({ points: [[x, 0], [x, 4]], role: "muted", isThin: true });
      lines.push({ points: [], role: "muted", label: "border", isThin: true });
    }
    return {
      numbers: { few, many, batch: BATCH },
      figure: { x: { low: 0, high: shown }, y: { low: 0, high: 4, hasNoTicks: true }, lines, dots },
    };
  },
};

const [UPDATES, RATE, GAMMA] = [1000, 0.1, 0.99];

/**
 * The value of a state over updates towards r + γ times the value of its successor, which changes with it: by `share`
 * for each 1 that it changes. The target's value is a copy, `every` updates old at most.
 * @param {number} share
 * @param {number} every
 */
export function valuesWithCopy(share, every) {
  let [value, copy] = [0, 0];
  const values = [0];
  for (let update = 1; update <= UPDATES; update += 1) {
    value += RATE * (1 + GAMMA * share * copy - value);
    if (update % every === 0) copy = value;
    values.push(value);
  }
  return values;
}

/** @type {Model} */
const targetNetwork = {
  handles: {
    every: { start: 100, low: 1, high: 500, scale: "log" },
    share: { start: 1.05, low: 0.8, high: 1.1, step: 0.01 },
  },
  formats: { every: "integer", share: "fixed" },
  tell({ every, share }) {
    const [kept, direct] = [valuesWithCopy(share, every), valuesWithCopy(share, 1)];
    const growth = GAMMA * share;
    const high = 60;
    /** @type {(values: number[]) => Point[]} */
    const shown = (values) => curve(0, UPDATES, (i) => values[i]).filter(([, y]) => y <= high);
    return {
      numbers: { value: kept[UPDATES], direct: direct[UPDATES] },
      outcome: growth > 1 ? "grows" : "settles",
      figure: {
        x: { low: 0, high: UPDATES },
        y: { low: 0, high },
        lines: [
          ...(growth < 1 && 1 / (1 - growth) <= high
            ? [{ points: level(0, UPDATES, 1 / (1 - growth)), role: /** @type {Role} */ ("muted"), label: "true", isDashed: true }]
            : []),
          { points: shown(direct), role: "other", label: "direct" },
          { points: shown(kept), role: "main", label: "copy" },
        ],
      },
    };
  },
};

const STATES = 30;

/** @type {Model} */
const nStep = {
  handles: { n: { start: 3, low: 1, high: 10 }, sweeps: { start: 4, low: 1, high: 30 } },
  formats: { n: "integer", sweeps: "integer", reach: "integer", needed: "integer", states: "integer" },
  tell({ n, sweeps }) {
    const reach = Math.min(STATES, n * sweeps);
    const bars = Array.from({ length: STATES }, (_, i) => {
      const away = STATES - i;
      const known = away <= reach;
      return { x: i + 0.5, width: 0.8, y: known ? 0.95 ** (away - 1) : 0.012, role: /** @type {Role} */ (known ? "main" : "muted") };
    });
    return {
      numbers: { reach, needed: Math.ceil(STATES / n), states: STATES },
      outcome: reach >= STATES ? "all" : "some",
      figure: {
        x: { low: 0, high: STATES },
        y: { low: 0, high: 1 },
        lines: [{ points: [], role: "main", label: "value" }],
        bars,
      },
    };
  },
};

/** @type {Model} */
const doubleDqn = {
  handles: { actions: { start: 4, low: 2, high: 20 }, noise: { start: 1, low: 0.1, high: 2, step: 0.1 } },
  formats: { actions: "integer", noise: "fixed", bias: "fixed" },
  tell({ actions, noise }) {
    const bias = noise * normalMaximum(actions);
    /** @type {(count: number) => Point[]} */
    const density = (count) =>
      Array.from({ length: 141 }, (_, i) => {
        const x = i / 14 - 4;
        return [x, normalMaximumDensity(x / noise, count) / noise];
      });
    const [one, largest] = [density(1), density(actions)];
    const high = Math.max(1, ...[...one, ...largest].map(([, y]) => y));
    return {
      numbers: { bias },
      figure: {
        x: { low: -4, high: 6 },
        y: { low: 0, high, hasNoTicks: true },
        lines: [
          { points: one, role: "other", label: "one" },
          { points: largest, role: "main", label: "largest" },
        ],
        mark: bias,
      },
    };
  },
};

/** @type {Model} */
const timeLimit = {
  handles: { limit: { start: 100, low: 20, high: 500, step: 10 }, gamma: { start: 0.99, low: 0.9, high: 0.998, scale: "nines" } },
  formats: { limit: "integer", infinite: "integer", first: "integer", mean: "integer" },
  tell({ limit, gamma }) {
    const infinite = 1 / (1 - gamma);
    const left = (/** @type {number} */ t) => infinite * (1 - gamma ** (limit - t));
    const first = left(0);
    const mean = infinite * (1 - (infinite * (1 - gamma ** limit)) / limit);
    return {
      numbers: { infinite, first, mean },
      figure: {
        x: { low: 0, high: limit },
        y: { low: 0, high: infinite * 1.1 },
        lines: [
          { points: level(0, limit, infinite), role: "main", label: "kept" },
          { points: curve(0, limit, left), role: "other", label: "cut" },
          { points: level(0, limit, mean), role: "other", label: "mean", isDashed: true },
        ],
      },
    };
  },
};

/** @type {Model} */
const exploringEvaluation = {
  handles: { epsilon: { start: 0.02, low: 0, high: 0.5, step: 0.01 }, steps: { start: 100, low: 10, high: 500, step: 10 } },
  formats: { epsilon: "fixed", steps: "integer", none: "percent" },
  tell({ epsilon, steps }) {
    const none = (1 - epsilon) ** steps;
    return {
      numbers: { none, random: epsilon * steps },
      figure: {
        x: { low: 0, high: 500 },
        y: { low: 0, high: 1 },
        lines: [{ points: curve(0, 500, (t) => (1 - epsilon) ** t), role: "main", label: "none" }],
        dots: [{ x: steps, y: none, role: "main" }],
        mark: steps,
      },
    };
  },
};

const [TRUE_MEAN, SPREAD] = [200, 80];

/** @type {Model} */
const bestOfMany = {
  handles: { count: { start: 30, low: 1, high: 100 }, episodes: { start: 1, low: 1, high: 50 } },
  formats: { count: "integer", episodes: "integer", best: "integer", excess: "integer", mean: "integer", spread: "integer" },
  tell({ count, episodes }) {
    const error = SPREAD / Math.sqrt(episodes);
    const best = TRUE_MEAN + error * normalMaximum(count);
    return {
      numbers: { best, excess: best - TRUE_MEAN, mean: TRUE_MEAN, spread: SPREAD },
      figure: {
        x: { low: 0, high: 100 },
        y: { low: 0, high: 450 },
        lines: [
          { points: level(0, 100, TRUE_MEAN), role: "muted", label: "true", isDashed: true },
          { points: curve(1, 100, (m) => TRUE_MEAN + error * normalMaximum(m)), role: "main", label: "best" },
        ],
        dots: [{ x: count, y: best, role: "main" }],
        mark: count,
      },
    };
  },
};

const LONGEST_SEARCH = 2000;

/**
 * Probability that a random walk in a corridor with a wall behind the start has reached the goal, by env step.
 * @param {number} distance From the start to the goal.
 */
export function foundBy(distance) {
  let at = new Float64Array(distance + 1); // By distance from the wall; the goal absorbs.
  at[0] = 1;
  const found = [0];
  for (let step = 1; step <= LONGEST_SEARCH; step += 1) {
    const next = new Float64Array(distance + 1);
    next[distance] = at[distance];
    next[Math.min(1, distance)] += at[0];
    for (let i = 1; i < distance; i += 1) {
      next[i - 1] += at[i] / 2;
      next[i + 1] += at[i] / 2;
    }
    at = next;
    found.push(at[distance]);
  }
  return found;
}

/** @type {Model} */
const rewardDensity = {
  handles: { distance: { start: 20, low: 2, high: 40 }, budget: { start: 400, low: 20, high: 2000, step: 20 } },
  formats: { distance: "integer", budget: "integer", walk: "integer", found: "percent" },
  tell({ distance, budget }) {
    const found = foundBy(distance);
    return {
      numbers: { walk: distance * distance, found: found[budget] },
      figure: {
        x: { low: 0, high: LONGEST_SEARCH },
        y: { low: 0, high: 1 },
        lines: [{ points: curve(0, LONGEST_SEARCH, (t) => found[t]), role: "main", label: "found" }],
        dots: [{ x: budget, y: found[budget], role: "main" }],
        mark: budget,
      },
    };
  },
};

/** @type {Record<string, Model>} By the lesson's name. */
export const MODELS = {
  "reward-and-return": reward,
  "epsilon-greedy": exploration,
  "discount-factor": discount,
  "learning-rate": learningRate,
  "experience-replay": replay,
  "target-network": targetNetwork,
  "n-step-return": nStep,
  "double-dqn": doubleDqn,
  "time-limit": timeLimit,
  evaluation: exploringEvaluation,
  "best-of-many": bestOfMany,
  "reward-density": rewardDensity,
};
