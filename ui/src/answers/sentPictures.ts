/** The pictures that were sent with a call: what a model has found in one is drawn on it. */

import type { CallRequest } from "@/form/request";
import { fileInText } from "./media";

/** Pictures of a request, in their order. */
export function sentPictures(request: CallRequest): Blob[] {
  const values: unknown[] = request.body.kind === "form" ? request.body.parts.map(([, value]) => value) : [];
  if (request.body.kind === "json") values.push(...Object.values(request.body.value).flat());
  return values
    .map((value) => (typeof value === "string" ? fileInText(value) : value))
    .filter((value) => value instanceof Blob)
    .filter((file) => file.type.startsWith("image/"));
}
