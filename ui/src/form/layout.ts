/** How a model wants its form: order, groups, labels, what is hidden. */

import type { Schemas } from "@/api/http";
import type { Field } from "./fields";

/** What a model says of the form of a verb. */
export type Layout = Partial<Schemas["ModelLayout"]>;

export interface Group {
  /** Empty for the fields that stand in no group. */
  title: string;
  closed: boolean;
  fields: Field[];
}

/** The fields in groups: first those that are in none, then group by group. Hidden ones are in none of them. */
export function arranged(fields: Field[], layout: Layout | null): Group[] {
  const { order = [], groups = [], labels = {}, hidden = [] } = layout ?? {};
  const place = (field: Field): number => (order.includes(field.name) ? order.indexOf(field.name) : order.length);
  const shown = fields
    .filter((field) => !hidden.includes(field.name))
    .map((field) => ({ ...field, title: labels[field.name] ?? field.title }))
    .sort((one, other) => place(one) - place(other));
  const inGroups = new Set(groups.flatMap((group) => group.arguments));
  const found = groups.map((group) => ({
    title: group.title,
    closed: group.closed,
    fields: shown.filter((field) => group.arguments.includes(field.name)),
  }));
  return [{ title: "", closed: false, fields: shown.filter((field) => !inGroups.has(field.name)) }, ...found].filter(
    (group) => group.fields.length > 0,
  );
}
