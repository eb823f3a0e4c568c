/** The values of a form: what it begins with, and what of it is sent. */

import { isObject } from "@/api/problems";
import type { Field } from "./fields";

/** Values of arguments by name. What is `undefined` is not sent; files are `File`, lists of them `File[]`. */
export type Values = Record<string, unknown>;

const MAX_DEPTH = 12; // of objects that must be there in objects that must be there

/** What the form begins with: the defaults, and what must be there, empty. */
export function firstValues(fields: Field[]): Values {
  return Object.fromEntries(fields.map((field) => [field.name, firstValue(field)]));
}

/** What one field begins with; `undefined` where nothing is sent before somebody has said something. */
export function firstValue(field: Field, depth = 0): unknown {
  // One that has its value by itself may still tell which of several alternatives is meant.
  if (field.kind === "constant") return field.required || same(field.default, field.value) ? field.value : undefined;
  if (field.default !== undefined && field.default !== null) return copied(field.default);
  if (!field.required || depth > MAX_DEPTH) return undefined;
  return emptyValue(field, depth);
}

/** What a field holds that has just been asked for: nothing where somebody has to say it. */
export function emptyValue(field: Field, depth = 0): unknown {
  switch (field.kind) {
    case "switch":
      return false;
    case "choices":
      return [];
    case "constant":
      return field.value;
    case "map":
      return {};
    case "list": // one that must be there begins with an item to be filled in, unless it is within another
      return Array.from({ length: Math.min(Math.max(field.minimum, field.required && depth === 0 && field.maximum > 0 ? 1 : 0), 100) }, (_, index) => firstValue(field.item(index), depth + 1));
    case "group":
      return Object.fromEntries(field.fields().map((one) => [one.name, firstValue(one, depth + 1)]));
    case "union": {
      const first = field.branches[0];
      return first ? firstValue(first, depth + 1) : undefined;
    }
    default:
      return undefined;
  }
}

/** A value of its own, files shared. */
export function copied<T>(value: T): T;
export function copied(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((one) => copied(one));
  if (isObject(value) && !(value instanceof Blob)) {
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, copied(one)]));
  }
  return value;
}

/** What is sent of the values: not what nobody has said, nor what the model takes anyway. */
export function sentValues(fields: Field[], values: Values): Values {
  const sent = fields.flatMap((field) => {
    const value = pruned(values[field.name]);
    const isDefault = !field.required && field.default !== undefined && same(value, field.default);
    return value === undefined || isDefault ? [] : [[field.name, value] as const];
  });
  return Object.fromEntries(sent);
}

/** The value without what is `undefined` within objects; in lists that is null. */
export function pruned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((one) => (one === undefined ? null : pruned(one)));
  if (isObject(value) && !(value instanceof Blob)) {
    return Object.fromEntries(Object.entries(value).flatMap(([key, one]) => (one === undefined ? [] : [[key, pruned(one)]])));
  }
  return value;
}

/** Whether two values are the same JSON. */
export function same(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((item, index) => same(item, other[index]));
  }
  if (!isObject(one) || !isObject(other) || one instanceof Blob || other instanceof Blob) return false;
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => key in other && same(one[key], other[key]));
}

/** The paths of what has to be said and was not. */
export function missingPaths(fields: Field[], values: Values): string[] {
  return fields.flatMap((field) => missingIn(field, values[field.name], field.name, 0));
}

function missingIn(field: Field, value: unknown, path: string, depth: number): string[] {
  if (value === undefined) return field.required ? [path] : [];
  if (value === null || depth > MAX_DEPTH) return [];
  if (field.kind === "group" && isObject(value)) {
    return field.fields().flatMap((one) => missingIn(one, value[one.name], `${path}.${one.name}`, depth + 1));
  }
  if (field.kind === "list" && Array.isArray(value)) {
    return value.flatMap((one, index) => missingIn(field.item(index), one, `${path}.${index}`, depth + 1));
  }
  return [];
}

/** Whether a value may be one of this field, as far as its kind says. */
export function fits(field: Field, value: unknown): boolean {
  if (value === null) return field.nullable;
  switch (field.kind) {
    case "text":
    case "moment":
      return typeof value === "string";
    case "number":
      return typeof value === "number" && (!field.isWhole || Number.isInteger(value));
    case "switch":
      return typeof value === "boolean";
    case "choice":
      return field.choices.some((one) => same(one.value, value));
    case "constant":
      return same(field.value, value);
    case "list":
    case "choices":
      return Array.isArray(value);
    case "table":
      return Array.isArray(value) || (isObject(value) && "rows" in value) || value instanceof Blob;
    case "file":
      return value instanceof Blob || typeof value === "string" || (field.many && Array.isArray(value));
    case "map":
      return isObject(value) && !(value instanceof Blob);
    case "group":
      return isObject(value) && fitsGroup(field.fields(), value);
    case "union":
      return field.branches.some((one) => fits(one, value));
    case "json":
      return !(value instanceof Blob);
  }
}

function fitsGroup(fields: Field[], value: Record<string, unknown>): boolean {
  const isKnown = Object.keys(value).every((key) => fields.some((one) => one.name === key));
  return isKnown && fields.every((one) => (value[one.name] === undefined ? !one.required : fits(one, value[one.name])));
}
