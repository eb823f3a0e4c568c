/** The form of one verb of a model, while somebody fills it in: its fields and values, and what is wrong with them. */

import { computed, ref, shallowRef, watch, type ComputedRef, type Ref } from "vue";
import type { Schemas } from "@/api/http";
import type { Problem } from "@/api/problems";
import { t } from "@/texts";
import { keepForm, keptForm } from "./begun";
import { errorsOf, type FieldErrors } from "./errors";
import { fieldsOf, type Field } from "./fields";
import { requestOf, type CallRequest, type Verb } from "./request";
import { firstValues, missingPaths, type Values } from "./values";

export interface Asking {
  operation: ComputedRef<Schemas["ModelVerb"] | undefined>;
  fields: ComputedRef<Field[]>;
  values: Ref<Values>;
  /** Words by the path of a value. */
  errors: Ref<FieldErrors>;
  /** Words about what the form does not show. */
  others: Ref<string[]>;
  isAtFields: ComputedRef<boolean>;
  request: ComputedRef<CallRequest>;
  /** Begins anew with these values, and what is usual for the others. */
  fill(given: Values): void;
  /** What was typed there before, if it is to go on: by the link that the page was opened with, or without one. */
  typed(): Values | null;
  /** Whether nothing is missing that is needed; else it is said at the fields. */
  isComplete(): boolean;
  /** Puts what the model refuses to where it belongs; other problems are the caller's to show. */
  place(problem: Problem | null): void;
}

/** `hash` is that of the page: what its link says a form begins with. */
export function useAsking(signature: Ref<Schemas["ModelSignature"]>, verb: () => Verb, hash: () => string): Asking {
  const operation = computed(() => signature.value.verbs[verb()]);
  const fields = computed(() => fieldsOf(operation.value?.arguments ?? [], signature.value.definitions));
  const values = ref<Values>({});
  const errors = shallowRef<FieldErrors>({});
  const others = shallowRef<string[]>([]);
  const isAtFields = computed(() => Object.keys(errors.value).length > 0);
  const request = computed(() => requestOf(signature.value, verb(), values.value));

  function fill(given: Values): void {
    values.value = { ...firstValues(fields.value), ...given };
    errors.value = {};
    others.value = [];
  }

  const typed = (): Values | null => keptForm(signature.value.name, verb(), hash(), fields.value);
  watch(values, (now) => keepForm(signature.value.name, verb(), hash(), fields.value, now));

  function isComplete(): boolean {
    others.value = [];
    errors.value = Object.fromEntries(missingPaths(fields.value, values.value).map((path) => [path, t("form.missing")]));
    return !isAtFields.value;
  }

  function place(problem: Problem | null): void {
    if (!problem || problem.status < 400 || problem.status >= 500) return;
    const found = errorsOf(problem, fields.value, values.value);
    errors.value = found.fields;
    others.value = found.others;
  }

  return { operation, fields, values, errors, others, isAtFields, request, fill, typed, isComplete, place };
}
