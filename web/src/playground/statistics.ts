// What a few seeds say: means with 95 % intervals, ratios on a log scale, and the range of what was seen.

export interface Interval {
  value: number;
  low: number;
  high: number;
}

/** The 0.975 quantile of Student's t, by degrees of freedom from 1. */
const t975 = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];

/** Of at least two values that may lie anywhere. */
export function meanWithin95(values: number[]): Interval {
  const n = values.length;
  const value = values.reduce((a, b) => a + b, 0) / n;
  const deviation = Math.sqrt(values.reduce((a, b) => a + (b - value) ** 2, 0) / (n - 1));
  const half = (t975[n - 2] ?? 1.96) * deviation / Math.sqrt(n);
  return {value, low: value - half, high: value + half};
}

/** Of positive values, as losses and their ratios are: the geometric mean and its interval, which stays above 0. */
export function ratioWithin95(values: number[]): Interval {
  const {value, low, high} = meanWithin95(values.map(Math.log));
  return {value: Math.exp(value), low: Math.exp(low), high: Math.exp(high)};
}

/** The mean, the lowest and the highest: for shares, whose intervals would leave 0 to 100 %. */
export function extent(values: number[]): Interval {
  return {value: values.reduce((a, b) => a + b, 0) / values.length, low: Math.min(...values), high: Math.max(...values)};
}
