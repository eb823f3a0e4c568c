/** JSON as the lines of a tree: only what is open is laid out, long lists in groups of a thousand. */

import { isObject } from "@/api/problems";

/** One line of the tree. */
export interface Line {
  /** Where it is: unlike that of all others. */
  path: string;
  name: string;
  depth: number;
  value: unknown;
  /** How many there are within; 0 for what does not open. */
  size: number;
  isOpen: boolean;
  /** Its place among its like, and how many those are. */
  at: number;
  of: number;
}

const GROUP = 1000;

/** Part of a long list, or of an object with many members. */
class Group {
  constructor(
    readonly entries: [string, unknown][],
    readonly isList: boolean,
  ) {}
}

function entriesOf(value: unknown): [string, unknown][] {
  if (value instanceof Group) return value.entries;
  const all: [string, unknown][] = Array.isArray(value)
    ? value.map((one: unknown, index) => [String(index), one])
    : isObject(value)
      ? Object.entries(value)
      : [];
  if (all.length <= GROUP) return all;
  const groups: [string, unknown][] = [];
  for (let from = 0; from < all.length; from += GROUP) {
    const part = all.slice(from, from + GROUP);
    groups.push([`${from} … ${from + part.length - 1}`, new Group(part, Array.isArray(value))]);
  }
  return groups;
}

/** How many things are within a value. */
export function sizeOf(value: unknown): number {
  if (value instanceof Group) return value.entries.length;
  if (Array.isArray(value)) return value.length;
  return isObject(value) ? Object.keys(value).length : 0;
}

/** Whether a value has no names within, only numbers of places. */
export const isListLike = (value: unknown): boolean => Array.isArray(value) || (value instanceof Group && value.isList);

/** The lines of a value, of which those in `open` show what is within. */
export function linesOf(value: unknown, open: ReadonlySet<string>): Line[] {
  const lines: Line[] = [];
  add(lines, "", "", value, 0, 1, 1, open);
  return lines;
}

function add(lines: Line[], path: string, name: string, value: unknown, depth: number, at: number, of: number, open: ReadonlySet<string>): void {
  const size = sizeOf(value);
  const isOpen = size > 0 && open.has(path);
  lines.push({ path, name, depth, value, size, isOpen, at, of });
  if (!isOpen) return;
  const entries = entriesOf(value);
  entries.forEach(([key, one], index) => add(lines, pathOf(path, key), key, one, depth + 1, index + 1, entries.length, open));
}

const pathOf = (path: string, key: string): string => `${path}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;

/** What is open at first: from the outside, as long as there are few lines. */
export function firstOpen(value: unknown, most = 60): Set<string> {
  const open = new Set<string>();
  let level: [string, unknown][] = [["", value]];
  let lines = 1;
  while (level.length > 0) {
    const next: [string, unknown][] = [];
    for (const [path, one] of level) {
      const size = sizeOf(one);
      if (size === 0 || (path !== "" && lines + size > most)) continue;
      open.add(path);
      lines += size;
      if (lines > most) return open;
      next.push(...entriesOf(one).map(([key, inner]): [string, unknown] => [pathOf(path, key), inner]));
    }
    level = next;
  }
  return open;
}

const CUT = 400; // characters of a text in a line

/** How a plain value is written in a line; what is within another is told by its size. */
export function lineText(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > CUT ? `${value.slice(0, CUT)}…` : value);
  return isListLike(value) ? "[]" : typeof value === "object" && value !== null ? "{}" : String(value);
}
