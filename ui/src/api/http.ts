/** Requests of the API. Types of paths and bodies come from the API document: `schema.d.ts`, by `make ui-types`. */

import { addressOf } from "./places";
import { Problem, problemOf, UNREACHED } from "./problems";
import type { components } from "./schema";

export type Schemas = components["schemas"];

type Query = Record<string, string | number | boolean | undefined>;

interface Options {
  query?: Query;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  body?: BodyInit | undefined;
}

/** Hears that a request was refused because nobody knows who asks. */
export const unknownCaller = new EventTarget();

/** A request of the API. Throws `Problem` for any answer that is no good one, and when there is none. */
export async function ask(method: string, path: string, options: Options = {}): Promise<Response> {
  const { query, body, ...rest } = options;
  let response: Response;
  try {
    response = await fetch(addressOf(path, query), { method, cache: "no-store", ...rest, ...(body === undefined ? {} : { body }) });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Problem(UNREACHED, "the server does not answer");
  }
  if (response.ok) return response;
  const problem = await problemOf(response);
  if (problem.status === 401) unknownCaller.dispatchEvent(new Event("refused"));
  throw problem;
}

/** The JSON of a resource. */
export async function get<T>(path: string, query?: Query, signal?: AbortSignal): Promise<T> {
  const options = { headers: { accept: "application/json" }, ...(query ? { query } : {}), ...(signal ? { signal } : {}) };
  return (await ask("GET", path, options)).json() as Promise<T>;
}

/** Sends JSON (or nothing), and reads the JSON that comes back, if any does. */
export async function send<T>(method: "POST" | "PUT" | "PATCH" | "DELETE", path: string, body?: unknown): Promise<T> {
  const headers = { accept: "application/json", ...(body === undefined ? {} : { "content-type": "application/json" }) };
  const response = await ask(method, path, { headers, body: body === undefined ? undefined : JSON.stringify(body) });
  const text = await response.text();
  return (text ? JSON.parse(text) : undefined) as T;
}
