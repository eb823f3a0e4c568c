/** What bytes are: by their media type where it says something, else by how they begin. */

import { bareType } from "./answer";

export type Medium = "json" | "picture" | "audio" | "video" | "table" | "archive" | "document" | "text" | "bytes";

const VAGUE = new Set(["", "*/*", "application/octet-stream", "binary/octet-stream"]);
const TABLES = /^(text\/(csv|tab-separated-values)|application\/(vnd\.apache\.parquet|x-parquet|parquet))$/;
const ARCHIVES = /^application\/(zip|x-zip|x-zip-compressed)$/;

// How files begin, as latin1, and what they are.
const BEGINNINGS: [RegExp, string][] = [
  [/^\x89PNG\r\n/, "image/png"],
  [/^\xff\xd8\xff/, "image/jpeg"],
  [/^GIF8[79]a/, "image/gif"],
  [/^RIFF[^]{4}WEBP/, "image/webp"],
  [/^RIFF[^]{4}WAVE/, "audio/wav"],
  [/^[^]{4}ftypavif/, "image/avif"],
  [/^[^]{4}ftyp(M4A|m4a)/, "audio/mp4"],
  [/^[^]{4}ftyp/, "video/mp4"],
  [/^BM[^]{8}\0\0/, "image/bmp"],
  [/^(ID3|\xff[\xfb\xf3\xf2])/, "audio/mpeg"],
  [/^fLaC/, "audio/flac"],
  [/^OggS[^]{24,}(theora)/, "video/ogg"],
  [/^OggS/, "audio/ogg"],
  [/^\x1aE\xdf\xa3/, "video/webm"],
  [/^%PDF-/, "application/pdf"],
  [/^PK(\x03\x04|\x05\x06)/, "application/zip"],
  [/^PAR1/, "application/vnd.apache.parquet"],
  [/^ARROW1\0\0/, "application/vnd.apache.arrow.file"],
];

/** How many bytes tell what a file is. */
export const HEAD = 64;

/** The media type of what begins so; `null` where the beginning says nothing. */
export function typeByBeginning(head: string): string | null {
  return BEGINNINGS.find(([beginning]) => beginning.test(head))?.[1] ?? null;
}

/** What is shown for a media type; `null` where it says nothing. */
export function mediumOfType(type: string): Medium | null {
  const bare = bareType(type);
  if (VAGUE.has(bare)) return null;
  if (bare === "application/json" || bare.endsWith("+json")) return "json";
  if (bare.startsWith("image/")) return "picture";
  if (bare.startsWith("audio/")) return "audio";
  if (bare.startsWith("video/")) return "video";
  if (TABLES.test(bare)) return "table";
  if (ARCHIVES.test(bare)) return "archive";
  if (bare === "application/pdf") return "document";
  if (bare.startsWith("text/") || /^application\/(xml|yaml|x-yaml|toml|javascript)$/.test(bare) || bare.endsWith("+xml")) return "text";
  return "bytes";
}

/** The media type of bytes, and how they are shown. */
export async function mediumOf(content: Blob, type: string): Promise<{ medium: Medium; type: string }> {
  const told = mediumOfType(type);
  if (told !== null) return { medium: told, type: bareType(type) };
  const head = await latin1(content.slice(0, HEAD));
  const found = typeByBeginning(head);
  if (found) return { medium: mediumOfType(found) ?? "bytes", type: found };
  if (await isText(content.slice(0, 4096), content.size > 4096)) {
    if (/^\s*[[{]/.test(head)) return { medium: "json", type: "application/json" };
    return { medium: "text", type: "text/plain" };
  }
  return { medium: "bytes", type: bareType(type) || "application/octet-stream" };
}

/** The media type that a file's name says; empty where it says none. */
export function typeByName(name: string): string {
  return TYPES_BY_ENDING[/\.([a-z0-9]+)$/i.exec(name)?.[1]?.toLowerCase() ?? ""] ?? "";
}

const TYPES_BY_ENDING: Record<string, string> = {
  json: "application/json",
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  gif: "image/gif",
  webp: "image/webp",
  avif: "image/avif",
  bmp: "image/bmp",
  svg: "image/svg+xml",
  wav: "audio/wav",
  mp3: "audio/mpeg",
  ogg: "audio/ogg",
  flac: "audio/flac",
  m4a: "audio/mp4",
  mp4: "video/mp4",
  webm: "video/webm",
  csv: "text/csv",
  tsv: "text/tab-separated-values",
  parquet: "application/vnd.apache.parquet",
  jsonl: "application/x-ndjson",
  ndjson: "application/x-ndjson",
  zip: "application/zip",
  pdf: "application/pdf",
  txt: "text/plain",
  log: "text/plain",
  md: "text/markdown",
  html: "text/html",
  xml: "text/xml",
  yaml: "application/yaml",
  yml: "application/yaml",
  toml: "application/toml",
  py: "text/x-python",
};

async function latin1(part: Blob): Promise<string> {
  return new TextDecoder("latin1").decode(await part.arrayBuffer());
}

async function isText(part: Blob, isCut: boolean): Promise<boolean> {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(await part.arrayBuffer(), { stream: isCut });
    return !text.includes("\0");
  } catch {
    return false;
  }
}

const BASE64 = /^[A-Za-z0-9+/_-]+={0,2}$/;
const DATA = /^data:([a-z]+\/[a-z0-9.+-]+)?((?:;[a-z0-9=.+-]+)*?)(;base64)?,/i;
const SHORTEST = 60; // characters: no picture is smaller, and a word may look like base64

/** The file that a text in JSON holds, as a `data:` URI or as base64; `null` for any other text. */
export function fileInText(text: string, type = ""): Blob | null {
  const data = DATA.exec(text);
  if (data) {
    const given = data[1] ?? "text/plain";
    const rest = text.slice(data[0].length);
    const bytes = data[3] ? bytesOf(rest) : new TextEncoder().encode(safelyDecoded(rest));
    return bytes && new Blob([bytes], { type: given.toLowerCase() });
  }
  if (!type && (text.length < SHORTEST || !BASE64.test(text.slice(0, 200)))) return null;
  const head = bytesOf(text.slice(0, 88));
  const found = head && typeByBeginning(Array.from(head, (byte) => String.fromCharCode(byte)).join(""));
  if (!found && !type) return null;
  const bytes = bytesOf(text);
  return bytes && new Blob([bytes], { type: found || type });
}

function safelyDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> | null {
  try {
    const binary = atob(base64.replaceAll("-", "+").replaceAll("_", "/").replace(/\s/g, ""));
    return Uint8Array.from(binary, (character) => character.charCodeAt(0));
  } catch {
    return null;
  }
}
