/** What all inputs of one form share. */

import type { InjectionKey, Ref } from "vue";
import type { FieldErrors } from "./errors";

export interface FormContext {
  errors: Ref<FieldErrors>;
  /** Whether the server fetches files by their URL. */
  takesUrls: Ref<boolean>;
  /** What ids in the page begin with, so that two forms may stand on it. */
  prefix: string;
}

export const FORM: InjectionKey<FormContext> = Symbol("form");

/** The id of the input at a path. */
export const idOf = (context: FormContext, path: string): string => `${context.prefix}-${path.replace(/[^\w.-]/g, "_")}`;
