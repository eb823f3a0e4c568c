/** Runs beside each other: what they were given, how good they are, in rows with a cell for each run. */

import type { Schemas } from "@/api/http";
import { isObject } from "@/api/problems";
import { cellText } from "@/parts/tables";
import { leavesOf, titleOf } from "./rows";

export type WholeRun = Schemas["Run"];

export interface ComparedRow {
  name: string;
  /** A value for each run; `undefined` where a run has none. */
  values: unknown[];
  differs: boolean;
}

/** Values by name, of each run, as rows in the order in which the names come. */
export function rowsOf(lists: readonly (readonly [string, unknown][])[]): ComparedRow[] {
  const maps = lists.map((list) => new Map(list));
  const names = new Set(lists.flatMap((list) => list.map(([name]) => name)));
  return [...names].map((name) => {
    const values = maps.map((map) => map.get(name));
    const first = textOf(values[0]);
    return { name, values, differs: values.some((value) => textOf(value) !== first) };
  });
}

export const parameterRows = (runs: readonly WholeRun[]): ComparedRow[] => rowsOf(runs.map((run) => leavesOf(run.params)));
export const environmentRows = (runs: readonly WholeRun[]): ComparedRow[] => rowsOf(runs.map((run) => leavesOf(run.environment)));

/** Metrics and the numbers of performance that stand for all of it; those of its parts are in `partsOf`. */
export function numberRows(runs: readonly WholeRun[]): ComparedRow[] {
  const parts = new Set(partsOf(runs).map((part) => part.name));
  return rowsOf(
    runs.map((run) => {
      const whole = Object.fromEntries(Object.entries(run.performance).filter(([name]) => !parts.has(name)));
      return [...leavesOf(whole), ...Object.entries(run.metrics)];
    }),
  );
}

/** A part of a performance that has the same numbers for several things: `class`, `slices`. */
export interface Part {
  name: string;
  /** The numbers of its things, such as precision. */
  measures: string[];
  /** A row for each thing, by measure. */
  rows(measure: string): ComparedRow[];
}

/** Parts of any of the runs: things at one place that have numbers of their own. */
export function partsOf(runs: readonly WholeRun[]): Part[] {
  const names = new Set(runs.flatMap((run) => Object.entries(run.performance).flatMap(([name, value]) => (isPart(value) ? [name] : []))));
  return [...names].map((name) => {
    const parts = runs.map((run) => partIn(run, name));
    const measures = new Set(parts.flatMap((part) => Object.values(part).flatMap((one) => Object.keys(one))));
    const rows = (measure: string): ComparedRow[] =>
      rowsOf(parts.map((part) => Object.entries(part).flatMap(([thing, numbers]): [string, unknown][] => (measure in numbers ? [[thing, numbers[measure]]] : []))));
    return { name, measures: [...measures], rows };
  });
}

function isPart(value: unknown): boolean {
  const things = isObject(value) ? Object.values(value) : [];
  return things.length > 0 && things.every((one) => isObject(one) && Object.values(one).some((number) => typeof number === "number"));
}

function partIn(run: WholeRun, name: string): Record<string, Record<string, number>> {
  const performance: Record<string, unknown> = run.performance;
  const part = performance[name];
  if (!isObject(part)) return {};
  const things = Object.entries(part).map(([thing, found]) => {
    const numbers = isObject(found) ? Object.entries(found) : [];
    return [thing, Object.fromEntries(numbers.filter((one): one is [string, number] => typeof one[1] === "number"))] as const;
  });
  return Object.fromEntries(things);
}

/** A value as a cell shows it. */
export const textOf = (value: unknown): string => cellText(typeof value === "number" ? "number" : "text", value);

/** What runs are called, each unlike the others. */
export function namesOf(runs: readonly { model: string; name: string; run_id: string; version: number | null }[]): string[] {
  const ofManyModels = new Set(runs.map((run) => run.model)).size > 1;
  const plain = runs.map((run) => `${ofManyModels ? `${run.model} ` : ""}${titleOf(run)}${run.version === null ? "" : ` · v${run.version}`}`);
  return plain.map((name, place) => (plain.indexOf(name) === place && plain.lastIndexOf(name) === place ? name : `${name} (${place + 1})`));
}
