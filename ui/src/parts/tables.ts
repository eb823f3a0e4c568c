/** Tables as data: columns, how a cell is written, sorting, and CSV. `DataTable.vue` shows them. */

import { lasting, moment, sized, written } from "@/texts";

/** How a cell is written and sorted: a number of seconds is `lasting`, one of bytes is `size`. */
export type CellKind = "text" | "number" | "moment" | "lasting" | "size";

export interface Column<Row> {
  /** Its name, unlike that of all others; the slot `cell:KEY` shows it in another way. */
  key: string;
  label: string;
  kind: CellKind;
  value: (row: Row) => unknown;
  /** Characters that it is wide; without it, as wide as what stands in it. */
  width?: number;
  /** `false` where sorting says nothing, as in a column of buttons, which CSV leaves out too. */
  isData?: boolean;
}

export interface Sorting {
  key: string;
  order: "up" | "down";
}

const WIDEST = 48; // characters; more is cut, and shown by the pointer
const NARROWEST = 4;
const SEEN_FOR_WIDTH = 100; // rows

/** What stands in a cell. */
export function cellText(kind: CellKind, value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") {
    if (kind === "lasting") return lasting(value);
    if (kind === "size") return sized(value);
    if (kind === "moment") return moment(value);
    return kind === "number" ? written(value, 6) : String(value);
  }
  if (typeof value === "string") return kind === "moment" ? moment(value) : value;
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** The rows in this order; those without a value come last, equal ones stay as they are. */
export function sortedRows<Row>(rows: readonly Row[], columns: Column<Row>[], sorting: Sorting | null): readonly Row[] {
  const column = columns.find((one) => one.key === sorting?.key);
  if (!column || !sorting) return rows;
  const sign = sorting.order === "up" ? 1 : -1;
  const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  const keyed = rows.map((row) => ({ row, key: sortKey(column.kind, column.value(row)) }));
  keyed.sort((a, b) => compared(a.key, b.key, sign, collator));
  return keyed.map((one) => one.row);
}

type Key = number | string | null;

function sortKey(kind: CellKind, value: unknown): Key {
  if (value === null || value === undefined || value === "") return null;
  if (typeof value === "boolean") return value ? 1 : 0;
  if (typeof value === "number") return Number.isNaN(value) ? null : value;
  if (kind === "moment" && typeof value === "string") return Date.parse(value) || null;
  return typeof value === "string" ? value : JSON.stringify(value);
}

function compared(a: Key, b: Key, sign: number, collator: Intl.Collator): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
  if (typeof a === "number" && typeof b === "number") return a === b ? 0 : a < b ? -sign : sign;
  if (typeof a === "number" || typeof b === "number") return typeof a === "number" ? -sign : sign;
  return collator.compare(a, b) * sign;
}

/** What comes next when the head of a column is pressed: up, down, as they came. */
export function nextSorting(now: Sorting | null, key: string): Sorting | null {
  if (now?.key !== key) return { key, order: "up" };
  return now.order === "up" ? { key, order: "down" } : null;
}

/** The width of a column in characters: that of its label and of what stands in it at the beginning. */
export function columnWidth<Row>(column: Column<Row>, rows: readonly Row[]): number {
  if (column.width !== undefined) return column.width;
  let widest = column.label.length + 2; // the arrow of the order
  for (const row of rows.slice(0, SEEN_FOR_WIDTH)) {
    widest = Math.max(widest, cellText(column.kind, column.value(row)).length);
  }
  return Math.min(Math.max(widest, NARROWEST), WIDEST);
}

/** The table as CSV (RFC 4180), with values as they are and not as they are shown. */
export function csvOf<Row>(rows: readonly Row[], columns: Column<Row>[]): string {
  const told = columns.filter((column) => column.isData !== false);
  const lines = [told.map((column) => csvCell(column.label))];
  for (const row of rows) lines.push(told.map((column) => csvCell(column.value(row))));
  return lines.map((cells) => `${cells.join(",")}\r\n`).join("");
}

const FORMULA = /^[=+\-@\t\r]/;

function csvCell(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  let text = typeof value === "object" ? JSON.stringify(value) : String(value);
  // A spreadsheet runs a text that begins so; a number that is written as a text stays one.
  if (FORMULA.test(text) && Number.isNaN(Number(text))) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
