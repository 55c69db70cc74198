/** Figures over samples and over rounds. */

/** Median and 99th percentile in the unit of the samples; NaN without samples. */
export function quantiles(samples: readonly number[]): { readonly p50: number; readonly p99: number } {
  const sorted = Float64Array.from(samples).sort();
  const at = (part: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99) };
}

/** The middle value, the lower one of two; undefined without values. */
export function median(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[(values.length - 1) >> 1];
}

/** Rounded to so many decimal places. */
export function rounded(value: number, places: number): number {
  return Math.round(value * 10 ** places) / 10 ** places;
}
