/** What a job measures, as curves that grow: also over attempts, and with steps that come out of order. */

import type { Curve } from "@/parts/curves";

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

const SIDES = new Set(["train", "training", "val", "valid", "validation", "test", "eval", "dev"]);

/** Curves that belong in one chart, such as train_loss and val_loss, by what they have in common. */
export function grouped(curves: readonly Curve[]): { name: string; curves: Curve[] }[] {
  const groups = new Map<string, Curve[]>();
  for (const curve of curves) {
    const name = commonName(curve.name);
    groups.set(name, [...(groups.get(name) ?? []), curve]);
  }
  return [...groups].map(([name, found]) => ({ name, curves: found }));
}

/** The name of a metric without the side on which it was measured. */
export function commonName(name: string): string {
  const parts = name.split(/[/_.\- ]/);
  const rest = parts.filter((part) => !SIDES.has(part.toLowerCase()));
  return rest.length && rest.length < parts.length ? rest.join("_") : name;
}
