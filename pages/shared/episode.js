// One episode's numbers as the server sends them, and what follows from them. State i is what the agent sees before its
// step i; the last state, number `length`, is what the episode ended in.

export class Episode {
  constructor(numbers) {
    this.numbers = numbers;
    this.length = numbers.length;
    this.isTruncated = numbers.truncated && !numbers.terminated;
    this.returns = [0];
    for (const reward of numbers.rewards) this.returns.push(this.returns.at(-1) + (reward ?? 0));
    this.values = numbers.q_values.map((values) => (values.includes(null) ? null : Math.max(...values)));
    this.qScale = scaleOf(numbers.q_values.flat(), 0);
  }

  /** Everything about state `step`; what belongs to a choice is null in the last one. */
  at(step) {
    const { numbers, length } = this;
    const isOver = step >= length;
    const pick = (list) => (isOver ? null : list[step]);
    return {
      isOver,
      observation: numbers.observations[Math.min(step, length)],
      q_values: pick(numbers.q_values),
      action: pick(numbers.actions),
      is_greedy: pick(numbers.is_greedy),
      reward: pick(numbers.rewards),
      value: pick(this.values),
      got: pick(numbers.discounted_returns),
      returnSoFar: this.returns[Math.min(step, length)],
    };
  }
}

/** {low, high} of all finite numbers among `values` and `also`; never empty. */
export function scaleOf(values, ...also) {
  let [low, high] = [Math.min(...also), Math.max(...also)];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (!(low <= value)) low = value;
    if (!(high >= value)) high = value;
  }
  return high > low ? { low, high } : { low, high: low + 1 };
}

class ReplayProblem extends Error {
  constructor(status, { error, template, parameters } = {}) {
    super(error ?? String(status));
    Object.assign(this, { status, template, parameters });
  }
}

/** The answer itself if it is good, else throws what it says. */
async function goodAnswer(response) {
  if (response.ok) return response;
  throw new ReplayProblem(response.status, await response.json().catch(() => ({})));
}

const FETCH_RETRY_MS = [300, 1000, 2000, 4000];

/** Fetches again and again while the server cannot be reached; gives up only on `signal`. */
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

const LISTS = ["actions", "is_greedy", "rewards", "q_values", "observations", "discounted_returns"];

/** The numbers of the episode at `url`, all portions of a long one; `onStage` hears what the server does meanwhile. */
export async function fetchNumbers(url, signal, onStage) {
  const numbers = await fetchPortion(url, signal, onStage);
  while (numbers.actions.length < numbers.length) {
    const more = await fetchPortion(`${url}&from=${numbers.actions.length}`, signal, onStage);
    if (more.id !== numbers.id || more.from !== numbers.actions.length) return fetchNumbers(url, signal, onStage);
    for (const name of LISTS) for (const each of more[name]) numbers[name].push(each);
  }
  return numbers;
}

async function fetchPortion(url, signal, onStage) {
  for (;;) {
    const response = await patientFetch(url, signal);
    const answer = await response.json();
    if (response.status === 200) return answer;
    onStage(answer.stage);
  }
}
