/** From JSON Schema to the fields of a form: what kind of input each value wants, as data. */

import type { Schemas } from "@/api/http";
import { isObject } from "@/api/problems";
import { columnsOf, type Column } from "./columns";
import {
  branchesOf,
  numberOf,
  propertiesOf,
  resolved,
  shown,
  textOf,
  typesOf,
  withoutNull,
  worded,
  namesOf,
  type Definitions,
  type Schema,
} from "./schemas";

export type Argument = Schemas["ModelArgument"];

interface Common {
  /** The key of the value in what holds it. */
  name: string;
  title: string;
  description: string;
  required: boolean;
  nullable: boolean;
  /** What the model takes where nothing is sent; `undefined` where it does not say. */
  default: unknown;
}

export interface Choice {
  value: unknown;
  label: string;
}

export interface TextInput {
  kind: "text";
  format: "" | "email" | "url" | "uuid" | "duration" | "password";
  hasLines: boolean;
  minLength: number | null;
  maxLength: number | null;
  pattern: string;
}

export interface NumberInput {
  kind: "number";
  isWhole: boolean;
  minimum: number | null;
  maximum: number | null;
  step: number | null;
}

export interface FileInput {
  kind: "file";
  many: boolean;
  /** The media type that it says it takes, `image/*` perhaps. */
  media: string;
}

export interface ListInput {
  kind: "list";
  /** The field of the item with this number. */
  item(index: number): Field;
  minimum: number;
  maximum: number;
}

export interface TableInput {
  kind: "table";
  /** What is known of its columns; empty where anything may come. */
  columns: Column[];
  /** Whether it may be a file, too. */
  takesFile: boolean;
}

export type Input =
  | TextInput
  | NumberInput
  | FileInput
  | ListInput
  | TableInput
  | { kind: "switch" }
  | { kind: "choice"; choices: Choice[] }
  | { kind: "choices"; choices: Choice[] }
  | { kind: "moment"; of: "date" | "time" | "date-time" }
  | { kind: "group"; fields(): Field[] }
  | { kind: "map"; value(name: string): Field }
  | { kind: "union"; branches: Field[] }
  | { kind: "constant"; value: unknown }
  | { kind: "json" };

export type Field = Common & Input;

const FORMATS: Record<string, TextInput["format"]> = {
  email: "email",
  uri: "url",
  url: "url",
  uuid: "uuid",
  duration: "duration",
  password: "password",
};
const LONG = 120; // characters from which on a text may want several lines
const MAX_FLAT_COLUMNS = 40;
const FLAT = ["string", "number", "integer", "boolean"];
const MAX_DEPTH = 4; // of lists and alternatives within each other: a type may hold itself

/** The fields of the arguments of a verb, in their order. */
export function fieldsOf(arguments_: Argument[], definitions: Definitions): Field[] {
  return arguments_.map((argument) => fieldOf(argument, definitions));
}

/** The field of one argument. */
export function fieldOf(argument: Argument, definitions: Definitions): Field {
  const schema: Schema = argument.schema;
  const field = made(argument.name, schema, definitions, argument.required);
  if (argument.kind === "file" || argument.kind === "files") {
    return { ...common(field), kind: "file", many: argument.kind === "files", media: mediaOf(schema, definitions) };
  }
  if (argument.kind === "accept" && field.kind === "choice") {
    return { ...field, choices: field.choices.filter((one) => one.value !== "*/*" || field.choices.length === 1) };
  }
  return field;
}

function common(field: Field): Common {
  const { name, title, description, required, nullable } = field;
  return { name, title, description, required, nullable, default: field.default };
}

/** The field of a value that has this schema. `depth` is how many types it lies in that are made at once with it. */
export function made(name: string, given: unknown, definitions: Definitions, required: boolean, depth = 0): Field {
  const { schema, nullable } = withoutNull(given, definitions);
  const known: Common = {
    name,
    title: (isObject(given) && textOf(given["title"])) || worded(name),
    description: textOf(schema["description"]),
    required,
    nullable,
    default: schema["default"],
  };
  return { ...known, ...(depth > MAX_DEPTH ? { kind: "json" } : inputOf(schema, definitions, depth)) };
}

function inputOf(schema: Schema, definitions: Definitions, depth: number): Input {
  if ("const" in schema) return { kind: "constant", value: schema["const"] };
  if (schema["format"] === "table") return { kind: "table", columns: columnsOf(schema, definitions), takesFile: true };
  const choices = choicesOf(schema, definitions);
  if (choices) return { kind: "choice", choices };
  const branches = branchesOf(schema);
  if (branches.length > 1) return unionOf(branches, definitions, depth);
  const types = typesOf(schema);
  if (types.length > 1) {
    const { type: _, default: _d, title: _t, description: _w, ...rest } = schema;
    return unionOf(types.map((type) => ({ ...rest, type })), definitions, depth);
  }
  switch (types[0] ?? guessed(schema)) {
    case "string":
      return textInput(schema);
    case "integer":
      return numberInput(schema, true);
    case "number":
      return numberInput(schema, false);
    case "boolean":
      return { kind: "switch" };
    case "array":
      return arrayInput(schema, definitions, depth);
    case "object":
      return objectInput(schema, definitions);
    default:
      return { kind: "json" };
  }
}

function guessed(schema: Schema): string {
  if (isObject(schema["properties"])) return "object";
  return "items" in schema || "prefixItems" in schema ? "array" : "";
}

/** Choices: an enum, or alternatives that are constants each. */
function choicesOf(schema: Schema, definitions: Definitions): Choice[] | null {
  const labelled = (value: unknown): Choice => ({ value, label: shown(value) });
  if (Array.isArray(schema["enum"])) return schema["enum"].map(labelled);
  const branches = branchesOf(schema).map((one) => resolved(one, definitions));
  if (branches.length < 2 || !branches.every((one) => "const" in one || Array.isArray(one["enum"]))) return null;
  return branches.flatMap((one) =>
    Array.isArray(one["enum"])
      ? one["enum"].map(labelled)
      : [{ value: one["const"], label: textOf(one["title"]) || shown(one["const"]) }],
  );
}

function unionOf(branches: unknown[], definitions: Definitions, depth: number): Input {
  const seen = branches.map((branch) => made("", branch, definitions, true, depth + 1));
  const numbers = seen.filter((one) => one.kind === "number");
  const isNumber = seen.every((one) => one.kind === "number" || (one.kind === "text" && one.pattern.startsWith("^(?!")));
  const first = numbers[0];
  if (first && isNumber) {
    const { kind, minimum, maximum, step } = first; // a decimal is a number, or the text of one
    return { kind, minimum, maximum, step, isWhole: numbers.every((one) => one.isWhole) };
  }
  const named = seen.map((one, index) => ({ ...one, title: branchTitle(one, branches[index], definitions) }));
  return { kind: "union", branches: named };
}

function branchTitle(field: Field, branch: unknown, definitions: Definitions): string {
  const schema = resolved(branch, definitions);
  if (textOf(schema["title"])) return textOf(schema["title"]);
  const tag = Object.values(propertiesOf(schema)).find((one) => isObject(one) && "const" in one);
  if (isObject(tag)) return shown(tag["const"]);
  if (field.kind === "constant") return shown(field.value);
  return field.kind === "number" && field.isWhole ? "integer" : field.kind;
}

function textInput(schema: Schema): Input {
  const format = textOf(schema["format"]);
  if (format === "date" || format === "time" || format === "date-time") return { kind: "moment", of: format };
  const maxLength = numberOf(schema["maxLength"]);
  if (format === "binary") return { kind: "file", many: false, media: textOf(schema["contentMediaType"]) };
  return {
    kind: "text",
    format: FORMATS[format] ?? "",
    hasLines: !format && (maxLength === null || maxLength > LONG) && !schema["pattern"],
    minLength: numberOf(schema["minLength"]),
    maxLength,
    pattern: textOf(schema["pattern"]),
  };
}

function numberInput(schema: Schema, isWhole: boolean): NumberInput {
  const above = numberOf(schema["exclusiveMinimum"]);
  const below = numberOf(schema["exclusiveMaximum"]);
  return {
    kind: "number",
    isWhole,
    minimum: numberOf(schema["minimum"]) ?? (above !== null && isWhole ? above + 1 : above),
    maximum: numberOf(schema["maximum"]) ?? (below !== null && isWhole ? below - 1 : below),
    step: numberOf(schema["multipleOf"]) ?? (isWhole ? 1 : null),
  };
}

function arrayInput(schema: Schema, definitions: Definitions, depth: number): Input {
  const items = schema["items"];
  const first = Array.isArray(schema["prefixItems"]) ? schema["prefixItems"] : [];
  const one = made("", items, definitions, true, depth + 1);
  if (schema["uniqueItems"] === true && one.kind === "choice") return { kind: "choices", choices: one.choices };
  if (one.kind === "file") return one.many ? { kind: "json" } : { kind: "file", many: true, media: one.media };
  const columns = first.length ? [] : flatColumns(items, definitions);
  if (columns.length) return { kind: "table", columns, takesFile: false };
  const minimum = numberOf(schema["minItems"]) ?? 0;
  const hasRest = first.length === 0 || (items !== false && items !== undefined);
  return {
    kind: "list",
    item: (index) => ({ ...made(String(index), first[index] ?? items, definitions, true), title: titleOfItem(first[index] ?? items, index, definitions) }),
    minimum,
    maximum: numberOf(schema["maxItems"]) ?? (hasRest ? Number.POSITIVE_INFINITY : first.length),
  };
}

function titleOfItem(schema: unknown, index: number, definitions: Definitions): string {
  const title = textOf(resolved(schema, definitions)["title"]);
  return title ? `${title} ${index + 1}` : String(index + 1);
}

/** The columns of rows that are objects of plain values, which are best seen as a table. */
function flatColumns(items: unknown, definitions: Definitions): Column[] {
  const { schema, nullable } = withoutNull(items, definitions);
  const properties = Object.values(propertiesOf(schema)).map((one) => withoutNull(one, definitions).schema);
  const isFlat = properties.every((one) => FLAT.includes(typesOf(one)[0] ?? "") && typesOf(one).length === 1 && one["format"] !== "binary");
  if (nullable || properties.length < 2 || properties.length > MAX_FLAT_COLUMNS || !isFlat) return [];
  return columnsOf({ items }, definitions);
}

function objectInput(schema: Schema, definitions: Definitions): Input {
  const properties = propertiesOf(schema);
  const others = schema["additionalProperties"];
  if (Object.keys(properties).length === 0) {
    const isOpen = !isObject(others) || Object.keys(others).length === 0;
    return isOpen ? { kind: "json" } : { kind: "map", value: (name) => ({ ...made(name, others, definitions, true), title: name }) };
  }
  const required = namesOf(schema["required"]);
  let fields: Field[] | null = null;
  return {
    kind: "group",
    fields: () => (fields ??= Object.entries(properties).map(([name, one]) => made(name, one, definitions, required.includes(name)))),
  };
}

function mediaOf(schema: Schema, definitions: Definitions): string {
  const own = withoutNull(schema, definitions).schema;
  const items = withoutNull(own["items"], definitions).schema;
  const branches = branchesOf(own).map((one) => resolved(one, definitions));
  for (const one of [own, items, ...branches]) {
    if (typeof one["contentMediaType"] === "string") return one["contentMediaType"];
  }
  return "";
}
