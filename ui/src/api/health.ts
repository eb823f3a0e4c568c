/** Whether every model can answer: a server that is not ready says so by 503, which is an answer, too. */

import { get, type Schemas } from "./http";
import { Problem } from "./problems";

export type Ready = Schemas["Ready"];

/** What the server says of its health. Throws `Problem` where it says nothing of that. */
export async function health(signal?: AbortSignal): Promise<Ready> {
  try {
    return await get<Ready>("/v2/health/ready", {}, signal);
  } catch (error) {
    if (error instanceof Problem && isReady(error.body)) return error.body;
    throw error;
  }
}

function isReady(body: unknown): body is Ready {
  return typeof body === "object" && body !== null && "ready" in body && "models" in body;
}
