/** Reads streams piece by piece: server-sent events, and lines of JSON. */

import { isObject } from "@/api/problems";
import { bareType } from "./answer";

/** What came: a piece of the answer, the words of a model that failed, or the end. */
export type Piece = { kind: "piece"; value: unknown } | { kind: "error"; message: string } | { kind: "end" };

/** Takes text as it comes, in parts of any size, and gives the pieces that are whole. */
export interface Reader {
  take(text: string): Piece[];
  /** What is left where the stream has ended. */
  rest(): Piece[];
}

/** The reader for a media type. */
export function readerFor(mediaType: string): Reader {
  return bareType(mediaType) === "text/event-stream" ? new EventReader() : new LineReader();
}

class LineReader implements Reader {
  private left = "";

  take(text: string): Piece[] {
    const lines = (this.left + text).split("\n");
    this.left = lines.pop() ?? "";
    return lines.filter((line) => line.trim() !== "").map(pieceOfLine);
  }

  rest(): Piece[] {
    const line = this.left;
    this.left = "";
    return line.trim() === "" ? [] : [pieceOfLine(line)];
  }
}

function pieceOfLine(line: string): Piece {
  const value = parsed(line);
  const isProblem = isObject(value) && typeof value["title"] === "string" && typeof value["status"] === "number" && "request_id" in value;
  return isProblem ? { kind: "error", message: wordsOf(value) } : { kind: "piece", value };
}

class EventReader implements Reader {
  private left = "";
  private data: string[] = [];
  private name = "";

  take(text: string): Piece[] {
    const given = this.left + text;
    // A return at the end may be half of a line's end.
    const cut = given.endsWith("\r") ? given.length - 1 : given.length;
    const lines = given.slice(0, cut).split(/\r\n|\r|\n/);
    this.left = (lines.pop() ?? "") + given.slice(cut);
    return lines.flatMap((line) => this.line(line));
  }

  rest(): Piece[] {
    this.left = "";
    this.data = [];
    return []; // an event without its empty line was cut short
  }

  private line(line: string): Piece[] {
    if (line !== "") {
      const [, field = "", value = ""] = /^([^:]*):? ?([^]*)$/.exec(line) ?? [];
      if (field === "data") this.data.push(value);
      else if (field === "event") this.name = value;
      return [];
    }
    const { name, data } = this;
    this.name = "";
    this.data = [];
    if (name === "end") return [{ kind: "end" }];
    if (data.length === 0) return [];
    const value = parsed(data.join("\n"));
    return [name === "error" ? { kind: "error", message: wordsOf(value) } : { kind: "piece", value }];
  }
}

function wordsOf(value: unknown): string {
  if (!isObject(value)) return String(value);
  return [value["detail"], value["reason"], value["message"], value["title"]].map((one) => (typeof one === "string" ? one : "")).find(Boolean) ?? JSON.stringify(value);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

const TEXTS = ["text", "token", "delta", "content", "word", "generated_text", "response"];

/** The text of a piece that is part of one text; `null` for any other. */
export function textOfPiece(value: unknown): string | null {
  if (typeof value === "string") return value;
  if (!isObject(value)) return null;
  const key = TEXTS.find((one) => typeof value[one] === "string");
  if (key !== undefined) return String(value[key]);
  // as OpenAI's API streams
  const choice: unknown = Array.isArray(value["choices"]) ? value["choices"][0] : undefined;
  return isObject(choice) ? textOfPiece(choice["delta"] ?? choice) : null;
}
