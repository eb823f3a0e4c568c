/** An answer as it came: its bytes, whole or one after the other, and what they are said to be. */

export interface Answer {
  content: Blob | ReadableStream<Uint8Array>;
  mediaType: string;
  /** What a file of it is called, without an ending. */
  name: string;
}

const STREAMS = new Set(["text/event-stream", "application/x-ndjson", "application/jsonl", "application/jsonlines"]);

/** The media type alone, without parameters. */
export const bareType = (type: string): string => (type.split(";")[0] ?? "").trim().toLowerCase();

/** Whether answers of this type are shown piece by piece. */
export const isStream = (type: string): boolean => STREAMS.has(bareType(type));

/** The answer of a response. Streams are handed on unread; whoever shows one cancels it. */
export async function answerOf(response: Response, name: string): Promise<Answer> {
  const mediaType = response.headers.get("content-type") ?? "";
  if (isStream(mediaType) && response.body) return { content: response.body, mediaType, name };
  return { content: await response.blob(), mediaType, name };
}

/** Values of an answer, as an answer: for what is kept, and for results of jobs. */
export function answerOfValue(value: unknown, name: string): Answer {
  return { content: new Blob([JSON.stringify(value)]), mediaType: "application/json", name };
}

const ENDINGS: Record<string, string> = {
  "application/json": "json",
  "application/pdf": "pdf",
  "application/zip": "zip",
  "application/x-ndjson": "jsonl",
  "application/vnd.apache.arrow.stream": "arrows",
  "application/vnd.apache.parquet": "parquet",
  "image/jpeg": "jpg",
  "image/svg+xml": "svg",
  "audio/mpeg": "mp3",
  "audio/x-wav": "wav",
  "text/plain": "txt",
  "text/event-stream": "txt",
  "text/markdown": "md",
  "text/tab-separated-values": "tsv",
};

/** The ending of a file of this type. */
export function endingOf(type: string): string {
  const bare = bareType(type);
  if (ENDINGS[bare]) return ENDINGS[bare];
  const last = /^[a-z]+\/(?:x-)?([a-z0-9]{2,5})$/.exec(bare)?.[1];
  return last ?? (bare.endsWith("+json") ? "json" : "bin");
}
