/** What a value of JSON looks like: which of the page's views shows it. */

import { isObject } from "@/api/problems";
import { labelsOf, type Labels } from "./labels";
import { marksOf, type Marks } from "./marks";
import { fileInText } from "./media";
import { plotOf, type Plot } from "./plots";
import { isUnder, member, resolved, type Schema } from "./schemas";
import { tableOf, type Table } from "./tabular";

export type Shape =
  | Labels
  | Marks
  | Table
  | Plot
  | { kind: "file"; file: Blob }
  | { kind: "text"; text: string }
  | { kind: "facts"; facts: Fact[] }
  | { kind: "parts"; parts: Part[] }
  | { kind: "tree"; value: unknown };

export interface Fact {
  name: string;
  value: unknown;
}

/** A member of an answer, under its name. */
export interface Part {
  name: string;
  shape: Shape;
}

const DEEPEST = 3; // members of members that are shown by themselves
const MOST_PARTS = 40;
const LONG = 300; // characters of a text that stands by itself

/** What shows a value. `schema` is what the model says of its answer, `first` the member that it wants to be shown first. */
export function shapeOf(value: unknown, schema: Schema | null = null, mediaType = "", first = ""): Shape {
  if (first === "") return shapeAt(value, schema, "", 0, mediaType);
  if (Array.isArray(value)) return shapeAt(value.map((row: unknown) => putFirst(row, first)), schema, "", 0, mediaType);
  if (!isObject(value)) return shapeAt(value, schema, "", 0, mediaType);
  const [only, ...others] = membersOf(value);
  if (!Object.hasOwn(value, first) && only && others.length === 0) return shapeOf(only[1], member(schema, only[0]), mediaType, first);
  return withFirst(value, schema, mediaType, first);
}

function putFirst(row: unknown, first: string): unknown {
  return isObject(row) && Object.hasOwn(row, first) ? { [first]: row[first], ...row } : row;
}

/** An object of which one member stands before the others, unless what it is drawn as is made of several, that one among them. */
function withFirst(value: Record<string, unknown>, schema: Schema | null, mediaType: string, first: string): Shape {
  const whole = shapeAt(putFirst(value, first), schema, "", 0, mediaType);
  const drawn = whole.kind === "parts" ? whole.parts[0]?.shape : whole;
  const isPartOfIt = drawn?.kind === "labels" || drawn?.kind === "marks" ? drawn.used.length === 0 || drawn.used.includes(first) : drawn?.kind === "plot";
  const rest = Object.entries(value).filter(([name, one]) => name !== first && one !== null && one !== "");
  if (!Object.hasOwn(value, first) || rest.length === 0 || isPartOfIt || whole.kind === "table") return whole;
  const others = drawnOf(Object.fromEntries(rest), schema, "", 1) ?? partsOf(rest, schema, Object.fromEntries(rest), 1);
  return { kind: "parts", parts: [{ name: first, shape: shapeAt(value[first], member(schema, first), first, 1) }, ...partsIn(others)] };
}

/** The members that say something: a `status` of OK beside them does not. */
const membersOf = (value: Record<string, unknown>): [string, unknown][] =>
  Object.entries(value).filter(([name, one]) => !(name === "status" && one === "OK"));

const partsIn = (shape: Shape): Part[] => (shape.kind === "parts" ? shape.parts : [{ name: "", shape }]);

function shapeAt(value: unknown, schema: Schema | null, name: string, depth: number, mediaType = ""): Shape {
  if (typeof value === "string") return shapeOfText(value, schema);
  if (typeof value !== "object" || value === null) return { kind: "text", text: String(value) };
  const found = drawnOf(value, schema, name, depth, mediaType);
  if (found) return found;
  if (Array.isArray(value)) return shapeOfList(value, schema, depth);
  return isObject(value) ? shapeOfObject(value, schema, name, depth) : { kind: "tree", value };
}

/** What is drawn of several members together, and the rest of them below; `null` for what is not. */
function drawnOf(value: object, schema: Schema | null, name: string, depth: number, mediaType = ""): Shape | null {
  const found = plotOf(value, mediaType) ?? marksOf(value) ?? labelsOf(value, name);
  const hasRest = found && found.kind !== "plot" && found.used.length > 0 && isObject(value);
  return hasRest ? withRest(found, value, schema, depth) : found;
}

function shapeOfText(text: string, schema: Schema | null): Shape {
  const said = resolved(schema)?.["contentMediaType"];
  const file = fileInText(text, typeof said === "string" && isUnder(schema, "contentEncoding", "base64") ? said : "");
  return file ? { kind: "file", file } : { kind: "text", text };
}

function shapeOfList(list: unknown[], schema: Schema | null, depth: number): Shape {
  const areFiles = list.length > 0 && list.length <= MOST_PARTS && list.every((one) => typeof one === "string" && fileInText(one) !== null);
  if (!areFiles) {
    if (list.length === 1 && depth < DEEPEST && typeof list[0] === "object") {
      const only = shapeAt(list[0], member(schema, 0), "", depth + 1);
      if (only.kind === "labels" || only.kind === "plot" || only.kind === "marks") return only;
    }
    const table = tableOf(list);
    if (table) return table;
  }
  if (depth >= DEEPEST || list.length > MOST_PARTS) return { kind: "tree", value: list };
  const parts = list.map((one, index) => ({ name: String(index + 1), shape: shapeAt(one, member(schema, index), "", depth + 1) }));
  return parts.some(({ shape }) => shape.kind !== "text" && shape.kind !== "tree") ? { kind: "parts", parts } : { kind: "tree", value: list };
}

function shapeOfObject(value: Record<string, unknown>, schema: Schema | null, name: string, depth: number): Shape {
  const entries = Object.entries(value);
  const [only, ...others] = membersOf(value);
  if (only && others.length === 0 && typeof only[1] === "object") return shapeAt(only[1], member(schema, only[0]), only[0], depth);
  const table = tableOf(value, name);
  if (table) return table;
  if (depth >= DEEPEST || entries.length > MOST_PARTS * 5) return { kind: "tree", value };
  return partsOf(entries, schema, value, depth);
}

function withRest(drawn: Labels | Marks, value: Record<string, unknown>, schema: Schema | null, depth: number): Shape {
  const rest = Object.entries(value).filter(([name, one]) => !drawn.used.includes(name) && one !== null && one !== "");
  if (rest.length === 0 || depth >= DEEPEST) return drawn;
  const others = partsOf(rest, schema, Object.fromEntries(rest), depth);
  return { kind: "parts", parts: [{ name: "", shape: drawn }, ...partsIn(others)] };
}

/** Plain members as a list of facts, each other one as what it is. */
function partsOf(entries: [string, unknown][], schema: Schema | null, value: unknown, depth: number): Shape {
  // What has too many members is not looked through: it may hold a hundred thousand of them.
  if (entries.filter(([, one]) => typeof one === "object" && one !== null).length > MOST_PARTS) return { kind: "tree", value };
  const shapes = entries.map(([name, one]) => ({ name, value: one, shape: shapeAt(one, member(schema, name), name, depth + 1) }));
  const isFact = ({ shape }: { shape: Shape }): boolean => shape.kind === "text" && shape.text.length <= LONG;
  const facts = shapes.filter(isFact);
  const parts: Part[] = shapes.filter((one) => !isFact(one)).map(({ name, shape }) => ({ name, shape }));
  if (parts.length > MOST_PARTS) return { kind: "tree", value };
  if (facts.length > 0) parts.unshift({ name: "", shape: { kind: "facts", facts: facts.map(({ name, value: one }) => ({ name, value: one })) } });
  return worthwhile(parts, value);
}

function worthwhile(parts: Part[], value: unknown): Shape {
  const [first] = parts;
  if (first && parts.length === 1 && first.name === "") return first.shape;
  return parts.some(({ shape }) => shape.kind !== "tree") ? { kind: "parts", parts } : { kind: "tree", value };
}
