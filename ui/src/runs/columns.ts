/** The columns that a table of runs can have, and which of them it has until somebody chooses. */

import type { CellKind, Column } from "@/parts/tables";
import { t } from "@/texts";
import { keyOf, titleOf, type Group, type Run, type RunRow } from "./rows";

export interface RunColumn extends Column<RunRow> {
  group: Group;
  kind: CellKind;
}

/** The aliases that a version of a model has now. */
export type AliasesOf = (run: Run) => string[];

const FIRST_OF_GROUP = 4; // columns of parameters, and of numbers, until somebody chooses
const NARROW = 9; // characters of a column of values, at least
export const NAME = "run:name";
export const VERSION = "run:version";

/** The columns of what every run has. */
export function ownColumns(aliasesOf: AliasesOf): RunColumn[] {
  const own = (name: string, label: string, kind: CellKind, value: (run: Run) => unknown, width?: number): RunColumn => ({
    key: keyOf("run", name),
    label,
    kind,
    group: "run",
    value: (row) => value(row.run),
    ...(width === undefined ? {} : { width }),
  });
  return [
    own("name", t("runs.name"), "text", titleOf),
    own("model", t("runs.model"), "text", (run) => run.model),
    own("version", t("runs.version"), "number", (run) => run.version, 13),
    own("aliases", t("runs.aliases"), "text", (run) => aliasesOf(run).join(", ")),
    own("id", t("runs.id"), "text", (run) => run.run_id),
    own("source", t("runs.source"), "text", (run) => run.source),
    own("started", t("runs.started"), "moment", (run) => run.started_at),
    own("finished", t("runs.finished"), "moment", (run) => run.finished_at),
    own("duration", t("runs.duration"), "lasting", (run) => run.duration, 11),
  ];
}

/** The columns of all parameters, metrics and numbers of performance that any of the runs has, in the order in which they came. */
export function valueColumns(rows: readonly RunRow[]): RunColumn[] {
  const seen = new Map<string, { hasText: boolean }>();
  for (const row of rows) {
    for (const [key, value] of row.values) {
      const found = seen.get(key) ?? { hasText: false };
      if (value !== null && typeof value !== "number") found.hasText = true;
      seen.set(key, found);
    }
  }
  return [...seen].map(([key, { hasText }]) => {
    const group = groupOf(key);
    const label = nameOf(key);
    const kind = hasText ? "text" : "number";
    const sized = hasText ? {} : { width: Math.min(Math.max(label.length + 2, NARROW), 28) };
    return { key, label, kind, group, value: (row) => row.values.get(key), ...sized };
  });
}

/** The columns that are shown until somebody chooses: what differs between runs says more than what does not. */
export function firstChoice(rows: readonly RunRow[], columns: readonly RunColumn[], ofManyModels: boolean): string[] {
  const own = [NAME, ...(ofManyModels ? ["run:model"] : []), VERSION, "run:finished", "run:duration"];
  const params = columns.filter((column) => column.group === "param");
  const differing = params.filter((column) => rows.length < 2 || differs(rows, column));
  const overall = columns.filter((column) => column.key.startsWith("performance:overall.") && column.kind === "number");
  const numbers = [...overall, ...columns.filter((column) => column.group === "metric"), ...columns.filter((column) => column.group === "performance" && column.kind === "number")];
  const first = (found: RunColumn[]): string[] => [...new Set(found.map((column) => column.key))].slice(0, FIRST_OF_GROUP);
  return [...own, ...first(differing.length ? differing : params), ...first(numbers)];
}

function differs(rows: readonly RunRow[], column: RunColumn): boolean {
  const first = JSON.stringify(rows[0] && column.value(rows[0]));
  return rows.some((row) => JSON.stringify(column.value(row)) !== first);
}

/** The name of a value without its group. */
export const nameOf = (key: string): string => key.slice(key.indexOf(":") + 1);

function groupOf(key: string): Group {
  const group = key.slice(0, key.indexOf(":"));
  return group === "param" || group === "metric" || group === "performance" ? group : "run";
}
