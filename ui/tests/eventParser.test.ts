import { expect, it } from "vitest";
import { EventParser } from "@/api/eventParser";

const STREAM = 'id: 7\nevent: log\ndata: {"line":"a: b"}\n\n: keep-alive\n\ndata:one\r\ndata: two\r\n\r\nevent: end\ndata\n\ndata: not whole';

it("reads events however the stream is cut", () => {
  for (const size of [1, 2, 7, 1000]) {
    const parser = new EventParser();
    const pieces = STREAM.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [];
    expect(pieces.flatMap((piece) => parser.feed(piece))).toEqual([
      { name: "log", data: '{"line":"a: b"}', id: "7" },
      { name: "message", data: "one\ntwo", id: "7" },
      { name: "end", data: "", id: "7" },
    ]);
  }
});
