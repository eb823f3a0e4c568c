/** How far a job is, and how long it may still take. */

export interface Step {
  done: number;
  total: number | null;
  message: string;
  attempt: number;
  /** Milliseconds of the epoch. */
  at: number;
}

/** What is told of the way, between the first report of an attempt and the last. */
export interface Way {
  first: Step;
  last: Step;
}

/** The way with one report more; another attempt begins it anew, as does one that goes back. */
export function further(way: Way | null, step: Step): Way {
  if (!way || step.attempt !== way.first.attempt || step.done < way.last.done || step.total !== way.last.total) return { first: step, last: step };
  return { first: way.first, last: step };
}

/** The part that is done, from 0 to 1; `null` where nobody knows. */
export function partOf(done: number | null, total: number | null): number | null {
  if (done === null || total === null || !(total > 0)) return null;
  return Math.min(Math.max(done / total, 0), 1);
}

/** Seconds that are left at `now` if it goes on as before; `null` where nobody can say. */
export function secondsLeft(way: Way | null, started: number | null, now: number): number | null {
  if (!way || way.last.total === null || way.last.total <= way.last.done) return null;
  const hasWay = way.last.done > way.first.done && way.last.at > way.first.at;
  const from = hasWay ? way.first : started !== null && way.first.attempt === 1 ? { done: 0, at: started } : null;
  if (!from || way.last.done <= from.done || way.last.at <= from.at) return null;
  const each = (way.last.at - from.at) / (way.last.done - from.done);
  const left = (way.last.total - way.last.done) * each - Math.max(now - way.last.at, 0);
  return Math.max(left, 0) / 1000;
}
