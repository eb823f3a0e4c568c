/** What is typed in the forms of models, as long as the page lives: one comes back to a form as one has left it. No passwords. */

import { watch } from "vue";
import { me } from "@/api/session";
import { keptValues } from "@/calls/keeping";
import type { Field } from "./fields";
import { firstValues, same, type Values } from "./values";

interface Begun {
  /** What the link had said that the form began with. */
  hash: string;
  values: Values;
}

const forms = new Map<string, Begun>();
let whose: string | null = null;

/** Forgets all forms: who comes next shall not find them. */
export function forgetForms(): void {
  forms.clear();
}

watch(
  me,
  (now) => {
    if (now === null) return; // who logs in again finds what they have typed
    const who = `${now.kind} ${now.id}`;
    if (whose !== null && whose !== who) forgetForms();
    whose = who;
  },
  { immediate: true, flush: "sync" },
);

const isFile = (value: unknown): boolean => value instanceof Blob || (Array.isArray(value) && value.length > 0 && value.every((one) => one instanceof Blob));

/** Keeps what differs from what is usual. */
export function keepForm(model: string, verb: string, hash: string, fields: Field[], values: Values): void {
  const usual = firstValues(fields);
  const kept = fields.flatMap((field) => {
    const value = values[field.name];
    if (same(value, usual[field.name])) return [];
    if (value === undefined || isFile(value)) return [[field.name, value] as const];
    return Object.entries(keptValues([field], { [field.name]: value }));
  });
  if (kept.length) forms.set(`${verb} ${model}`, { hash, values: Object.fromEntries(kept) });
  else forms.delete(`${verb} ${model}`);
}

/** What was typed, unless the form has begun with another link since. */
export function keptForm(model: string, verb: string, hash: string, fields: Field[]): Values | null {
  const found = forms.get(`${verb} ${model}`);
  if (!found || (hash && hash !== found.hash)) return null;
  return Object.fromEntries(Object.entries(found.values).filter(([name]) => fields.some((field) => field.name === name)));
}
