/** A call as a command of curl, for bash and zsh. */

import { addressed } from "@/form/request";
import { canBeSent, cookiesOf, headersOf, typeOf, type ToldCall } from "./call";
import { JSON_SYNTAX, laid, shellText } from "./literals";

const LONG = 100_000; // bytes; a word of a command has 131,072 at most
const PLAIN = /^[\w.+:/-]*$/; // a value in which curl sees nothing of its own: no @file, no ;type=

/** The command; `null` where a shell cannot hold it. */
export function curlOf(call: ToldCall): string | null {
  const { request } = call;
  if (!canBeSent(request)) return null;
  const first = ["curl", ...(call.streams ? ["-N"] : []), ...(request.body.kind === "none" ? ["-X POST"] : [])];
  const words: (string | null)[] = [joined(first.join(" "), shellText(call.address + addressed(request)))];
  if (call.hasKey) words.push('-H "Authorization: Bearer $MODELPORT_KEY"');
  for (const [name, value] of headersOf(call)) words.push(joined("-H", shellText(value === "" ? `${name};` : `${name}: ${value}`)));
  if (cookiesOf(call)) words.push(joined("-b", shellText(cookiesOf(call))));
  if (call.savedAs) words.push(`-o ${call.savedAs}`);
  words.push(...bodyOf(call)); // last, since a long one stands on the lines below the command
  return words.includes(null) ? null : words.join(" \\\n  ");
}

function bodyOf({ request: { body } }: ToldCall): (string | null)[] {
  if (body.kind === "form") return body.parts.map(([name, value]) => (value instanceof File ? fileOf(name, value) : fieldOf(name, value)));
  if (body.kind === "none") return [];
  const text = laid(body.value, JSON_SYNTAX);
  const isLong = new TextEncoder().encode(text).length > LONG;
  return ["-H 'Content-Type: application/json'", isLong ? `--data-binary @- <<'END'\n${text}\nEND` : joined("-d", shellText(text))];
}

function fieldOf(name: string, value: string): string | null {
  if (name.includes("=")) return null;
  return joined(PLAIN.test(value) ? "-F" : "--form-string", shellText(`${name}=${value}`));
}

function fileOf(name: string, file: File): string | null {
  if (name.includes("=")) return null;
  const path = /^[\w.][\w.-]*$/.test(file.name) ? file.name : `"${(file.name === "-" ? "./-" : file.name).replace(/["\\]/g, "\\$&")}"`;
  const type = typeOf(file);
  return joined("-F", shellText(`${name}=@${path}${type ? `;type=${type}` : ""}`));
}

const joined = (option: string, word: string | null): string | null => (word === null ? null : `${option} ${word}`);

