/** How the begin of a file can be shown, by its name. What it holds is never run, and never taken for HTML. */

export type PreviewKind = "picture" | "table" | "json" | "text" | "audio" | "video" | "none";

export const MOST_TEXT = 200_000; // bytes
export const MOST_MEDIA = 50_000_000;
export const MOST_ROWS = 200;

const PICTURES: Record<string, string> = {
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  gif: "image/gif",
  webp: "image/webp",
  avif: "image/avif",
  bmp: "image/bmp",
  svg: "image/svg+xml",
};
const SOUNDS: Record<string, string> = { wav: "audio/wav", mp3: "audio/mpeg", ogg: "audio/ogg", flac: "audio/flac" };
const FILMS: Record<string, string> = { mp4: "video/mp4", webm: "video/webm" };
const BINARY = new Set(["npz", "npy", "joblib", "pkl", "pickle", "pt", "pth", "onnx", "h5", "keras", "zip", "gz", "tar", "parquet", "arrow", "safetensors", "bin", "pdf"]);

export const endingOf = (name: string): string => /\.([^./]+)$/.exec(name)?.[1]?.toLowerCase() ?? "";

/** How a file of this name and size is shown. */
export function kindOf(name: string, size: number): PreviewKind {
  const ending = endingOf(name);
  const media: [Record<string, string>, PreviewKind][] = [[PICTURES, "picture"], [SOUNDS, "audio"], [FILMS, "video"]];
  for (const [types, kind] of media) {
    if (ending in types) return size <= MOST_MEDIA ? kind : "none";
  }
  if (BINARY.has(ending)) return "none";
  if (ending === "csv" || ending === "tsv") return "table";
  return ending === "json" && size <= MOST_TEXT ? "json" : "text";
}

/** The media type of a picture, a sound or a film, by its name. */
export function mediaOf(name: string): string {
  const ending = endingOf(name);
  return PICTURES[ending] ?? SOUNDS[ending] ?? FILMS[ending] ?? "application/octet-stream";
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
