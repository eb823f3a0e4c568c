/** What a model says of its answer, followed member by member. */

import type { Schemas } from "@/api/http";
import { isObject } from "@/api/problems";

/** A JSON Schema with what its references point at. */
export interface Schema {
  schema: Record<string, unknown>;
  definitions: Record<string, unknown>;
}

/** What a model says of the answer of a verb; `null` where it says nothing. */
export function answerOfVerb(signature: Schemas["ModelSignature"], verb: string): Schema | null {
  const told = signature.verbs[verb]?.answer;
  return told ? { schema: told, definitions: signature.definitions } : null;
}

const MOST_STEPS = 20; // of references to references
const MAYBE = ["anyOf", "oneOf"];

/** The schema itself, its references followed; of one that may also be null, the other. */
export function resolved(from: Schema | null): Record<string, unknown> | null {
  let found = from?.schema;
  for (let step = 0; from && found && step < MOST_STEPS; step++) {
    const reference: unknown = found["$ref"];
    const choices: unknown = MAYBE.map((word) => found?.[word]).find((one) => Array.isArray(one));
    const next: unknown =
      typeof reference === "string"
        ? from.definitions[reference.split("/").at(-1) ?? ""]
        : Array.isArray(choices)
          ? choices.find((one) => isObject(one) && one["type"] !== "null")
          : undefined;
    if (!isObject(next)) return found;
    found = next;
  }
  return found ?? null;
}

/** What is said of a member of an object, or of an item of a list. */
export function member(from: Schema | null, key: string | number): Schema | null {
  const schema = resolved(from);
  if (!from || !schema) return null;
  const { properties, items, prefixItems, additionalProperties } = schema;
  const first = typeof key === "number" && Array.isArray(prefixItems) ? prefixItems[key] : undefined;
  const found = typeof key === "number" ? (first ?? items) : ((isObject(properties) ? properties[key] : undefined) ?? additionalProperties);
  return isObject(found) ? { schema: found, definitions: from.definitions } : null;
}

/** Whether a schema says this. */
export const isUnder = (from: Schema | null, word: string, value: unknown): boolean => resolved(from)?.[word] === value;
