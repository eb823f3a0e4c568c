/** A call that is told as code: its request, and what is known of its answer. */

import type { Schemas } from "@/api/http";
import { bareType, endingOf } from "@/answers/answer";
import type { CallRequest, Verb } from "@/form/request";

export interface ToldCall {
  model: string;
  verb: Verb;
  request: CallRequest;
  /** Where the API is: `https://models.example.org/base`. */
  address: string;
  /** Whether it needs a key, which the code reads from the variable MODELPORT_KEY. */
  hasKey: boolean;
  /** Whether the answer comes piece by piece. */
  streams: boolean;
  /** The name of the file that the answer is saved as; empty for one that is text. */
  savedAs: string;
}

/** The call that a request of this verb is. */
export function toldCall(signature: Schemas["ModelSignature"], verb: Verb, request: CallRequest, address: string, hasKey: boolean): ToldCall {
  const operation = signature.verbs[verb];
  const type = bareType(request.headers["accept"] ?? operation?.media_types[0] ?? "");
  const isText = type === "" || type === "*/*" || type.startsWith("text/") || type.includes("json");
  const streams = operation?.streams ?? false;
  return { model: signature.name, verb, request, address, hasKey, streams, savedAs: isText || streams ? "" : `answer.${endingOf(type)}` };
}

/** The headers that the call has besides those of its body. */
export const headersOf = (call: ToldCall): [name: string, value: string][] => Object.entries(call.request.headers);

/** Its cookies as the page sends them; empty where there are none. */
export const cookiesOf = (call: ToldCall): string => call.request.cookies.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("; ");

/** The files of a request, in their order. */
export function filesOf(request: CallRequest): File[] {
  return request.body.kind === "form" ? request.body.parts.map(([, value]) => value).filter((value) => value instanceof File) : [];
}

/** The type of a file without parameters; empty where it is none that a header could hold. */
export function typeOf(file: File): string {
  const type = bareType(file.type);
  return /^[\w.+-]+\/[\w.+-]+$/.test(type) ? type : "";
}

/** Whether HTTP can carry all of it: a header holds one line. */
export const canBeSent = (request: CallRequest): boolean => Object.values(request.headers).every((value) => /^[\t\x20-\x7e\x80-\xff]*$/.test(value));
