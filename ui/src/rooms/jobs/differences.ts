/** What differs between two jobs: their arguments, and where their metrics ended. */

import type { Curve } from "@/parts/curves";

export interface Difference {
  name: string;
  mine: string;
  other: string;
}

export interface MetricDifference {
  name: string;
  mine: number | null;
  other: number | null;
}

const MOST = 2000; // characters of a value

/** A value as it is shown in a cell. */
export function textOf(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  return text.length > MOST ? `${text.slice(0, MOST)} …` : text;
}

/** The arguments that are not the same, by name. */
export function differencesOf(mine: Record<string, unknown>, other: Record<string, unknown>): Difference[] {
  const names = [...new Set([...Object.keys(mine), ...Object.keys(other)])];
  return names
    .map((name) => ({ name, mine: name in mine ? textOf(mine[name]) : "", other: name in other ? textOf(other[name]) : "" }))
    .filter((one) => one.mine !== one.other);
}

/** The last value of each metric, of both. */
export function metricDifferences(mine: readonly Curve[], other: readonly Curve[]): MetricDifference[] {
  const [here, there] = [lastOf(mine), lastOf(other)];
  const names = [...new Set([...here.keys(), ...there.keys()])];
  return names.map((name) => ({ name, mine: here.get(name) ?? null, other: there.get(name) ?? null }));
}

const lastOf = (curves: readonly Curve[]): Map<string, number | null> =>
  new Map(curves.map((curve) => [curve.name, curve.y.findLast((value) => value !== null) ?? null]));
