/** What of a call is kept: its values without files and passwords, its files by name and size, how its answer begins. */

import { bareType } from "@/answers/answer";
import { textOfPiece } from "@/answers/pieces";
import { isObject } from "@/api/problems";
import type { Field } from "@/form/fields";
import { isKeepable } from "@/form/request";
import { fits, type Values } from "@/form/values";
import { sized } from "@/texts";
import type { SentFile } from "./history";

const MOST_ANSWER = 160; // characters
const MOST_READ = 4000; // of an answer, for that
const MOST_PIECES = 200;

/** The values that are kept of those that were sent. */
export function keptValues(fields: Field[], sent: Values): Values {
  return Object.fromEntries(
    fields.flatMap((field) => {
      const value = keptValue(field, sent[field.name]);
      return value === undefined ? [] : [[field.name, value] as const];
    }),
  );
}

function keptValue(field: Field, value: unknown): unknown {
  if (value === undefined || !isKeepable(value) || (field.kind === "text" && field.format === "password")) return undefined;
  if (field.kind === "group" && isObject(value)) return { ...value, ...dropped(field.fields(), value), ...keptValues(field.fields(), value) };
  if (field.kind === "list" && Array.isArray(value)) return value.map((one, index) => keptValue(field.item(index), one) ?? null);
  if (field.kind === "map" && isObject(value)) return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, keptValue(field.value(name), one)]));
  const branch = field.kind === "union" ? field.branches.find((one) => fits(one, value)) : undefined;
  return branch ? keptValue({ ...branch, name: field.name }, value) : value;
}

/** What a group's own fields leave out of it, as left out. */
const dropped = (fields: Field[], value: Values): Values => Object.fromEntries(fields.filter((one) => one.name in value).map((one) => [one.name, undefined]));

/** The files among the values that were sent. */
export function sentFiles(sent: Values): SentFile[] {
  return Object.entries(sent).flatMap(([argument, value]) =>
    (Array.isArray(value) ? value : [value]).filter((one) => one instanceof File).map((file) => ({ argument, name: file.name, size: file.size })),
  );
}

/** How an answer begins: text as it is, of anything else what it is. */
export async function beginOf(content: Blob, mediaType: string): Promise<string> {
  const type = bareType(mediaType);
  if (!type.includes("json") && !type.startsWith("text/")) return `${type || "?"} · ${sized(content.size)}`;
  const text = await content.slice(0, MOST_READ).text();
  return shortText(content.size <= MOST_READ && type.includes("json") ? unwrapped(text) : text);
}

/** How a stream has gone on, from its pieces. */
export function beginOfPieces(pieces: unknown[]): string {
  return shortText(pieces.slice(0, MOST_PIECES).map((one) => textOfPiece(one) ?? `${JSON.stringify(one)} `).join(""));
}

/** A text on one line, as far as it is shown. */
export function shortText(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > MOST_ANSWER ? `${line.slice(0, MOST_ANSWER)}…` : line;
}

function unwrapped(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    const isEnvelope = isObject(value) && value["status"] === "OK" && "predictions" in value;
    return JSON.stringify(isEnvelope ? value["predictions"] : value);
  } catch {
    return text;
  }
}
