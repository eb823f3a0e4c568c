/** What a model gives as examples of its arguments. */

import type { Schemas } from "@/api/http";
import { isObject } from "@/api/problems";
import { propertiesOf, resolved, shown, typesOf, namesOf, type Definitions } from "./schemas";
import type { Values } from "./values";

export interface Example {
  title: string;
  values: Values;
}

const MAX_EXAMPLES = 8;
const MAX_DEPTH = 6;
const TITLE_LENGTH = 40;

/** The examples of a verb: the model's own, else those that the arguments have, the first of each together. */
export function examplesOf(operation: Schemas["ModelVerb"], definitions: Definitions): Example[] {
  if (operation.examples.length) return operation.examples.map((one) => ({ title: one.title, values: one.arguments }));
  const given = operation.arguments.map((one) => [one.name, exampleValues(one.schema, definitions)] as const);
  const count = Math.min(Math.max(0, ...given.map(([, found]) => found.length)), MAX_EXAMPLES);
  return Array.from({ length: count }, (_, index) => {
    const values = Object.fromEntries(
      given.flatMap(([name, found]) => (found.length ? [[name, found[index] ?? found[0]] as const] : [])),
    );
    return { title: titleOf(values), values };
  });
}

function titleOf(values: Values): string {
  const words = Object.entries(values)
    .map(([name, value]) => (Object.keys(values).length === 1 && typeof value === "string" ? value : `${name}: ${shown(value)}`))
    .join(", ");
  return words.length > TITLE_LENGTH ? `${words.slice(0, TITLE_LENGTH)}…` : words;
}

/** The examples of a schema; of a list or an object those that its parts make. */
export function exampleValues(given: unknown, definitions: Definitions, depth = 0): unknown[] {
  const schema = resolved(given, definitions);
  if (Array.isArray(schema["examples"]) && schema["examples"].length) return schema["examples"];
  if ("example" in schema) return [schema["example"]];
  if (depth > MAX_DEPTH) return [];
  if (typesOf(schema)[0] === "array" && isObject(schema["items"])) {
    const items = exampleValues(schema["items"], definitions, depth + 1);
    return items.length ? [items.slice(0, 3)] : [];
  }
  const properties = Object.entries(propertiesOf(schema));
  const found = properties.map(([name, one]) => [name, exampleValues(one, definitions, depth + 1)] as const);
  const isWhole = namesOf(schema["required"]).every((name) => found.some(([key, values]) => key === name && values.length));
  const said = found.filter(([, values]) => values.length);
  return isWhole && said.length ? [Object.fromEntries(said.map(([name, values]) => [name, values[0]]))] : [];
}
