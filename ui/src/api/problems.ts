/** What the API answers when it cannot: one shape for the page, whichever dialect has said it. */

/** A failed request. `fields` has the words about each argument, by its name. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly fields: Record<string, string> = {},
    readonly requestId = "",
    readonly body: unknown = null,
  ) {
    super(message);
    this.name = "Problem";
  }
}

/** Why nothing was answered at all: the server is gone, or the network. */
export const UNREACHED = 0;

/** Reads the problem of an answer, whatever its form is: RFC 9457, DEEPaaS's or webargs' own, or text. */
export async function problemOf(response: Response): Promise<Problem> {
  const id = response.headers.get("x-request-id") ?? "";
  const text = await response.text();
  let body: unknown = text;
  try {
    body = JSON.parse(text);
  } catch {
    return new Problem(response.status, text.slice(0, 2000) || response.statusText, {}, id, text);
  }
  const fields = fieldsOf(body);
  return new Problem(response.status, wordsOf(body) || wordsOfFields(fields) || response.statusText, fields, id, body);
}

function wordsOf(body: unknown): string {
  if (typeof body === "string") return body;
  if (!isObject(body)) return "";
  for (const name of ["detail", "reason", "message", "error", "title"]) {
    if (typeof body[name] === "string" && body[name]) return body[name];
  }
  return "";
}

function wordsOfFields(fields: Record<string, string>): string {
  return Object.entries(fields)
    .map(([name, words]) => `${name}: ${words}`)
    .join("; ");
}

/** The words about each argument: of `errors` (a list with `loc`), or webargs' nested lists by place and name. */
export function fieldsOf(body: unknown): Record<string, string> {
  if (!isObject(body)) return {};
  const found: Record<string, string> = {};
  const errors = Array.isArray(body["errors"]) ? body["errors"] : Array.isArray(body["detail"]) ? body["detail"] : [];
  for (const one of errors) {
    if (!isObject(one)) continue;
    const place = one["loc"] ?? one["path"] ?? one["field"] ?? one["name"];
    const name = Array.isArray(place) ? place.map(String).join(".") : String(place ?? "");
    const words = String(one["msg"] ?? one["message"] ?? one["detail"] ?? "");
    if (name && words) found[name] = words;
  }
  if (!Array.isArray(body["errors"]) && !Array.isArray(body["detail"]) && !("title" in body)) gather(body, "", found);
  return found;
}

function gather(value: unknown, name: string, found: Record<string, string>): void {
  if (Array.isArray(value) && value.every((one) => typeof one === "string")) {
    if (name) found[name] = value.join(" ");
  } else if (isObject(value)) {
    for (const [key, inner] of Object.entries(value)) {
      const isPlace = !name && PLACES.has(key) && isObject(inner);
      gather(inner, isPlace ? "" : name ? `${name}.${key}` : key, found);
    }
  }
}

const PLACES = new Set(["json", "query", "form", "files", "headers", "cookies", "querystring", "json_or_form"]);

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What was thrown, as a problem: what is none has the words of the error. */
export function problemIn(error: unknown): Problem {
  return error instanceof Problem ? error : new Problem(UNREACHED, error instanceof Error ? error.message : String(error));
}
