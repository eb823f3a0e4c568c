/** A call as data: from the values of a form to the request that is sent, and shown as code. */

import { isObject } from "@/api/problems";
import type { Schemas } from "@/api/http";
import { fieldsOf, type Argument, type Field } from "./fields";
import { sentValues, type Values } from "./values";

export type Verb = "predict" | "train" | "validate";

/** Part of a multipart form. */
export type Part = [name: string, value: string | File];

/** `values` are what the parts of a form were made of, for who sends them in another way. */
export type Body = { kind: "none" } | { kind: "json"; value: Values } | { kind: "form"; parts: Part[]; values: Values };

/** A request of the API, as data. `path` has no query string; `cookies` are sent by few models. */
export interface CallRequest {
  method: "POST";
  path: string;
  query: [string, string][];
  headers: Record<string, string>;
  cookies: [string, string][];
  body: Body;
}

/** The request that asks a model with these values. Files make it a multipart form; else it is JSON. */
export function requestOf(signature: Schemas["ModelSignature"], verb: Verb, values: Values): CallRequest {
  const operation = signature.verbs[verb];
  const made: CallRequest = {
    method: "POST",
    path: `/v2/models/${encodeURIComponent(signature.name)}/${verb}`,
    query: [],
    headers: {},
    cookies: [],
    body: { kind: "none" },
  };
  if (!operation) return made;
  const fields = fieldsOf(operation.arguments, signature.definitions);
  const sent = sentValues(fields, values);
  const inBody: [Argument, Field, unknown][] = [];
  operation.arguments.forEach((argument, index) => {
    const field = fields[index];
    const value = sent[argument.name];
    if (value === undefined || !field) return;
    if (argument.kind === "accept") made.headers["accept"] = String(value);
    else if (argument.location === "headers") made.headers[argument.name] = textsOf(argument, value, signature.contract).join(", ");
    else if (argument.location === "cookies") made.cookies.push(...named(argument, value, signature.contract));
    else if (argument.location === "query") made.query.push(...named(argument, value, signature.contract));
    else inBody.push([argument, field, value]);
  });
  made.body = bodyOf(inBody, operation, signature.contract);
  return made;
}

function bodyOf(given: [Argument, Field, unknown][], operation: Schemas["ModelVerb"], contract: string): Body {
  const isForm = given.some(([argument, , value]) => holdsFile(value) || argument.location === "form" || argument.location === "files");
  const isInline = operation.takes_base64 && !given.some(([, , value]) => holdsFile(value));
  if (isForm && !isInline) {
    const values = Object.fromEntries(given.map(([argument, , value]) => [argument.name, valueOf(argument, value)]));
    return { kind: "form", parts: given.flatMap(([argument, , value]) => partsOf(argument, value, contract)), values };
  }
  const hasBody = operation.arguments.some((one) => !["query", "headers", "cookies"].includes(one.location) && one.kind !== "accept");
  if (!hasBody) return { kind: "none" };
  return { kind: "json", value: Object.fromEntries(given.map(([argument, , value]) => [argument.name, value])) };
}

function holdsFile(value: unknown): boolean {
  return value instanceof Blob || (Array.isArray(value) && value.some((one) => one instanceof Blob));
}

function partsOf(argument: Argument, value: unknown, contract: string): Part[] {
  const files = (Array.isArray(value) ? value : [value]).filter((one) => one instanceof Blob);
  if (files.length === 0) return named(argument, value, contract);
  return files.map((file): Part => [argument.name, file instanceof File ? file : new File([file], argument.name, { type: file.type })]);
}

/** The value itself; a list that is written as one text, as that text. */
function valueOf(argument: Argument, value: unknown): unknown {
  return Array.isArray(value) && argument.delimiter !== null && !holdsFile(value) ? value.map(textOf).join(argument.delimiter) : value;
}

function named(argument: Argument, value: unknown, contract: string): [string, string][] {
  return textsOf(argument, value, contract).map((text) => [argument.name, text]);
}

/** A value as texts of a form or a query: one, or one an item. */
function textsOf(argument: Argument, value: unknown, contract: string): string[] {
  if (!Array.isArray(value)) return [textOf(value)];
  if (argument.delimiter !== null) return [value.map(textOf).join(argument.delimiter)];
  // Typed arguments may be one JSON array, which an empty list and a list of lists have to be.
  if (contract !== "deepaas") return [JSON.stringify(value)];
  return value.map(textOf);
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** The address of a request below the API's root, with its query string. */
export function addressed(request: CallRequest): string {
  const search = new URLSearchParams(request.query).toString();
  return request.path + (search ? `?${search}` : "");
}

/** Whether nothing of it is a file, so that it can be kept, and told by a link. */
export function isKeepable(value: unknown): boolean {
  if (value instanceof Blob) return false;
  if (Array.isArray(value)) return value.every(isKeepable);
  return !isObject(value) || Object.values(value).every(isKeepable);
}
