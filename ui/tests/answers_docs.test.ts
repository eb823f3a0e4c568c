/** The examples of docs/page.md are shown as it says. */

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { isStream } from "@/answers/answer";
import { mediumOfType } from "@/answers/media";
import { plotOf } from "@/answers/plots";
import { shapeOf, type Shape } from "@/answers/shapes";

const PAGE = readFileSync(resolve(import.meta.dirname, "../../docs/page.md"), "utf8");
const FILES: Record<string, string> = {
  PNG: "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  WAV: "data:audio/wav;base64,UklGRiQAAABXQVZFZm10IBAAAAABAAEA",
};

/** The rows of the table that begins so: what is said, and what stands in code. */
function rowsOf(heading: string): [words: string, examples: string[]][] {
  const [, table = ""] = PAGE.split(`| ${heading} |`);
  const lines = (table.split("\n\n")[0] ?? "").split("\n").slice(2);
  return lines.map((line) => {
    const [words = "", examples = ""] = line.split("|").slice(1, 3).map((cell) => cell.trim());
    return [words, [...examples.matchAll(/`([^`]+)`/g)].map(([, one = ""]) => one).filter((one) => !one.startsWith("orient="))];
  });
}

const cases = (heading: string): [words: string, example: string][] => rowsOf(heading).flatMap(([words, examples]) => examples.map((one): [string, string] => [words, one]));

const KINDS: [RegExp, Shape["kind"]][] = [
  [/^bars/, "labels"],
  [/^boxes|^masks/, "marks"],
  [/^a table/, "table"],
  [/^a plot/, "plot"],
  [/^the picture, sound or film/, "file"],
  [/^names and values/, "facts"],
  [/^a text/, "text"],
  [/^a tree/, "tree"],
];

describe("JSON in the docs", () => {
  test.each(cases("JSON is shown as"))("is shown as %s: %s", (words, example) => {
    const filled = example.replace(/"(PNG|WAV)"/g, (_, name: string) => JSON.stringify(FILES[name]));
    const shape = shapeOf(JSON.parse(filled));
    const shapes = shape.kind === "parts" ? shape.parts.map((part) => part.shape) : [shape];
    const wanted = KINDS.find(([beginning]) => beginning.test(words))?.[1];
    expect(shapes.map((one) => one.kind)).toEqual(shapes.map(() => wanted));
    if (words.startsWith("masks")) expect(shapes.every((one) => one.kind === "marks" && one.marks.every((mark) => mark.mask))).toBe(true);
  });

  test("is there of everything that the page recognises", () => {
    const told = rowsOf("JSON is shown as").map(([words]) => KINDS.find(([beginning]) => beginning.test(words))?.[1]);
    expect(new Set(told)).toEqual(new Set(KINDS.map(([, kind]) => kind)));
  });
});

const MEDIA: [RegExp, (type: string) => boolean][] = [
  [/^what its JSON is like/, (type) => mediumOfType(type) === "json"],
  [/^a plot/, (type) => plotOf({ marks: [] }, type) !== null],
  [/^a picture/, (type) => mediumOfType(type) === "picture"],
  [/^a player of sound/, (type) => mediumOfType(type) === "audio"],
  [/^a player of films/, (type) => mediumOfType(type) === "video"],
  [/^a table/, (type) => mediumOfType(type) === "table"],
  [/^the files in it/, (type) => mediumOfType(type) === "archive"],
  [/^a text/, (type) => mediumOfType(type) === "text" && !isStream(type)],
  [/^a stream/, isStream],
  [/^a file to be saved/, (type) => ["document", "bytes"].includes(mediumOfType(type) ?? "")],
];

describe("media types in the docs", () => {
  test.each(cases("an answer is shown as"))("are shown as %s: %s", (words, type) => {
    expect(MEDIA.find(([beginning]) => beginning.test(words))?.[1](type)).toBe(true);
  });

  test("are there of every kind", () => {
    const words = rowsOf("an answer is shown as").map(([one]) => one);
    expect(MEDIA.filter(([beginning]) => !words.some((one) => beginning.test(one)))).toEqual([]);
  });
});
