/** What is granted to keys and users, as forms write it. */

import type { Scope } from "@/api/session";

export const SCOPES: Scope[] = ["predict", "read", "train", "promote", "admin"];
export const ROLES = ["user", "developer", "admin"] as const;
export type Role = (typeof ROLES)[number];

/** The models that a text lists, parted by commas or spaces; `null` for all, which an empty one means. */
export function modelsOf(text: string): string[] | null {
  const names = text.split(/[\s,]+/).filter(Boolean);
  return names.length ? [...new Set(names)] : null;
}

/** The same the other way round. */
export function modelsText(models: string[] | null): string {
  return models === null ? "" : models.join(", ");
}
