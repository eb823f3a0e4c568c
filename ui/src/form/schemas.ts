/** Reading JSON Schemas: references followed, null taken out, what `allOf` says put together. */

import { isObject } from "@/api/problems";

export type Schema = Record<string, unknown>;

const MAX_STEPS = 16; // of references that lead to references

/** What `#/$defs/…` point at. */
export type Definitions = Record<string, unknown>;

/** The schema with its reference followed and `allOf` put together. Words beside a reference count more than its own. */
export function resolved(schema: unknown, definitions: Definitions): Schema {
  let found: Schema = isObject(schema) ? schema : {};
  for (let step = 0; step < MAX_STEPS; step++) {
    const reference = found["$ref"];
    const all = found["allOf"];
    if (typeof reference === "string") {
      const { $ref: _, ...own } = found;
      const target = definitions[reference.replace(/^#\/(\$defs|definitions)\//, "").replace(/~1/g, "/").replace(/~0/g, "~")];
      found = { ...(isObject(target) ? target : {}), ...own };
    } else if (Array.isArray(all)) {
      const { allOf: _, ...own } = found;
      found = all.map((one) => resolved(one, definitions)).reduceRight<Schema>((rest, one) => merged(one, rest), own);
    } else return found;
  }
  return {};
}

function merged(one: Schema, over: Schema): Schema {
  const properties = { ...propertiesOf(one), ...propertiesOf(over) };
  const required = [...namesOf(one["required"]), ...namesOf(over["required"])];
  return {
    ...one,
    ...over,
    ...(Object.keys(properties).length ? { properties } : {}),
    ...(required.length ? { required } : {}),
  };
}

/** The types that a value may have. */
export function typesOf(schema: Schema): string[] {
  const type = schema["type"];
  return typeof type === "string" ? [type] : namesOf(type);
}

export function namesOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
}

export function propertiesOf(schema: Schema): Schema {
  return isObject(schema["properties"]) ? schema["properties"] : {};
}

/** The alternatives of a schema, null among them. */
export function branchesOf(schema: Schema): unknown[] {
  for (const key of ["anyOf", "oneOf"]) {
    const found = schema[key];
    if (Array.isArray(found) && found.length > 0) return found;
  }
  return [];
}

/** A schema without null: whether null is a value, and what else is one. */
export function withoutNull(schema: unknown, definitions: Definitions): { schema: Schema; nullable: boolean } {
  let found = resolved(schema, definitions);
  let nullable = false;
  for (let step = 0; step < MAX_STEPS; step++) {
    if (found["nullable"] === true) nullable = true;
    const types = typesOf(found);
    if (types.includes("null") && types.length > 1) {
      const rest = types.filter((one) => one !== "null");
      found = { ...found, type: rest.length === 1 ? rest[0] : rest };
      nullable = true;
    }
    const branches = branchesOf(found).map((one) => resolved(one, definitions));
    const real = branches.filter((one) => !isNull(one));
    if (real.length < branches.length) nullable = true;
    const only = real[0];
    if (real.length === 1 && only) {
      const { anyOf: _a, oneOf: _o, ...words } = found;
      found = resolved({ ...only, ...words }, definitions);
      continue;
    }
    if (nullable && real.length > 1) {
      const { anyOf: _a, oneOf: _o, ...words } = found;
      found = { ...words, anyOf: real };
    }
    break;
  }
  if (Array.isArray(found["enum"]) && found["enum"].includes(null)) {
    found = { ...found, enum: found["enum"].filter((one) => one !== null) };
    nullable = true;
  }
  return { schema: found, nullable };
}

function isNull(schema: Schema): boolean {
  const types = typesOf(schema);
  return (types.length === 1 && types[0] === "null") || schema["const"] === null;
}

export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

export function numberOf(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/** A name of code as words: `learning_rate` is “Learning rate”. */
export function worded(name: string): string {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replace(/[_\-.]+/g, " ")
    .trim();
  return words ? words.charAt(0).toUpperCase() + words.slice(1) : name;
}

/** A value as short text, for labels. */
export function shown(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}
