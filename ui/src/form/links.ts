/** A link that opens the form filled in: the values stand in the fragment of the address, which no server sees. */

import { isObject } from "@/api/problems";
import { isKeepable } from "./request";
import type { Values } from "./values";

const KEY = "values";
const MAX_LENGTH = 32_000; // of an address: longer ones are cut by browsers and messengers

/** The fragment for these values; empty where there are none, or too much for an address. Files are left out. */
export function fragmentOf(values: Values): string {
  const kept = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined && isKeepable(value)));
  if (Object.keys(kept).length === 0) return "";
  const text = `#${KEY}=${encodeURIComponent(JSON.stringify(kept))}`;
  return text.length > MAX_LENGTH ? "" : text;
}

/** The values that a fragment tells, of those names alone; `null` where it tells none. */
export function valuesOf(fragment: string, names: string[]): Values | null {
  const text = new URLSearchParams(fragment.replace(/^#/, "")).get(KEY);
  if (text === null) return null;
  try {
    const found: unknown = JSON.parse(text);
    if (!isObject(found)) return null;
    return Object.fromEntries(Object.entries(found).filter(([name]) => names.includes(name)));
  } catch {
    return null;
  }
}
