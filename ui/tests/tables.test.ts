import { expect, test } from "vitest";
import { cellText, columnWidth, csvOf, nextSorting, sortedRows, type Column } from "@/parts/tables";

interface Row {
  name: string;
  loss: number | null;
}

const columns: Column<Row>[] = [
  { key: "name", label: "Name", kind: "text", value: (row) => row.name },
  { key: "loss", label: "Loss", kind: "number", value: (row) => row.loss },
  { key: "do", label: "", kind: "text", value: () => "press", isData: false },
];
const rows: Row[] = [
  { name: "run 10", loss: 0.5 },
  { name: "run 9", loss: null },
  { name: "Run 1", loss: -2 },
  { name: "a", loss: NaN },
];
const names = (sorted: readonly Row[]): string[] => sorted.map((row) => row.name);

test("numbers are sorted as numbers, and what is missing comes last in both directions", () => {
  expect(names(sortedRows(rows, columns, { key: "loss", order: "up" }))).toEqual(["Run 1", "run 10", "run 9", "a"]);
  expect(names(sortedRows(rows, columns, { key: "loss", order: "down" }))).toEqual(["run 10", "Run 1", "run 9", "a"]);
});

test("texts are sorted as people count", () => {
  expect(names(sortedRows(rows, columns, { key: "name", order: "up" }))).toEqual(["a", "Run 1", "run 9", "run 10"]);
});

test("without an order, or with that of a column that is gone, rows stay as they came", () => {
  expect(sortedRows(rows, columns, null)).toBe(rows);
  expect(sortedRows(rows, columns, { key: "gone", order: "up" })).toBe(rows);
});

test("moments are sorted by when they were, not by how they are written", () => {
  const dated: Column<string>[] = [{ key: "at", label: "At", kind: "moment", value: (row) => row }];
  const given = ["2026-01-01T00:30:00+02:00", "2025-12-31T23:00:00Z"];
  expect(sortedRows(given, dated, { key: "at", order: "up" })[0]).toBe(given[0]);
  expect(sortedRows([...given].reverse(), dated, { key: "at", order: "up" })[0]).toBe(given[0]);
});

test("the head of a column goes up, down, and back", () => {
  const up = nextSorting(null, "loss");
  expect(up).toEqual({ key: "loss", order: "up" });
  const down = nextSorting(up, "loss");
  expect(down).toEqual({ key: "loss", order: "down" });
  expect(nextSorting(down, "loss")).toBeNull();
  expect(nextSorting(down, "name")).toEqual({ key: "name", order: "up" });
});

test("CSV quotes what must be quoted, and no spreadsheet takes a text for a formula", () => {
  const texts: Column<unknown>[] = [{ key: "x", label: 'a,"b"', kind: "text", value: (row) => row }];
  expect(csvOf(["=1+1", "-1.5", "a\nb", null, { a: 1 }, -3, true], texts)).toBe(
    '"a,""b"""\r\n\'=1+1\r\n-1.5\r\n"a\nb"\r\n\r\n"{""a"":1}"\r\n-3\r\ntrue\r\n',
  );
  expect(csvOf(rows.slice(0, 2), columns)).toBe("Name,Loss\r\nrun 10,0.5\r\nrun 9,\r\n");
});

test("a cell is written by its kind", () => {
  expect(cellText("number", 0.123456789)).toBe("0.123457");
  expect(cellText("lasting", 200)).toBe("3 min 20 s");
  expect(cellText("size", 3400)).toBe("3.4 kB");
  expect(cellText("text", { a: [1] })).toBe('{"a":[1]}');
  expect(cellText("text", false)).toBe("false");
  expect(cellText("number", undefined)).toBe("");
});

test("a column is as wide as what stands in it, within bounds", () => {
  const text: Column<string> = { key: "x", label: "x", kind: "text", value: (row) => row };
  expect(columnWidth(text, ["a", "a much longer text"])).toBe(18);
  expect(columnWidth(text, ["y".repeat(1000)])).toBe(48);
  expect(columnWidth({ ...text, width: 9 }, ["y".repeat(1000)])).toBe(9);
});
