/** The events of a model's log. */

import { isObject } from "@/api/problems";

export interface LinesEvent {
  lines: { text: string }[];
  /** How many lines before these are not kept any more. */
  missed: number;
}

/** Whether this is what an event `lines` holds. */
export function isLinesEvent(data: unknown): data is LinesEvent {
  if (!isObject(data) || typeof data["missed"] !== "number") return false;
  const lines: unknown = data["lines"];
  return Array.isArray(lines) && lines.every((line) => isObject(line) && typeof line["text"] === "string");
}
