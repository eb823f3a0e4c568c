import { describe, expect, it } from "vitest";
import { aligned, extremesOf, hasPositive, positive, rowsOf, smoothed } from "@/parts/curves";

describe("smoothing", () => {
  it("leaves a constant curve as it is, from its first value on", () => {
    expect(smoothed([2, 2, 2], 0.9).map((value) => Number(value?.toFixed(9)))).toEqual([2, 2, 2]);
  });
  it("pulls a value towards those before it, over values that are none", () => {
    const [first, none, last] = smoothed([0, null, 1], 0.5);
    expect([first, none]).toEqual([0, null]);
    expect(last).toBeCloseTo(2 / 3);
  });
  it("changes nothing without a weight", () => {
    expect(smoothed([1, null, 3], 0)).toEqual([1, null, 3]);
  });
});

describe("extremes", () => {
  it("are told with where they are", () => {
    const found = extremesOf({ name: "loss", x: [1, 2, 3, 4], y: [3, null, 1, 2] });
    expect(found).toEqual({ min: { x: 3, y: 1 }, max: { x: 1, y: 3 }, last: { x: 4, y: 2 } });
  });
  it("are none of a curve without values", () => {
    expect(extremesOf({ name: "loss", x: [1], y: [null] })).toBeNull();
  });
});

describe("one axis for all curves", () => {
  it("leaves a place empty where one has nothing", () => {
    const one = { name: "a", x: [1, 3], y: [10, 30] };
    const other = { name: "b", x: [1, 2], y: [null, 2] };
    expect(aligned([one, other])).toEqual([
      [1, 2, 3],
      [10, undefined, 30],
      [null, 2, undefined],
    ]);
  });
  it("shows the later of two values at one place", () => {
    expect(aligned([{ name: "a", x: [1, 1, 2], y: [1, 5, 2] }])).toEqual([
      [1, 2],
      [5, 2],
    ]);
  });
});

describe("a logarithmic scale", () => {
  it("leaves out what is not above 0", () => {
    expect(positive([1, 0, -2, undefined, null])).toEqual([1, null, null, undefined, null]);
    expect(hasPositive([{ name: "a", x: [1, 2], y: [-1, null] }])).toBe(false);
  });
});

describe("the table", () => {
  it("has the first and the last row, and so many between", () => {
    const x = Array.from({ length: 1001 }, (_, step) => step);
    const rows = rowsOf([{ name: "a", x, y: x }], 11);
    expect(rows.map((row) => row[0])).toEqual([0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000]);
  });
});
