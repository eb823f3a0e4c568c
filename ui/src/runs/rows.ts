/** Runs as rows of a table: every value that a run has, parameters and numbers however deep, by the key of its column. */

import type { Schemas } from "@/api/http";
import { isObject } from "@/api/problems";

export type Run = Schemas["RunSummary"];

export interface RunRow {
  /** What it is told apart by, also from runs of other models: `MODEL/ID`. */
  key: string;
  run: Run;
  /** By the key of a column, such as `param:steps` or `performance:overall.f1`. */
  values: ReadonlyMap<string, unknown>;
}

/** Where a value of a run comes from; the group of its column. */
export type Group = "run" | "param" | "metric" | "performance";

const MOST_VALUES = 1000; // of one run in one group
const DEEPEST = 20;

export const keyOf = (group: Group, name: string): string => `${group}:${name}`;
export const rowKeyOf = (run: { model: string; run_id: string }): string => `${run.model}/${run.run_id}`;

/** The model and the id of a run, of what `rowKeyOf` makes; `null` for anything else. */
export function placeOf(key: string): { model: string; id: string } | null {
  const at = key.lastIndexOf("/");
  return at > 0 && at < key.length - 1 ? { model: key.slice(0, at), id: key.slice(at + 1) } : null;
}

/** The leaves of something nested, each with its dotted path. Lists are leaves. */
export function leavesOf(value: unknown, most = MOST_VALUES): [string, unknown][] {
  const found: [string, unknown][] = [];
  function gather(inner: unknown, path: string, depth: number): void {
    if (found.length >= most) return;
    if (isObject(inner) && depth < DEEPEST && (path === "" || Object.keys(inner).length > 0)) {
      for (const [name, one] of Object.entries(inner)) gather(one, path ? `${path}.${name}` : name, depth + 1);
    } else if (path) {
      found.push([path, inner]);
    }
  }
  gather(value, "", 0);
  return found;
}

/** A run as a row. */
export function rowOf(run: Run): RunRow {
  const values = new Map<string, unknown>();
  for (const [name, value] of leavesOf(run.params)) values.set(keyOf("param", name), value);
  for (const [name, value] of Object.entries(run.metrics)) values.set(keyOf("metric", name), value);
  for (const [name, value] of leavesOf(run.performance)) values.set(keyOf("performance", name), value);
  return { key: rowKeyOf(run), run, values };
}

/** What a run is called: its own name, else the begin of its id. */
export const titleOf = (run: { name: string; run_id: string }): string => run.name || run.run_id.slice(0, 12);
