/** Which runs are shown: conditions on any of their values, which a link carries, and words that stand anywhere in them. */

import { cellText, type Column } from "@/parts/tables";
import type { RunRow } from "./rows";

export const OPERATORS = ["=", "≠", "<", "≤", ">", "≥", "has", "there", "missing"] as const;
export type Operator = (typeof OPERATORS)[number];

export interface Condition {
  /** The key of a column. */
  key: string;
  operator: Operator;
  value: string;
}

/** Whether an operator needs nothing to compare with. */
export const isAlone = (operator: Operator): boolean => operator === "there" || operator === "missing";

/** The rows that fit all conditions and have all words. A condition that is not filled in yet fits all. */
export function fitting(rows: readonly RunRow[], columns: readonly Column<RunRow>[], conditions: readonly Condition[], words: string): readonly RunRow[] {
  const byKey = new Map(columns.map((column) => [column.key, column]));
  const judged = conditions.flatMap((condition) => {
    const column = byKey.get(condition.key);
    return condition.value.trim() === "" && !isAlone(condition.operator) ? [] : [{ condition, column }];
  });
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  if (judged.length === 0 && wanted.length === 0) return rows;
  return rows.filter(
    (row) => judged.every(({ condition, column }) => fits(column?.value(row), condition)) && hasWords(row, wanted),
  );
}

/** Whether a value is as a condition says. Numbers are compared as numbers, all else as text. */
export function fits(value: unknown, { operator, value: given }: Condition): boolean {
  const isMissing = value === undefined || value === null || value === "";
  if (operator === "missing") return isMissing;
  if (operator === "there") return !isMissing;
  if (operator === "≠") return isMissing || ordered(value, given) !== 0;
  if (isMissing) return false;
  const wanted = given.trim().toLowerCase();
  if (operator === "has") return cellText("text", value).toLowerCase().includes(wanted);
  const order = ordered(value, given);
  if (order === null) return false;
  return { "=": order === 0, "<": order < 0, "≤": order <= 0, ">": order > 0, "≥": order >= 0 }[operator];
}

function ordered(value: unknown, given: string): number | null {
  const trimmed = given.trim();
  if (typeof value === "number") {
    const number = Number(trimmed.replace(",", "."));
    return Number.isNaN(number) ? null : Math.sign(value - number);
  }
  const text = cellText("text", value).toLowerCase();
  const other = trimmed.toLowerCase();
  return text === other ? 0 : text < other ? -1 : 1;
}

function hasWords(row: RunRow, wanted: readonly string[]): boolean {
  if (wanted.length === 0) return true;
  const { run } = row;
  const text = [run.run_id, run.name, run.model, run.source, ...run.aliases, JSON.stringify(run.params)].join("\n").toLowerCase();
  return wanted.every((word) => text.includes(word));
}

/** Conditions as texts of a query string, one each. */
export const written = (conditions: readonly Condition[]): string[] =>
  conditions.map(({ key, operator, value }) => JSON.stringify([key, operator, value]));

/** Conditions out of a query string; what is none is left out. */
export function read(texts: readonly unknown[]): Condition[] {
  return texts.flatMap((text) => {
    try {
      const found: unknown = typeof text === "string" ? JSON.parse(text) : null;
      if (!Array.isArray(found)) return [];
      const [key, given, value]: unknown[] = found;
      const operator = OPERATORS.find((one) => one === given);
      return typeof key === "string" && operator && typeof value === "string" ? [{ key, operator, value }] : [];
    } catch {
      return [];
    }
  });
}
