/** What a schema says of the columns of a table. */

import { isObject } from "@/api/problems";
import { branchesOf, namesOf, propertiesOf, resolved, textOf, typesOf, withoutNull, type Definitions, type Schema } from "./schemas";

export type ColumnType = "text" | "number" | "whole" | "switch" | "date" | "any";

export interface Column {
  name: string;
  type: ColumnType;
  required: boolean;
  /** The only values that it may have; empty where any may come. */
  choices: unknown[];
}

const MAX_COLUMNS = 1000;

/** The columns of rows: of objects by their properties, of lists by their number. Empty where nothing is said. */
export function columnsOf(schema: Schema, definitions: Definitions): Column[] {
  for (const row of rowsOf(schema, definitions)) {
    const properties = Object.entries(propertiesOf(row));
    const required = namesOf(row["required"]);
    if (properties.length) return properties.map(([name, one]) => columnOf(name, one, required.includes(name), definitions));
  }
  for (const row of rowsOf(schema, definitions)) {
    const first = Array.isArray(row["prefixItems"]) ? row["prefixItems"] : [];
    const count = first.length || (typeof row["minItems"] === "number" && row["minItems"] === row["maxItems"] ? row["minItems"] : 0);
    if (count > 0 && count <= MAX_COLUMNS) {
      return Array.from({ length: count }, (_, index) => columnOf("", first[index] ?? row["items"], true, definitions));
    }
  }
  return [];
}

/** The schemas that a row may have. */
function rowsOf(schema: Schema, definitions: Definitions): Schema[] {
  const whole = [schema, ...branchesOf(schema).map((one) => resolved(one, definitions))];
  return whole.flatMap((one) => {
    if (!isObject(one["items"])) return [];
    const { schema: row } = withoutNull(one["items"], definitions);
    return [row, ...branchesOf(row).map((branch) => resolved(branch, definitions))];
  });
}

function columnOf(name: string, given: unknown, required: boolean, definitions: Definitions): Column {
  const { schema } = withoutNull(given, definitions);
  const choices = Array.isArray(schema["enum"]) ? schema["enum"] : [];
  return { name, type: typeOf(schema), required, choices };
}

function typeOf(schema: Schema): ColumnType {
  const types = typesOf(schema);
  if (types.includes("number")) return "number";
  const format = textOf(schema["format"]);
  switch (types[0]) {
    case "integer":
      return "whole";
    case "boolean":
      return "switch";
    case "string":
      return format === "date" ? "date" : "text";
    default:
      return "any";
  }
}
