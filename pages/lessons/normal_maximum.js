// The largest of several independent numbers that are normally distributed, with mean 0 and standard deviation 1.

const [LOW, HIGH, PARTS] = [-6, 8, 700];

/** @type {Map<number, number>} By count. */
const means = new Map();

/**
 * Its mean, for `count` numbers: the sum of x times its density.
 * @param {number} count
 */
export function normalMaximum(count) {
  const known = means.get(count);
  if (known !== undefined) return known;
  const width = (HIGH - LOW) / PARTS;
  let mean = 0;
  for (let i = 0; i <= PARTS; i += 1) {
    const x = LOW + i * width;
    mean += x * normalMaximumDensity(x, count) * width;
  }
  means.set(count, mean);
  return mean;
}

/**
 * Its density at `x`.
 * @param {number} x
 * @param {number} count
 */
export function normalMaximumDensity(x, count) {
  const density = Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
  return count * density * distribution(x) ** (count - 1);
}

/**
 * Probability that a number is at most `x` (Abramowitz and Stegun 1964, 26.2.17; 7 digits).
 * @param {number} x
 */
function distribution(x) {
  const t = 1 / (1 + 0.2316419 * Math.abs(x));
  const series = ((((1.330274429 * t - 1.821255978) * t + 1.781477937) * t - 0.356563782) * t + 0.31938153) * t;
  const tail = (Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)) * series;
  return x >= 0 ? 1 - tail : tail;
}
