/** How much of a kept file is fetched to be looked at, by its name and size: all, its begin, or nothing. */

import { mediumOfType, typeByName } from "./media";

export interface Preview {
  /** The media type that it is shown by; empty where its bytes are to tell. */
  type: string;
  /** Bytes from its begin. */
  bytes: number;
}

export const MOST_WHOLE = 5_000_000; // bytes of a text, a table or JSON
const MOST_MEDIA = 50_000_000;
const BEGIN = 200_000;
const CLOSED = new Set(["npz", "npy", "joblib", "pkl", "pickle", "pt", "pth", "onnx", "h5", "keras", "gz", "tar", "arrow", "safetensors", "bin", "pdf"]);
const BY_LINES = new Set(["text/csv", "text/tab-separated-values", "application/x-ndjson"]);

/** What is fetched of a file; `null` for one that cannot be shown. */
export function previewOf(name: string, size: number): Preview | null {
  if (CLOSED.has(/\.([^./]+)$/.exec(name)?.[1]?.toLowerCase() ?? "")) return null;
  const type = typeByName(name);
  const medium = mediumOfType(type);
  const isWritten = medium === null || medium === "json" || medium === "text" || BY_LINES.has(type);
  if (!isWritten) return size <= MOST_MEDIA ? { type, bytes: size } : null;
  if (size <= MOST_WHOLE || type === "") return { type, bytes: size <= MOST_WHOLE ? size : BEGIN };
  return { type: BY_LINES.has(type) ? type : "text/plain", bytes: BEGIN };
}

/** The begin of a file without the line that is cut at its end, where lines are what it is made of. */
export async function wholeLines(begin: Blob): Promise<Blob> {
  if (!BY_LINES.has(begin.type)) return begin;
  const text = await begin.text();
  return new Blob([text.slice(0, text.lastIndexOf("\n") + 1 || text.length)], { type: begin.type });
}
