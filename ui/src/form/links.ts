/** A link that opens the form filled in: the values stand in the fragment of the address, which no server sees. */

import { isObject } from "@/api/problems";
import { isKeepable } from "./request";
import type { Values } from "./values";

const BEGIN = "#values=";
const MAX_LENGTH = 32_000; // of an address: longer ones are cut by browsers and messengers

/** The fragment for these values; empty where there are none, or too much for an address. Files are left out. */
export function fragmentOf(values: Values): string {
  const kept = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined && isKeepable(value)));
  if (Object.keys(kept).length === 0) return "";
  const text = `${BEGIN}${encodeURIComponent(JSON.stringify(kept))}`;
  return text.length > MAX_LENGTH ? "" : text;
}

/** The values that a fragment tells, of those names alone; `null` where it tells none. */
export function valuesOf(fragment: string, names: string[]): Values | null {
  // The router gives the fragment decoded, where `&` and `+` are the values' own; a pasted one is not.
  const text = fragment.startsWith(BEGIN) ? fragment.slice(BEGIN.length) : null;
  if (text === null) return null;
  const found = parsed(text) ?? parsed(decoded(text));
  return isObject(found) ? Object.fromEntries(Object.entries(found).filter(([name]) => names.includes(name))) : null;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}
