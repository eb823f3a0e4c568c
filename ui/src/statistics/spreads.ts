/** Spreads: how many values fell between which bounds. What lies between two of them, and their quantiles. */

export interface Spread {
  bounds: readonly number[];
  /** One more than bounds: those above the last. */
  counts: readonly number[];
}

/** What was added since `before`; all of `after` where that is no part of it. */
export function added(after: Spread, before: Spread | undefined): number[] {
  if (before?.counts.length !== after.counts.length) return [...after.counts];
  return after.counts.map((count, place) => Math.max(count - (before.counts[place] ?? 0), 0));
}

/**
 * The value that a share of all stays below, from 0 to 1, as if those between two bounds were spread evenly there;
 * `null` where there are none. Above the last bound nothing is known: it is that bound.
 */
export function quantile(bounds: readonly number[], counts: readonly number[], share: number): number | null {
  const all = sum(counts);
  if (all === 0) return null;
  const wanted = share * all;
  let below = 0;
  for (const [place, count] of counts.entries()) {
    const upper = bounds[place];
    if (below + count >= wanted && count > 0) {
      if (upper === undefined) break;
      const lower = bounds[place - 1] ?? 0;
      return lower + (upper - lower) * Math.max(0, (wanted - below) / count);
    }
    below += count;
  }
  return bounds.at(-1) ?? null;
}

export const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);
