import { expect, test } from "vitest";
import { numberIn } from "@/form/numbers";

test.each([
  ["1,000", "en", 1000],
  ["1,234,567.5", "en", 1234567.5],
  ["1.5", "en", 1.5],
  ["1,5", "en", 1.5],
  ["0,125", "en", 0.125],
  ["0.125", "en", 0.125],
  ["1.000", "de", 1000],
  ["1.234.567,5", "de", 1234567.5],
  ["0,01", "de", 0.01],
  ["0.001", "de", 0.001],
  ["1.5", "de", 1.5],
  ["1.50.000", "de", "1.50.000"],
  ["-2,000", "en", -2000],
  ["1e-3", "en", 0.001],
  ["1e", "en", "1e"],
  ["", "en", undefined],
  ["many", "de", "many"],
] as const)("%s in %s", (text, language, wanted) => {
  expect(numberIn(text, language)).toBe(wanted);
});
