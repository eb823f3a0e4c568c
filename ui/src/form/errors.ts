/** Which field an error belongs to. */

import { isObject, Problem } from "@/api/problems";
import type { Field } from "./fields";
import type { Values } from "./values";

/** Words by the path of the value they are about: `flowers.0.width`. */
export type FieldErrors = Record<string, string>;

const PLACES = ["json", "query", "form", "files", "headers", "cookies", "querystring", "json_or_form", "body"];

/**
 * The words of a refusal by their fields, and those that belong to none. Reads webargs' map of messages, nested by
 * key and index (which typed models have, too), and lists of errors with a `loc`. `values` tell which parts stand there.
 */
export function errorsOf(problem: Problem, fields: Field[], values: Values): { fields: FieldErrors; others: string[] } {
  const said = new Map<string, string[]>();
  const others: string[] = [];
  for (const { path, words } of messagesOf(problem.body, new Set(fields.map((field) => field.name)))) {
    const field = fields.find((one) => one.name === path[0]);
    if (!field) {
      others.push(path.length && path[0] !== "_schema" ? `${path.join(".")}: ${words}` : words);
      continue;
    }
    const { shown, rest } = nearest(field, path.slice(1), values[field.name]);
    const key = [field.name, ...shown].join(".");
    const own = rest.length ? `${rest.join(".")}: ${words}` : words;
    said.set(key, [...new Set([...(said.get(key) ?? []), own])]);
  }
  return { fields: Object.fromEntries([...said].map(([key, words]) => [key, words.join(" ")])), others };
}

interface Message {
  path: string[];
  words: string;
}

function messagesOf(body: unknown, names: Set<string>): Message[] {
  if (!isObject(body)) return [];
  const list = [body["errors"], body["detail"]].find((one) => Array.isArray(one) && one.every(isObject));
  if (Array.isArray(list) && list.length > 0 && list.every((one) => isObject(one) && Array.isArray(one["loc"]))) {
    return list.flatMap((one: unknown) => (isObject(one) ? [located(one, names)] : []));
  }
  if (typeof body["title"] === "string" || typeof body["detail"] === "string") return []; // a problem in words
  return gathered(body, [], names);
}

function located(one: Record<string, unknown>, names: Set<string>): Message {
  const loc = Array.isArray(one["loc"]) ? one["loc"].map(String) : [];
  const isPlaced = loc.length > 1 && PLACES.includes(loc[0] ?? "") && !names.has(loc[0] ?? "");
  return { path: isPlaced ? loc.slice(1) : loc, words: String(one["msg"] ?? one["message"] ?? "") };
}

function gathered(value: unknown, path: string[], names: Set<string>): Message[] {
  if (typeof value === "string") return [{ path, words: value }];
  if (Array.isArray(value)) return value.flatMap((one) => gathered(one, path, names));
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const isPlace = path.length === 0 && !names.has(key) && PLACES.includes(key) && isObject(inner);
    return gathered(inner, isPlace ? [] : [...path, key], names);
  });
}

/** How far a path leads through what the form shows. What is left are names of types, or what is no field of its own. */
function nearest(field: Field, path: string[], value: unknown): { shown: string[]; rest: string[] } {
  const [step, ...after] = path.filter((one) => one !== "_schema");
  if (step === undefined) return { shown: [], rest: [] };
  const inner = innerOf(field, step, value);
  if (inner) {
    const found = nearest(inner, after, partOf(value, step));
    return { shown: [step, ...found.shown], rest: found.rest };
  }
  if (field.kind === "union") {
    const one = field.branches.find((branch) => innerOf(branch, step, value)) ?? branchOf(field.branches, step, after, value);
    if (one) return nearest(one, innerOf(one, step, value) ? [step, ...after] : after, value);
    return { shown: [], rest: [] };
  }
  return { shown: [], rest: ["text", "number", "switch", "choice", "moment"].includes(field.kind) ? [] : [step, ...after] };
}

/** The alternative that the name of a type in a path stands for. */
function branchOf(branches: Field[], step: string, after: string[], value: unknown): Field | undefined {
  const next = after.find((one) => one !== "_schema");
  return branches.find((one) => one.title === step) ?? branches.find((one) => next !== undefined && innerOf(one, next, value));
}

/** The field of a part, where that stands in the form. */
function innerOf(field: Field, step: string, value: unknown): Field | undefined {
  switch (field.kind) {
    case "group":
      return isObject(value) ? field.fields().find((one) => one.name === step) : undefined;
    case "map":
      return isObject(value) && step in value ? field.value(step) : undefined;
    case "list":
      return Array.isArray(value) && Number(step) < value.length ? field.item(Number(step)) : undefined;
    default:
      return undefined;
  }
}

function partOf(value: unknown, step: string): unknown {
  if (Array.isArray(value)) return value[Number(step)];
  return isObject(value) ? value[step] : undefined;
}
