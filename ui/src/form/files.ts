/** Files that a form holds: of what kind they are, and those that stand in a text. */

export type Sense = "picture" | "sound" | "film" | "other";

const SENSES: [prefix: string, sense: Sense][] = [
  ["image/", "picture"],
  ["audio/", "sound"],
  ["video/", "film"],
];
const WORDS: [words: RegExp, sense: Sense][] = [
  [/\b(image|picture|photo|photograph|bild|foto)s?\b/i, "picture"],
  [/\b(audio|sound|speech|voice|recording|microphone|wav)s?\b/i, "sound"],
];

/** What a media type is to people. */
export function senseOf(media: string): Sense {
  return SENSES.find(([prefix]) => media.startsWith(prefix))?.[1] ?? "other";
}

/** What an argument wants: by its media type, else by the words about it. It only decides what else is offered. */
export function wantedSense(media: string, words: string): Sense {
  return media ? senseOf(media) : (WORDS.find(([pattern]) => pattern.test(words.replace(/_/g, " ")))?.[1] ?? "other");
}

/** The file that a `data:` URI or base64 holds; `null` where the text is none. */
export function fileOfData(text: string, name: string): File | null {
  const found = /^data:([^;,]*)((?:;[^;,]*)*),(.*)$/s.exec(text);
  if (!found) return null;
  const [, media = "", parameters = "", content = ""] = found;
  try {
    const bytes = parameters.endsWith(";base64") ? bytesOf(content) : new TextEncoder().encode(decodeURIComponent(content));
    const type = media || "text/plain";
    return new File([bytes], `${name}.${ENDINGS[type] ?? type.split("/")[1]?.replace(/[^\w].*$/, "") ?? "bin"}`, { type });
  } catch {
    return null;
  }
}

const ENDINGS: Record<string, string> = { "text/plain": "txt", "image/jpeg": "jpg", "image/svg+xml": "svg", "audio/mpeg": "mp3", "audio/x-wav": "wav" };

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index);
  return bytes;
}

/** The files of a drop or a paste. */
export function filesOf(data: DataTransfer | null): File[] {
  return data ? [...data.files] : [];
}
