import { expect, test } from "vitest";
import { endingOf } from "@/answers/answer";
import { fileInText, mediumOf, typeByName } from "@/answers/media";

const bytes = (...parts: (string | number[])[]): Blob =>
  new Blob(parts.map((part) => (typeof part === "string" ? Uint8Array.from(part, (one) => one.charCodeAt(0)) : new Uint8Array(part))));

test.each([
  ["image/png", "", "picture"],
  ["image/svg+xml", "<svg onload='alert(1)'/>", "picture"],
  ["text/html; charset=utf-8", "<script>alert(1)</script>", "text"],
  ["application/xhtml+xml", "<html/>", "text"],
  ["application/vnd.vega.v5+json", "{}", "json"],
  ["text/csv", "a,b", "table"],
  ["application/zip", "PK", "archive"],
  ["application/pdf", "%PDF-", "document"],
  ["application/x-own", "{}", "bytes"],
])("%s is shown by what it says", async (type, content, medium) => {
  expect((await mediumOf(new Blob([content]), type)).medium).toBe(medium);
});

test.each([
  ["\x89PNG\r\n\x1a\n", "image/png", "picture"],
  ["RIFF0000WAVEfmt ", "audio/wav", "audio"],
  ["\x00\x00\x00\x18ftypmp42", "video/mp4", "video"],
  ["PK\x03\x04", "application/zip", "archive"],
  ["PAR1", "application/vnd.apache.parquet", "table"],
  ['{"a": 1}', "application/json", "json"],
  ["some words", "text/plain", "text"],
  ["\x00\xff\x01", "application/octet-stream", "bytes"],
])("what begins with %j is told without a type", async (begin, type, medium) => {
  expect(await mediumOf(bytes(begin), "application/octet-stream")).toEqual({ medium, type });
});

test("a letter that is cut at the end of the beginning does not make a text something else", async () => {
  expect((await mediumOf(new Blob(["é".repeat(5000) + "x".repeat(5000)]), "")).medium).toBe("text");
  expect((await mediumOf(new Blob(["x" + "é".repeat(5000)]), "")).medium).toBe("text");
});

test("files in texts are data URIs and base64 that begins as a file does", async () => {
  const png = btoa(`\x89PNG\r\n\x1a\n${"\0".repeat(60)}`);
  expect(fileInText(png)?.type).toBe("image/png");
  expect(fileInText(`data:image/svg+xml,%3Csvg%3E`)?.type).toBe("image/svg+xml");
  expect(await fileInText("data:text/plain;charset=utf-8;base64,aGk=")?.text()).toBe("hi");
  expect(fileInText("AAAA", "audio/wav")?.type).toBe("audio/wav");
});

test("no other text is a file", () => {
  for (const text of ["", "hello", "x".repeat(500), "data: of the run", "javascript:alert(1)", btoa("y".repeat(300))]) {
    expect(fileInText(text), text).toBeNull();
  }
});

test("names and types of files go together", () => {
  expect(typeByName("a/b.PNG")).toBe("image/png");
  expect(typeByName("noending")).toBe("");
  expect(["image/jpeg", "image/webp", "text/csv", "application/x-own+json", "application/x-very-strange"].map(endingOf)).toEqual(["jpg", "webp", "csv", "json", "bin"]);
});
