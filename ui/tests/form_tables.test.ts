import { describe, expect, test } from "vitest";
import type { Column } from "../src/form/columns";
import { editable, sendable } from "../src/form/moments";
import { wavOf } from "../src/form/sound";
import { cellsOf, gridOf, gridOfFile, gridOfValue, valueOf, valueOfGrid } from "../src/form/tables";

const column = (name: string, type: Column["type"]): Column => ({ name, type, required: true, choices: [] });

describe("tables that people have", () => {
  test("CSV with quotes, and cells of a spreadsheet", () => {
    expect(cellsOf('a,"b ""c"", d"\r\n1,"x\ny"\r\n')).toEqual([["a", 'b "c", d'], ["1", "x\ny"]]);
    expect(cellsOf("a\tb,c\n1\t2")).toEqual([["a", "b,c"], ["1", "2"]]);
    expect(cellsOf("a;b\n1,5;2")).toEqual([["a", "b"], ["1,5", "2"]]);
  });

  test("the first row are names, unless all are numbers", () => {
    expect(gridOf("width,kind\n1.5,red\n,blue", [])).toEqual({ names: ["width", "kind"], rows: [[1.5, "red"], [null, "blue"]] });
    expect(gridOf("1,2\n3,4", [column("a", "number"), column("b", "whole")])).toEqual({ names: ["a", "b"], rows: [[1, 2], [3, 4]] });
  });

  test("cells have the type of their column, and what is none of it stays for the model to refuse", () => {
    expect(gridOf("id,x\n007,1", [column("id", "text"), column("x", "number")]).rows).toEqual([["007", 1]]);
    expect([valueOf("1,5", "number"), valueOf("many", "number"), valueOf("TRUE", "any"), valueOf("NaN", "number")]).toEqual([1.5, "many", true, null]);
  });

  test("rows that a model takes are a grid and back", () => {
    for (const value of [[{ a: 1, b: "x" }, { a: 2, b: "y" }], [[1, 2], [3, 4]]]) expect(valueOfGrid(gridOfValue(value)!)).toEqual(value);
    expect(valueOfGrid(gridOfValue({ columns: ["a"], rows: [[1]] })!)).toEqual([{ a: 1 }]);
    expect(gridOfValue([1, 2])).toBeNull();
  });

  test("files by what is in them", async () => {
    expect(await gridOfFile(new File(['[{"a": 1}]'], "x.csv"), [])).toEqual({ names: ["a"], rows: [[1]] });
    expect(await gridOfFile(new File(["a\n1\n2"], "x.csv"), [], 1)).toEqual({ names: ["a"], rows: [[1]] });
    await expect(gridOfFile(new File(["PK\u0003\u0004"], "x.xlsx"), [])).rejects.toThrow("save it as CSV");
  });
});

test("moments keep their time from the field of a browser and back", () => {
  const moment = "2026-03-01T12:30:00Z";
  expect(sendable(editable(moment, "date-time"), "date-time")).toBe(moment);
  expect([sendable("12:30", "time"), sendable("2026-03-01", "date"), sendable("", "date")]).toEqual(["12:30:00", "2026-03-01", undefined]);
});

test("sound is a WAV file of one channel", () => {
  const bytes = wavOf([new Float32Array([0, 1]), new Float32Array([0, -1])], 8000);
  expect(new TextDecoder().decode(bytes.slice(0, 4))).toBe("RIFF");
  expect([bytes.length, new DataView(bytes.buffer).getUint32(24, true), new DataView(bytes.buffer).getInt16(46, true)]).toEqual([48, 8000, 0]);
});
