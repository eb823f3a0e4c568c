import { describe, expect, test } from "vitest";
import { readerFor, textOfPiece, type Piece } from "@/answers/pieces";

/** All pieces of a text that comes in parts of a size. */
function pieces(type: string, text: string, size: number): Piece[] {
  const reader = readerFor(type);
  const parts = Array.from({ length: Math.ceil(text.length / size) }, (_, index) => text.slice(index * size, (index + 1) * size));
  return [...parts.flatMap((part) => reader.take(part)), ...reader.rest()];
}

describe("server-sent events", () => {
  const text = 'data: {"text":"a"}\n\n: still here\n\ndata: b\ndata: c\r\n\r\ndata:d\r\revent: error\ndata: {"detail":"wet"}\n\nevent: end\ndata:\n\n';
  test.each([1, 2, 3, 7, 1000])("are read from parts of %i characters", (size) => {
    expect(pieces("text/event-stream; charset=utf-8", text, size)).toEqual([
      { kind: "piece", value: { text: "a" } },
      { kind: "piece", value: "b\nc" },
      { kind: "piece", value: "d" },
      { kind: "error", message: "wet" },
      { kind: "end" },
    ]);
  });

  test("an event that was cut short is none", () => {
    expect(pieces("text/event-stream", "data: 1\n\ndata: 2", 5)).toEqual([{ kind: "piece", value: 1 }]);
  });

  test("a piece is there as soon as its empty line is", () => {
    const reader = readerFor("text/event-stream");
    expect(reader.take("data: 1\n")).toEqual([]);
    expect(reader.take("\n")).toEqual([{ kind: "piece", value: 1 }]);
  });
});

describe("lines of JSON", () => {
  test.each([1, 4, 1000])("are read from parts of %i characters, the last without its end too", (size) => {
    expect(pieces("application/x-ndjson", '{"n":1}\n\n{"n":2}\r\n"x"', size).map((piece) => "value" in piece && piece.value)).toEqual([{ n: 1 }, { n: 2 }, "x"]);
  });

  test("a problem as the last line is the model's failure", () => {
    const problem = { type: "about:blank", title: "Internal Server Error", status: 500, detail: "wet", request_id: "r" };
    expect(pieces("application/x-ndjson", `{"n":1}\n${JSON.stringify(problem)}\n`, 50)[1]).toEqual({ kind: "error", message: "wet" });
  });
});

test("pieces of a text are known by where models put it", () => {
  expect(["a", { text: "a", batch: 3 }, { token: "a" }, { choices: [{ delta: { content: "a" } }] }].map(textOfPiece)).toEqual(["a", "a", "a", "a"]);
  expect([{ n: 1 }, 5, null, [1]].map(textOfPiece)).toEqual([null, null, null, null]);
});
