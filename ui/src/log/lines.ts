/** Lines of a log as they come: kept by the hundred thousand, looked through, and read a few at a time. */

import { shallowRef } from "vue";
import { hasCodes, PLAIN, piecesOf, plainOf, withCodes, type Piece, type Style } from "./ansi";

/** Of more lines than these only the last are kept; all of them are in the download. */
export const MOST_LINES = 200_000;
const DROPPED = MOST_LINES / 10; // at once
const SHOWN = 4000; // characters of a line

/** A line as it is shown; a `note` is ours, not the program's. */
export interface Line {
  /** From 1; 0 for a note. */
  number: number;
  pieces: Piece[];
  /** How many characters are not shown. */
  cut: number;
  isNote: boolean;
}

interface Stored {
  raw: string;
  plain: string;
  from: Style;
  number: number;
}

/** A log. `add` is cheap and tells nobody; `tell` lets those who watch `version` look. */
export class LogLines {
  /** Changes when there are others than before. */
  readonly version = shallowRef(0);
  /** How many were dropped at the begin. */
  dropped = 0;
  /** The length of the longest line, as it is shown. */
  longest = 0;
  private stored: Stored[] = [];
  private style: Style = PLAIN;
  private count = 0;

  get size(): number {
    return this.stored.length;
  }

  add(line: string): void {
    const raw = withCodes(line);
    this.count += 1;
    if (hasCodes(raw) || this.style !== PLAIN) {
      this.put({ raw, plain: plainOf(raw), from: this.style, number: this.count });
      this.style = piecesOf(raw, this.style).after;
    } else this.put({ raw, plain: raw, from: PLAIN, number: this.count });
  }

  /** Adds words of ours. */
  note(words: string): void {
    this.style = PLAIN;
    this.put({ raw: words, plain: words, from: PLAIN, number: 0 });
  }

  clear(): void {
    this.stored = [];
    this.style = PLAIN;
    this.count = this.longest = this.dropped = 0;
    this.tell();
  }

  tell(): void {
    this.version.value += 1;
  }

  /** The line at a place from 0, as it is shown. */
  at(place: number): Line | undefined {
    const line = this.stored[place];
    if (!line) return undefined;
    const { pieces } = piecesOf(line.raw.length > SHOWN ? line.raw.slice(0, SHOWN) : line.raw, line.from);
    return { number: line.number, pieces, cut: Math.max(line.raw.length - SHOWN, 0), isNote: line.number === 0 };
  }

  /** The places in a stretch whose lines have these words, whatever their case. */
  found(words: string, from: number, to: number): number[] {
    const wanted = words.toLowerCase();
    const places: number[] = [];
    for (let place = from; place < Math.min(to, this.stored.length); place += 1) {
      if (this.stored[place]?.plain.toLowerCase().includes(wanted)) places.push(place);
    }
    return places;
  }

  private put(line: Stored): void {
    this.longest = Math.max(this.longest, Math.min(line.plain.length, SHOWN));
    this.stored.push(line);
    if (this.stored.length > MOST_LINES) {
      this.stored = this.stored.slice(DROPPED);
      this.dropped += DROPPED;
    }
  }
}

export interface Marked extends Piece {
  isFound: boolean;
}

/** Pieces of a line in which words that are looked for stand alone, though a colour may change within them. */
export function marked(pieces: Piece[], words: string): Marked[] {
  if (!words) return pieces.map((piece) => ({ ...piece, isFound: false }));
  const ranges = rangesOf(pieces.map((piece) => piece.text).join("").toLowerCase(), words.toLowerCase());
  const parts: Marked[] = [];
  let start = 0;
  for (const piece of pieces) {
    const end = start + piece.text.length;
    let at = start;
    for (const [from, to] of ranges) {
      if (to <= at || from >= end) continue;
      if (from > at) parts.push({ text: piece.text.slice(at - start, from - start), style: piece.style, isFound: false });
      const stop = Math.min(to, end);
      parts.push({ text: piece.text.slice(Math.max(from, at) - start, stop - start), style: piece.style, isFound: true });
      at = stop;
    }
    if (at < end) parts.push({ text: piece.text.slice(at - start), style: piece.style, isFound: false });
    start = end;
  }
  return parts;
}

function rangesOf(text: string, words: string): [number, number][] {
  const ranges: [number, number][] = [];
  for (let at = text.indexOf(words); at >= 0; at = text.indexOf(words, at + words.length)) ranges.push([at, at + words.length]);
  return ranges;
}
