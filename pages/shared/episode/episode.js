// One episode's numbers as the server sends them, and what follows from them. State i is what the agent sees before its
// step i; the last state, number `length`, is what the episode ended in.

/**
 * @typedef {object} EpisodeNumbers What the server tells of an episode; lists have a value a step.
 * @property {string} id
 * @property {number} length
 * @property {number} frames_per_s Env steps a second at real time.
 * @property {boolean} terminated
 * @property {boolean} truncated
 * @property {number} episode_return
 * @property {number} [from] First step of the lists, in a later portion.
 * @property {number[]} actions
 * @property {boolean[]} is_greedy
 * @property {(number | null)[]} rewards
 * @property {(number | null)[][]} q_values
 * @property {(number | null)[][]} observations One more than steps.
 * @property {(number | null)[]} discounted_returns
 */

export class Episode {
  /** @param {EpisodeNumbers} numbers */
  constructor(numbers) {
    this.numbers = numbers;
    this.length = numbers.length;
    this.isTruncated = numbers.truncated && !numbers.terminated;
    this.returns = [0];
    for (const reward of numbers.rewards) this.returns.push((this.returns.at(-1) ?? 0) + (reward ?? 0));
    this.values = numbers.q_values.map((values) => (hasAll(values) ? Math.max(...values) : null));
    this.qScale = scaleOf(numbers.q_values.flat(), 0);
  }

  /**
   * Everything about state `step`; in the last one no action is chosen, and what follows from one is null.
   * @param {number} step
   */
  at(step) {
    const { numbers, length } = this;
    const isOver = step >= length;
    /** @type {<Value>(list: Value[]) => Value | null} */
    const pick = (list) => (isOver ? null : list[step]);
    return {
      isOver,
      observation: numbers.observations[Math.min(step, length)],
      choice: isOver ? null : this.choiceAt(step),
      reward: pick(numbers.rewards),
      value: pick(this.values),
      got: pick(numbers.discounted_returns),
      returnSoFar: this.returns[Math.min(step, length)],
    };
  }

  /** @param {number} step */
  choiceAt(step) {
    const { q_values: values, actions, is_greedy: isGreedy } = this.numbers;
    return { q_values: values[step], action: actions[step], is_greedy: isGreedy[step] };
  }
}

/**
 * Whether none is missing.
 * @param {(number | null)[]} values
 * @returns {values is number[]}
 */
function hasAll(values) {
  return !values.includes(null);
}

/**
 * {low, high} of all finite numbers among `values` and `also`; never empty.
 * @param {(number | null)[]} values
 * @param {number[]} also
 */
export function scaleOf(values, ...also) {
  let [low, high] = [Math.min(...also), Math.max(...also)];
  for (const value of values) {
    if (value === null || !Number.isFinite(value)) continue;
    if (!(low <= value)) low = value;
    if (!(high >= value)) high = value;
  }
  return high > low ? { low, high } : { low, high: low + 1 };
}

/** What the server says instead of an episode, in the language that the address asks for. */
export class ReplayProblem extends Error {
  /**
   * @param {number} status
   * @param {{error?: string}} said
   */
  constructor(status, { error }) {
    super(error ?? String(status));
    this.status = status;
  }
}

/**
 * The answer itself if it is good, else throws what it says.
 * @param {Response} response
 */
async function goodAnswer(response) {
  if (response.ok) return response;
  throw new ReplayProblem(response.status, await response.json().catch(() => ({})));
}

const FETCH_RETRY_MS = [300, 1000, 2000, 4000];

/**
 * Fetches again and again while the server cannot be reached; gives up only on `signal`.
 * @param {string} url
 * @param {AbortSignal} signal
 */
export async function patientFetch(url, signal) {
  for (let failures = 0; ; failures += 1) {
    try {
      return await goodAnswer(await fetch(url, { signal }));
    } catch (error) {
      if (signal.aborted || error instanceof ReplayProblem) throw error;
      const wait = FETCH_RETRY_MS[Math.min(failures, FETCH_RETRY_MS.length - 1)];
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}

/** @type {("actions" | "is_greedy" | "rewards" | "q_values" | "observations" | "discounted_returns")[]} */
const LISTS = ["actions", "is_greedy", "rewards", "q_values", "observations", "discounted_returns"];

/**
 * The numbers of the episode at `url`, all portions of a long one; `onStage` hears what the server does meanwhile.
 * @param {string} url
 * @param {AbortSignal} signal
 * @param {(stage: string) => void} onStage
 * @returns {Promise<EpisodeNumbers>}
 */
export async function fetchNumbers(url, signal, onStage) {
  const numbers = await fetchPortion(url, signal, onStage);
  while (numbers.actions.length < numbers.length) {
    const more = await fetchPortion(`${url}&from=${numbers.actions.length}`, signal, onStage);
    if (more.id !== numbers.id || more.from !== numbers.actions.length) return fetchNumbers(url, signal, onStage);
    for (const name of LISTS) {
      const list = /** @type {unknown[]} */ (numbers[name]);
      for (const each of more[name]) list.push(each);
    }
  }
  return numbers;
}

/**
 * @param {string} url
 * @param {AbortSignal} signal
 * @param {(stage: string) => void} onStage
 * @returns {Promise<EpisodeNumbers>}
 */
async function fetchPortion(url, signal, onStage) {
  for (;;) {
    const response = await patientFetch(url, signal);
    const answer = await response.json();
    if (response.status === 200) return answer;
    onStage(answer.stage);
  }
}
