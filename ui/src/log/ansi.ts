/** Colours and weights that programs write for a terminal (SGR), as pieces of text; all other codes are left out. */

/** How text looks; `ink` and `ground` are one of the sixteen colours of a terminal, if any was said. */
export interface Style {
  ink: number | null;
  ground: number | null;
  isBold: boolean;
  isFaint: boolean;
  isItalic: boolean;
  isUnderlined: boolean;
  isInverse: boolean;
}

export interface Piece {
  text: string;
  style: Style;
}

export const PLAIN: Style = Object.freeze({
  ink: null,
  ground: null,
  isBold: false,
  isFaint: false,
  isItalic: false,
  isUnderlined: false,
  isInverse: false,
});

// A code of a terminal with what it says, if it is one that a screen obeys; a title or a link; any other; what cannot be seen.
// eslint-disable-next-line no-control-regex
const CODES = /\x1b\[([0-?]*)[ -/]*([@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[PX^_][^\x1b]*(?:\x1b\\)?|\x1b[ -/]*[0-~]|[\x00-\x08\x0b-\x1f\x7f]/g;
// eslint-disable-next-line no-control-regex
const ANY = /[\x00-\x08\x0b-\x1f\x7f]/;

/** A server keeps logs in which nothing is hidden: there a code begins with these four characters. */
const WRITTEN_OUT = /\\x1b(?=\[[0-?]*[ -/]*[@-~])/g;

/** A line with its codes as the program wrote them. */
export const withCodes = (line: string): string => (line.includes("\\x1b[") ? line.replace(WRITTEN_OUT, "\x1b") : line);

/** Whether a line has any code or what cannot be seen: most have none. */
export const hasCodes = (line: string): boolean => ANY.test(line);

/** The text of a line alone. */
export const plainOf = (line: string): string => line.replace(CODES, "");

/** A line in pieces of one style each, and the style in which the next line begins. */
export function piecesOf(line: string, from: Style): { pieces: Piece[]; after: Style } {
  const pieces: Piece[] = [];
  let style = from;
  let at = 0;
  for (const found of line.matchAll(CODES)) {
    if (found.index > at) pieces.push({ text: line.slice(at, found.index), style });
    at = found.index + found[0].length;
    if (found[2] === "m") style = obeyed(style, found[1] ?? "");
  }
  if (at < line.length) pieces.push({ text: line.slice(at), style });
  return { pieces, after: style };
}

const CHANGES: Record<number, Partial<Style>> = {
  1: { isBold: true },
  2: { isFaint: true },
  3: { isItalic: true },
  4: { isUnderlined: true },
  7: { isInverse: true },
  22: { isBold: false, isFaint: false },
  23: { isItalic: false },
  24: { isUnderlined: false },
  27: { isInverse: false },
  39: { ink: null },
  49: { ground: null },
};

function obeyed(style: Style, words: string): Style {
  const numbers = words.split(/[;:]/).map((word) => Number(word || 0));
  let now = style;
  for (let place = 0; place < numbers.length; place += 1) {
    const number = numbers[place] ?? 0;
    if (number === 38 || number === 48) {
      const { colour, taken } = extended(numbers.slice(place + 1));
      if (colour !== null) now = { ...now, [number === 38 ? "ink" : "ground"]: colour };
      place += taken;
    } else now = number === 0 ? PLAIN : { ...now, ...(CHANGES[number] ?? coloured(number)) };
  }
  return now;
}

function coloured(number: number): Partial<Style> {
  if (number >= 30 && number <= 37) return { ink: number - 30 };
  if (number >= 90 && number <= 97) return { ink: number - 90 + 8 };
  if (number >= 40 && number <= 47) return { ground: number - 40 };
  if (number >= 100 && number <= 107) return { ground: number - 100 + 8 };
  return {};
}

/** One of 256 colours, or red, green and blue: the nearest of the sixteen, which can be read on light and on dark. */
function extended(numbers: number[]): { colour: number | null; taken: number } {
  if (numbers[0] === 5) return { colour: of256(numbers[1] ?? 0), taken: 2 };
  if (numbers[0] === 2) return { colour: nearest(numbers[1] ?? 0, numbers[2] ?? 0, numbers[3] ?? 0), taken: 4 };
  return { colour: null, taken: 0 };
}

function of256(number: number): number | null {
  if (number < 0 || number > 255) return null;
  if (number < 16) return number;
  if (number >= 232) return nearest(...grey((number - 232) * 10 + 8));
  const cube = number - 16;
  return nearest(...([Math.floor(cube / 36), Math.floor(cube / 6) % 6, cube % 6].map((part) => (part ? part * 40 + 55 : 0)) as [number, number, number]));
}

const grey = (value: number): [number, number, number] => [value, value, value];

function nearest(red: number, green: number, blue: number): number {
  const most = Math.max(red, green, blue);
  const spread = most - Math.min(red, green, blue);
  if (spread < 40) return most < 64 ? 0 : most < 140 ? 8 : most < 215 ? 7 : 15;
  const isOn = (part: number): boolean => part > most - spread / 2;
  return (isOn(red) ? 1 : 0) + (isOn(green) ? 2 : 0) + (isOn(blue) ? 4 : 0) + (most > 200 ? 8 : 0);
}

/** The names of classes for a style. */
export function classesOf(style: Style): string[] {
  if (style === PLAIN) return [];
  const [ink, ground] = style.isInverse ? [style.ground, style.ink] : [style.ink, style.ground];
  return [
    ink === null ? "" : `ink-${ink}`,
    ground === null ? "" : `ground-${ground}`,
    style.isInverse && ink === null && ground === null ? "inverse" : "",
    style.isBold ? "bold" : "",
    style.isFaint ? "faint" : "",
    style.isItalic ? "italic" : "",
    style.isUnderlined ? "underlined" : "",
  ].filter(Boolean);
}
