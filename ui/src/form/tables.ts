/** Tables that people have: CSV, what is copied from a spreadsheet, Parquet; and rows as models take them. */

import { isObject } from "@/api/problems";
import type { Column, ColumnType } from "./columns";

/** Rows below the names of their columns. A name may be empty. */
export interface Grid {
  names: string[];
  rows: unknown[][];
}

const SEPARATORS = ["\t", ",", ";", "|"];
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const EMPTY = new Set(["", "null", "NULL", "NA", "NaN", "nan", "None"]);

/** The cells of a text: comma, semicolon or tab between them, quoted as CSV has it. */
export function cellsOf(text: string): string[][] {
  const given = text.replace(/^\ufeff/, "").replace(/\r\n?/g, "\n");
  const separator = separatorOf(given);
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = "";
  let isQuoted = false;
  for (let at = 0; at < given.length; at++) {
    const one = given[at];
    if (isQuoted) {
      if (one !== '"') cell += one;
      else if (given[at + 1] === '"') (cell += '"'), at++;
      else isQuoted = false;
    } else if (one === '"' && cell === "") isQuoted = true;
    else if (one === separator) row.push(cell), (cell = "");
    else if (one === "\n") rows.push([...row, cell]), (row = []), (cell = "");
    else cell += one;
  }
  if (cell !== "" || row.length) rows.push([...row, cell]);
  return rows.filter((found) => found.some((one) => one.trim() !== ""));
}

function separatorOf(text: string): string {
  const line = text.slice(0, text.indexOf("\n") >>> 0);
  const counts = SEPARATORS.map((one) => line.split(one).length);
  return SEPARATORS[counts.indexOf(Math.max(...counts))] ?? ",";
}

/** The grid of a text. Its first row are names, unless all of it are numbers. */
export function gridOf(text: string, columns: Column[]): Grid {
  const cells = cellsOf(text);
  const first = cells[0] ?? [];
  const hasNames = !first.every((one) => NUMBER.test(one.trim()) || EMPTY.has(one.trim()));
  const names = hasNames ? first.map((one) => one.trim()) : first.map((_, index) => columns[index]?.name ?? "");
  const rows = hasNames ? cells.slice(1) : cells;
  const types = names.map((name, index) => typeOf(name, index, columns));
  return { names, rows: rows.map((row) => names.map((_, index) => valueOf(row[index] ?? "", types[index] ?? "any"))) };
}

/** The type that is known of a column. */
export function typeOf(name: string, index: number, columns: Column[]): ColumnType {
  return (columns.find((one) => one.name !== "" && one.name === name) ?? (columns[index]?.name ? undefined : columns[index]))?.type ?? "any";
}

/** What a cell's text is in a column of this type; a text that is none of it stays, for the model to refuse. */
export function valueOf(text: string, type: ColumnType): unknown {
  const trimmed = text.trim();
  if (type === "text") return text;
  if (EMPTY.has(trimmed)) return null;
  if (type === "date") return trimmed;
  if (NUMBER.test(trimmed)) return Number(trimmed);
  if (/^[+-]?\d+,\d+$/.test(trimmed) && type === "number") return Number(trimmed.replace(",", "."));
  if (/^(true|false)$/i.test(trimmed)) return trimmed.toLowerCase() === "true";
  return text;
}

/** The text of a cell while it is edited. */
export function cellText(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** The grid of a value that a table may have; `null` where it is no table. */
export function gridOfValue(value: unknown): Grid | null {
  if (isObject(value) && Array.isArray(value["columns"]) && Array.isArray(value["rows"])) {
    return { names: value["columns"].map(String), rows: value["rows"].filter((row) => Array.isArray(row)) };
  }
  if (!Array.isArray(value)) return null;
  if (value.every((row) => Array.isArray(row))) {
    const width = Math.max(0, ...value.map((row) => row.length));
    return { names: Array.from({ length: width }, () => ""), rows: value };
  }
  if (!value.every((row) => isObject(row))) return null;
  const names = [...new Set(value.flatMap((row) => Object.keys(row)))];
  return { names, rows: value.map((row) => names.map((name) => row[name])) };
}

/** The value that a model takes for a grid: objects by column, or lists where columns have no names. */
export function valueOfGrid(grid: Grid): unknown[] {
  const isNamed = grid.names.length > 0 && grid.names.every((name) => name !== "") && new Set(grid.names).size === grid.names.length;
  if (!isNamed) return grid.rows.map((row) => grid.names.map((_, index) => row[index] ?? null));
  return grid.rows.map((row) =>
    Object.fromEntries(grid.names.flatMap((name, index) => (row[index] === undefined ? [] : [[name, row[index]] as const]))),
  );
}

/** The grid of a file: CSV or another text of cells, JSON, or Parquet. Rejects with words where it is none. */
export async function gridOfFile(file: File, columns: Column[], limit = Number.POSITIVE_INFINITY): Promise<Grid> {
  const head = new TextDecoder("latin1").decode(await file.slice(0, 4).arrayBuffer());
  if (head === "PAR1") return gridOfParquet(await file.arrayBuffer(), limit);
  if (head.startsWith("PK")) throw new Error("a spreadsheet; save it as CSV, or copy its cells and paste them here");
  const text = Number.isFinite(limit) ? await file.slice(0, 1 << 18).text() : await file.text();
  if (/^\s*[[{]/.test(text) && !Number.isFinite(limit)) {
    const found = gridOfValue(JSON.parse(text));
    if (found) return found;
    throw new Error("JSON that is no list of rows");
  }
  const grid = gridOf(text, columns);
  return { names: grid.names, rows: grid.rows.slice(0, limit) };
}

async function gridOfParquet(buffer: ArrayBuffer, limit: number): Promise<Grid> {
  const { parquetMetadata, parquetReadObjects } = await import("hyparquet");
  const metadata = parquetMetadata(buffer);
  const found = await parquetReadObjects({ file: buffer, metadata, ...(Number.isFinite(limit) ? { rowEnd: limit } : {}) });
  const names = Object.keys(found[0] ?? {});
  const lengths = new Map(metadata.schema.map((one) => [one.name, lengthOfMoment(one.converted_type, one.logical_type)]));
  return { names, rows: found.map((row) => names.map((name) => plain(row[name], lengths.get(name)))) };
}

/** How much of a moment's text a column means: its day alone, or all but the zone, where it has none. */
function lengthOfMoment(converted: string | undefined, logical: { type: string; isAdjustedToUTC?: boolean } | undefined): number | undefined {
  if (converted === "DATE" || logical?.type === "DATE") return 10;
  return logical?.type === "TIMESTAMP" && logical.isAdjustedToUTC === false ? 23 : undefined;
}

function plain(value: unknown, length?: number): unknown {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  return value instanceof Date ? value.toISOString().slice(0, length) : value;
}
