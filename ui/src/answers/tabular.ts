/** Tables in JSON: rows of objects or lists, columns of lists, and what pandas writes. */

import { isObject } from "@/api/problems";
import type { Column } from "@/parts/tables";

/** A row: its number, and what stands in each column. */
export interface Row {
  at: number;
  cells: unknown[];
}

export interface Table {
  kind: "table";
  columns: Column<Row>[];
  rows: Row[];
}

const MOST_COLUMNS = 200;
const MOST_WITHIN = 30; // members of an object in a cell that become columns

/** The table of a value; `null` where it is none. `name` is where it stood. */
export function tableOf(value: unknown, name = ""): Table | null {
  if (Array.isArray(value)) return tableOfList(value);
  return isObject(value) ? (tableOfSplit(value) ?? tableOfColumns(value) ?? tableOfNamed(value, name)) : null;
}

/** A table of names and rows. */
export function tableOfCells(names: string[], rows: unknown[][]): Table {
  const columns = names.map((name, index): Column<Row> => {
    const isNumber = rows.some((row) => typeof row[index] === "number") && rows.every((row) => row[index] == null || typeof row[index] === "number");
    return { key: String(index), label: name || String(index + 1), kind: isNumber ? "number" : "text", value: (row) => row.cells[index] };
  });
  return { kind: "table", columns, rows: rows.map((cells, at) => ({ at, cells })) };
}

function tableOfList(list: unknown[]): Table | null {
  if (list.length === 0) return null;
  if (list.every(isScalar)) return tableOfCells([""], list.map((one) => [one]));
  if (list.every((row) => Array.isArray(row) && row.every(isScalar))) return tableOfRows(list.filter((row) => Array.isArray(row)));
  return list.every(isObject) ? tableOfRecords(list) : null;
}

function tableOfRows(rows: unknown[][]): Table | null {
  const width = Math.max(...rows.map((row) => row.length));
  if (width === 0 || width > MOST_COLUMNS || rows.some((row) => row.length !== width)) return null;
  return tableOfCells(Array.from({ length: width }, () => ""), rows);
}

function tableOfRecords(records: Record<string, unknown>[]): Table | null {
  const flat = records.map(flattened);
  const names = [...new Set(flat.flatMap((record) => [...record.keys()]))];
  if (names.length === 0 || names.length > MOST_COLUMNS) return null;
  const filled = flat.reduce((sum, record) => sum + record.size, 0) / (names.length * flat.length);
  if (filled < 0.3) return null; // objects that have nothing in common
  if (flat.some((record) => [...record.values()].some(isDeep))) return null;
  return tableOfCells(names, flat.map((record) => names.map((name) => record.get(name))));
}

/** An object whose small objects have become members of their own: `probabilities.setosa`. */
function flattened(record: Record<string, unknown>): Map<string, unknown> {
  const found = new Map<string, unknown>();
  for (const [name, value] of Object.entries(record)) {
    const members = isObject(value) ? Object.entries(value) : [];
    const isSmall = members.length > 0 && members.length <= MOST_WITHIN && members.every(([, one]) => isScalar(one));
    if (isSmall) for (const [inner, one] of members) found.set(`${name}.${inner}`, one);
    else found.set(name, value);
  }
  return found;
}

/** `{"columns": […], "data": [[…]]}`, as pandas writes by `orient="split"`; `rows` for `data` too. */
function tableOfSplit(value: Record<string, unknown>): Table | null {
  const names = value["columns"];
  const rows = value["data"] ?? value["rows"];
  if (!isList(names) || !isList(rows) || names.length === 0 || names.length > MOST_COLUMNS || !names.every(isScalar)) return null;
  if (!rows.every((row) => isList(row) && row.length === names.length)) return null;
  const index = value["index"];
  const hasIndex = isList(index) && index.length === rows.length && index.some((one, at) => one !== at);
  const cells = rows.map((row, at) => [...(hasIndex ? [index[at]] : []), ...(isList(row) ? row : [])]);
  return tableOfCells([...(hasIndex ? ["index"] : []), ...names.map(String)], cells);
}

/** `{"a": [1, 2], "b": ["x", "y"]}` */
function tableOfColumns(value: Record<string, unknown>): Table | null {
  const entries = Object.entries(value);
  const lists = entries.map(([, list]) => list).filter(isList);
  const length = lists[0]?.length ?? 0;
  if (entries.length < 2 || entries.length > MOST_COLUMNS || lists.length !== entries.length || length < 1) return null;
  if (!lists.every((list) => list.length === length && list.every(isScalar))) return null;
  return tableOfCells(entries.map(([name]) => name), Array.from({ length }, (_, at) => lists.map((list) => list[at])));
}

/** `{"cat": {"precision": 0.9, "recall": 0.8}, "dog": {…}}`: a row for each, whose name is its first column. */
function tableOfNamed(value: Record<string, unknown>, name: string): Table | null {
  const rows = Object.entries(value);
  const [first] = rows;
  if (!first || !isObject(first[1]) || rows.length < 2) return null;
  const names = Object.keys(first[1]);
  const isLike = (row: unknown): boolean => isObject(row) && Object.keys(row).length === names.length && names.every((one) => one in row && isScalar(row[one]));
  if (names.length < 2 || names.length > MOST_COLUMNS || !rows.every(([, row]) => isLike(row))) return null;
  return tableOfCells([name || "name", ...names], rows.map(([title, row]) => [title, ...names.map((one) => (isObject(row) ? row[one] : null))]));
}

const isList = (value: unknown): value is unknown[] => Array.isArray(value);

const isScalar = (value: unknown): boolean => value === null || typeof value !== "object";

/** Whether a cell holds more than can be read in one: it is shown as a tree then. */
const isDeep = (value: unknown): boolean => typeof value === "object" && value !== null && JSON.stringify(value).length > 200;
