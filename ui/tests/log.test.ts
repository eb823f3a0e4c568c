import { describe, expect, it } from "vitest";
import { classesOf, piecesOf, PLAIN, plainOf, withCodes } from "@/log/ansi";
import { LogLines, marked, MOST_LINES } from "@/log/lines";

const seen = (line: string) => piecesOf(line, PLAIN).pieces.map(({ text, style }) => [text, ...classesOf(style)]);

describe("codes of a terminal", () => {
  it("are colours and weights of the text behind them", () => {
    expect(seen("a \x1b[1;31mred\x1b[22m thin\x1b[0m end")).toEqual([["a "], ["red", "ink-1", "bold"], [" thin", "ink-1"], [" end"]]);
  });
  it("of 256 colours and of any colour become one that can be read", () => {
    expect(seen("\x1b[38;5;196ma\x1b[38;2;0;90;250mb\x1b[48;5;2mc")).toEqual([
      ["a", "ink-9"],
      ["b", "ink-12"],
      ["c", "ink-12", "ground-2"],
    ]);
  });
  it("that are none of these are left out, with what they hide", () => {
    const line = "\x1b]8;;javascript:alert(1)\x07link\x1b]8;;\x07 \x1b[2Kdone\x07\x1b(B";
    expect(plainOf(line)).toBe("link done");
    expect(seen(line).map(([text]) => text).join("")).toBe("link done");
  });
  it("are taken as the server writes them out, and nothing else is", () => {
    expect(withCodes("\\x1b[32mgreen\\x1b[0m \\x1b \\x07")).toBe("\x1b[32mgreen\x1b[0m \\x1b \\x07");
  });
  it("hold for the lines that follow", () => {
    const log = new LogLines();
    log.add("\x1b[33mfirst");
    log.add("second\x1b[0m");
    log.add("third");
    const classes = [0, 1, 2].map((place) => log.at(place)?.pieces.map(({ style }) => classesOf(style)).flat());
    expect(classes).toEqual([["ink-3"], ["ink-3"], []]);
  });
});

describe("a log", () => {
  it("is looked through as text, whatever its colours and case", () => {
    const log = new LogLines();
    for (const line of ["one", "T\x1b[31mwo\x1b[0m", "three", "two again"]) log.add(line);
    expect(log.found("two", 0, 10)).toEqual([1, 3]);
    expect(log.found("two", 2, 10)).toEqual([3]);
  });
  it("keeps the last lines, and their numbers", () => {
    const log = new LogLines();
    for (let number = 1; number <= MOST_LINES + 1; number += 1) log.add(`line ${number}`);
    expect(log.size).toBeLessThanOrEqual(MOST_LINES);
    expect(log.at(log.size - 1)).toMatchObject({ number: MOST_LINES + 1 });
    expect(log.at(0)?.number).toBe(log.dropped + 1);
  });
  it("does not show more of a line than anybody reads", () => {
    const log = new LogLines();
    log.add("x".repeat(10_000));
    expect(log.at(0)).toMatchObject({ cut: 6000 });
  });
  it("marks what was looked for, also where a colour changes within it", () => {
    const { pieces } = piecesOf("st\x1b[32mep 1, step\x1b[0m 2", PLAIN);
    const parts = marked(pieces, "STEP").map(({ text, isFound }) => [text, isFound]);
    expect(parts).toEqual([
      ["st", true],
      ["ep", true],
      [" 1, ", false],
      ["step", true],
      [" 2", false],
    ]);
  });
});
