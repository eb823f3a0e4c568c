/** How the begin of a file can be shown, by its name. What it holds is never run, and never taken for HTML. */

import { mediumOfType, typeByName } from "@/answers/media";

export type PreviewKind = "picture" | "table" | "json" | "text" | "audio" | "video" | "none";

export const MOST_TEXT = 200_000; // bytes
export const MOST_MEDIA = 50_000_000;
export const MOST_ROWS = 200;

const BINARY = new Set(["npz", "npy", "joblib", "pkl", "pickle", "pt", "pth", "onnx", "h5", "keras", "zip", "gz", "tar", "parquet", "arrow", "safetensors", "bin", "pdf"]);

export const endingOf = (name: string): string => /\.([^./]+)$/.exec(name)?.[1]?.toLowerCase() ?? "";

/** How a file of this name and size is shown. */
export function kindOf(name: string, size: number): PreviewKind {
  const ending = endingOf(name);
  const medium = mediumOfType(typeByName(name));
  if (medium === "picture" || medium === "audio" || medium === "video") return size <= MOST_MEDIA ? medium : "none";
  if (BINARY.has(ending)) return "none";
  if (ending === "csv" || ending === "tsv") return "table";
  return ending === "json" && size <= MOST_TEXT ? "json" : "text";
}

/** JSON with each part on a line of its own; as it is where it is none. */
export function indented(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** Whether it is no text at all, whatever its name says. */
export const isBinary = (text: string): boolean => text.slice(0, 4000).includes("\0");

/** The first rows of a table whose cells may stand in quotes. */
export function rowsOf(text: string, separator: string, most: number): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  const cell = new RegExp(`(?:"((?:[^"]|"")*)"|([^${separator}\\r\\n]*))(${separator}|\\r?\\n|$)`, "y");
  while (rows.length < most && cell.lastIndex < text.length) {
    const found = cell.exec(text);
    if (!found) break;
    row.push(found[1]?.replaceAll('""', '"') ?? found[2] ?? "");
    if (found[3] === separator) continue;
    rows.push(row);
    row = [];
    if (!found[3]) break;
  }
  return rows;
}
