/** One call of a model from the page: its request as data, and what came back. */

import { ref, shallowRef, type Ref, type ShallowRef } from "vue";
import { ask, type Schemas } from "@/api/http";
import { root } from "@/api/places";
import { problemIn, type Problem } from "@/api/problems";
import { addressed, type CallRequest, type Verb } from "@/form/request";

/** What has come back: an answer that is read as it comes, of a call of this verb. */
export interface Called {
  response: Response;
  signature: Schemas["ModelSignature"];
  verb: Verb;
  request: CallRequest;
  /** Milliseconds of the epoch at which it was sent. */
  at: number;
  /** Milliseconds until the answer began. */
  waited: number;
}

export interface Calling {
  /** The last answer; `null` before there is one, and while another is waited for. */
  called: ShallowRef<Called | null>;
  /** Why there is none. */
  problem: ShallowRef<Problem | null>;
  isRunning: Ref<boolean>;
  /** Sends a request; what was on its way before is given up. */
  run(signature: Schemas["ModelSignature"], verb: Verb, request: CallRequest): Promise<Called | null>;
  /** Gives up what is on its way. */
  stop(): void;
  /** The same, and nothing was answered. */
  forget(): void;
}

/** Calls one after the other, of which the last counts. Whoever uses it calls `stop` when the room is left. */
export function useCall(): Calling {
  const called = shallowRef<Called | null>(null);
  const problem = shallowRef<Problem | null>(null);
  const isRunning = ref(false);
  let giveUp = new AbortController();

  async function run(signature: Schemas["ModelSignature"], verb: Verb, request: CallRequest): Promise<Called | null> {
    stop();
    const own = (giveUp = new AbortController());
    isRunning.value = true;
    called.value = null;
    problem.value = null;
    const at = Date.now();
    const began = performance.now();
    try {
      const response = await sendCall(request, own.signal);
      if (own.signal.aborted) return null;
      return (called.value = { response, signature, verb, request, at, waited: performance.now() - began });
    } catch (error) {
      if (own.signal.aborted) return null;
      problem.value = problemIn(error);
      return null;
    } finally {
      if (giveUp === own) isRunning.value = false;
    }
  }

  function stop(): void {
    giveUp.abort();
    isRunning.value = false;
  }

  function forget(): void {
    stop();
    called.value = null;
    problem.value = null;
  }

  return { called, problem, isRunning, run, stop, forget };
}

/** The request that has the same made by a job: the answer is where that is. */
export const asJob = (request: CallRequest): CallRequest => ({ ...request, headers: { ...request.headers, prefer: "respond-async" } });

/** The job that a response leads to, which is not read then; empty where it is an answer itself. */
export async function jobOf(response: Response): Promise<string> {
  const id = response.headers.get("location")?.split("/").at(-1) ?? "";
  if (id) await response.body?.cancel();
  return id;
}

/** Sends a request. Throws `Problem` for any answer that is no good one. */
export async function sendCall(request: CallRequest, signal?: AbortSignal): Promise<Response> {
  const headers = { ...request.headers };
  let body: BodyInit | undefined;
  if (request.body.kind === "json") {
    headers["content-type"] = "application/json";
    body = JSON.stringify(request.body.value);
  } else if (request.body.kind === "form") {
    body = new FormData();
    for (const [name, value] of request.body.parts) body.append(name, value);
  }
  const path = `${root}${request.path}`;
  for (const [name, value] of request.cookies) document.cookie = `${name}=${encodeURIComponent(value)}; path=${path}`;
  try {
    return await ask(request.method, addressed(request), { headers, body, ...(signal ? { signal } : {}) });
  } finally {
    for (const [name] of request.cookies) document.cookie = `${name}=; path=${path}; max-age=0`;
  }
}
