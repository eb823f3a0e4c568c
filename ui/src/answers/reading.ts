/** Reads an answer that is whole into what the page shows. */

import { gridOfFile } from "@/form/tables";
import { nextTurn } from "@/parts/turns";
import { mediumOf, type Medium } from "./media";
import { tableOfCells, type Table } from "./tabular";

export type ReadAnswer =
  | { kind: "json"; type: string; value: unknown }
  | { kind: "table"; type: string; table: Table }
  | { kind: "archive"; type: string; file: Blob }
  | { kind: "text"; type: string; text: string }
  | { kind: "file"; type: string; file: Blob };

const MOST_TEXT = 64_000_000; // bytes that are read as JSON, a table or a text; more is a file to be saved

/** Reads it. What is not what it is said to be is shown as text. */
export async function readAnswer(content: Blob, mediaType: string): Promise<ReadAnswer> {
  const { medium, type } = await mediumOf(content, mediaType);
  const isRead: Medium[] = ["json", "table", "text"];
  if (content.size > MOST_TEXT && isRead.includes(medium)) return { kind: "file", type, file: content };
  if (medium === "json") return json(content, type);
  if (medium === "table") return table(content, type);
  if (medium === "text") return { kind: "text", type, text: await content.text() };
  return { kind: medium === "archive" ? "archive" : "file", type, file: content };
}

async function json(content: Blob, type: string): Promise<ReadAnswer> {
  const text = await content.text();
  try {
    const value: unknown = text.trim() === "" ? null : JSON.parse(text);
    await nextTurn(); // to look at it may take as long
    return { kind: "json", type, value };
  } catch {
    return { kind: "text", type, text };
  }
}

async function table(content: Blob, type: string): Promise<ReadAnswer> {
  try {
    const grid = await gridOfFile(new File([content], "answer", { type }), []);
    return { kind: "table", type, table: tableOfCells(grid.names, grid.rows) };
  } catch {
    return type.startsWith("text/") ? { kind: "text", type, text: await content.text() } : { kind: "file", type, file: content };
  }
}
