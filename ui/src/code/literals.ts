/** Values as they are written in a language, whatever they hold: nothing of them becomes code, and nothing hides in it. */

import { isObject } from "@/api/problems";

/** What nobody sees, or what turns the order of what one sees: it is written by its number. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
const HIDDEN_IN_SHELL = /[\p{Cf}\p{Zl}\p{Zp}]|(?![\n\t])\p{Cc}/u;
const HALVES = /\p{Cs}/gu; // of characters: no UTF-8 has them, and browsers send U+FFFD instead
const WIDTH = 88;

const hex = (number: number, digits: number): string => number.toString(16).padStart(digits, "0");
const units = (text: string): string => Array.from({ length: text.length }, (_, at) => `\\u${hex(text.charCodeAt(at), 4)}`).join("");

/** A text in JSON, which JavaScript reads alike. */
export const jsonText = (text: string): string => JSON.stringify(text).replace(HIDDEN, units);

/** A text in Python. */
export const pythonText = (text: string): string =>
  JSON.stringify(text).replace(HIDDEN, (one) => (one.length === 1 ? units(one) : `\\U${hex(one.codePointAt(0) ?? 0, 8)}`));

/** A text as one word of a shell (bash, zsh); `null` for one with a NUL, which no word can hold. */
export function shellText(text: string): string | null {
  const whole = text.replace(HALVES, "\ufffd");
  if (whole.includes("\0")) return null;
  if (!HIDDEN_IN_SHELL.test(whole)) return `'${whole.replaceAll("'", `'\\''`)}'`;
  const escaped = whole.replace(/[\\'!]|[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (one) => SHORT[one] ?? [...new TextEncoder().encode(one)].map((byte) => `\\x${hex(byte, 2)}`).join(""));
  return `$'${escaped}'`;
}

const SHORT: Record<string, string> = { "\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** How a language writes values. */
export interface Syntax {
  text(value: string): string;
  /** The name of a member of an object. */
  key(name: string): string;
  file(file: File): string;
  nothing: string;
  yes: string;
  no: string;
  /** What one level is indented by. */
  indent: string;
  /** After the last item on a line of its own. */
  last: string;
}

export const JSON_SYNTAX: Syntax = { text: jsonText, key: jsonText, file: (file) => jsonText(file.name), nothing: "null", yes: "true", no: "false", indent: "  ", last: "" };

/** JavaScript: a member that is called `__proto__` would be no member, unless its name is computed. */
export const SCRIPT_SYNTAX: Syntax = {
  ...JSON_SYNTAX,
  key: (name) => (name === "__proto__" ? '["__proto__"]' : /^[A-Za-z_$][\w$]*$/.test(name) ? name : jsonText(name)),
  last: ",",
};

/** A value as it is written: on one line where it fits behind `begun` characters of it, else a line for each part. */
export function laid(value: unknown, syntax: Syntax, indent = "", begun = 0): string {
  if (!isList(value) && !isRecord(value)) return plain(value, syntax);
  const isOpen = isList(value) ? value.length > 0 : Object.keys(value).length > 0;
  const line = inLine(value, syntax, WIDTH - indent.length - begun);
  if (line !== null || !isOpen) return line ?? (isList(value) ? "[]" : "{}");
  const deeper = indent + syntax.indent;
  const parts = isList(value)
    ? value.map((one) => deeper + laid(one, syntax, deeper, 1))
    : Object.entries(value).map(([name, one]) => `${deeper}${syntax.key(name)}: ${laid(one, syntax, deeper, syntax.key(name).length + 3)}`);
  const [open, close] = isList(value) ? ["[", "]"] : ["{", "}"];
  return `${open}\n${parts.join(",\n")}${syntax.last}\n${indent}${close}`;
}

/** It on one line; `null` where that is longer than `most`. */
function inLine(value: unknown, syntax: Syntax, most: number): string | null {
  if (!isList(value) && !isRecord(value)) {
    const text = plain(value, syntax);
    return text.length > most ? null : text;
  }
  const members: [name: string, value: unknown][] = isList(value) ? value.map((one) => ["", one]) : Object.entries(value).map(([name, one]) => [`${syntax.key(name)}: `, one]);
  const parts: string[] = [];
  let length = 2;
  for (const [name, one] of members) {
    const text = inLine(one, syntax, most - length - name.length);
    if (text === null) return null;
    parts.push(name + text);
    length += name.length + text.length + 2;
  }
  const [open, close] = isList(value) ? ["[", "]"] : syntax === SCRIPT_SYNTAX && parts.length ? ["{ ", " }"] : ["{", "}"];
  const line = open + parts.join(", ") + close;
  return line.length > most ? null : line;
}

function plain(value: unknown, syntax: Syntax): string {
  if (typeof value === "string") return syntax.text(value);
  if (typeof value === "boolean") return value ? syntax.yes : syntax.no;
  if (typeof value === "number" && Number.isFinite(value)) return JSON.stringify(value);
  return value instanceof File ? syntax.file(value) : syntax.nothing;
}

const isList = (value: unknown): value is unknown[] => Array.isArray(value);
const isRecord = (value: unknown): value is Record<string, unknown> => isObject(value) && !(value instanceof Blob);
