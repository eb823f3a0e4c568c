/** What a job measures, as curves that grow: also over attempts, and with steps that come out of order. */

import { get, type Schemas } from "@/api/http";
import { pathOf } from "@/api/places";
import type { Curve } from "./curves";

const MOST_PAGES = 20;

interface Series {
  x: number[];
  y: (number | null)[];
  attempt: number;
}

/** The metrics of one job, by name. */
export class MetricSeries {
  private series = new Map<string, Series>();

  /** Adds a value. An attempt that goes back to an earlier step replaces what came after it. */
  add(name: string, step: number | null, value: number | null, attempt: number): void {
    const found = this.series.get(name) ?? { x: [], y: [], attempt };
    this.series.set(name, found);
    const x = step ?? (found.x.at(-1) ?? 0) + 1;
    if (attempt !== found.attempt) {
      const place = placeOf(found.x, x);
      found.x.length = found.y.length = place;
      found.attempt = attempt;
    }
    let place = found.x.length;
    while (place > 0 && (found.x[place - 1] ?? x) > x) place -= 1; // steps come in order, nearly always
    found.x.splice(place, 0, x);
    found.y.splice(place, 0, value);
  }

  /** The curves as they are now; those that are given out do not change. */
  curves(): Curve[] {
    return [...this.series].map(([name, { x, y }]) => ({ name, x: [...x], y: [...y] }));
  }
}

/** The first place whose value is not below `x`. */
function placeOf(values: number[], x: number): number {
  let from = 0;
  let to = values.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((values[middle] ?? 0) < x) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** All that a job has measured, page by page. */
export async function curvesOfJob(id: string, signal: AbortSignal): Promise<Curve[]> {
  const series = new MetricSeries();
  let cursor: number | undefined;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const found = await get<Schemas["Metrics"]>(pathOf("v2", "jobs", id, "metrics"), { cursor }, signal);
    for (const [name, points] of Object.entries(found.metrics)) {
      for (const point of points) series.add(name, point.step, point.value, 1);
    }
    if (found.next_cursor === null) break;
    cursor = found.next_cursor;
  }
  return series.curves();
}
