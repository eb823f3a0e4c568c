/** A call as Python, with modelport's own client. */

import { canBeSent, headersOf, typeOf, type ToldCall } from "./call";
import { laid, pythonText, type Syntax } from "./literals";

const KEYWORDS = new Set(
  ("False None True __debug__ and as assert async await break class continue def del elif else except finally for from global if import in is " +
    "lambda nonlocal not or pass raise return try while with yield").split(" "),
);
const OWN = new Set(["accept", "timeout", "version"]); // what the client's methods take themselves
const WIDTH = 88;
const INDENT = "    ";
/** The types that Python knows files by, so that they need not be said. */
const KNOWN: Record<string, string> = {
  png: "image/png", jpg: "image/jpeg", jpeg: "image/jpeg", gif: "image/gif", svg: "image/svg+xml",
  csv: "text/csv", txt: "text/plain", json: "application/json", pdf: "application/pdf", zip: "application/zip",
  mp3: "audio/mpeg", mp4: "video/mp4",
};

const SYNTAX: Syntax = { text: pythonText, key: pythonText, file: fileOf, nothing: "None", yes: "True", no: "False", indent: INDENT, last: "," };

function fileOf(file: File): string {
  const path = `Path(${pythonText(file.name)})`;
  const type = typeOf(file);
  const ending = /\.([^.]+)$/.exec(file.name)?.[1]?.toLowerCase() ?? "";
  return type === "" || KNOWN[ending] === type ? path : `(${pythonText(file.name)}, ${path}, ${pythonText(type)})`;
}

/** The program; `null` where HTTP cannot carry the call. */
export function pythonOf(call: ToldCall): string | null {
  const { request, streams } = call;
  if (!canBeSent(request)) return null;
  const method = streams ? "stream" : call.verb;
  const asked = `client.${method}`;
  const begin = streams ? `${INDENT}for piece in ` : `${INDENT}answer = `;
  const lines = [
    `with modelport.Client${called(clientArguments(call), "", 29)} as client:`,
    `${begin}${asked}${called(callArguments(call), INDENT, begin.length + asked.length)}${streams ? ":" : ""}`,
    streams ? `${INDENT}${INDENT}print(piece)` : call.savedAs ? `print(answer.save(${pythonText(call.savedAs)}))` : "print(answer)",
  ];
  const program = lines.join("\n");
  const standard = [...(call.hasKey ? ["import os"] : []), ...(hasFiles(call) ? ["from pathlib import Path"] : [])];
  return [...standard, ...(standard.length ? [""] : []), "import modelport", "", program].join("\n");
}

const hasFiles = ({ request: { body } }: ToldCall): boolean => body.kind === "form" && body.parts.some(([, value]) => value instanceof File);

/** Arguments in brackets: on one line where they fit behind `begun` characters, else one a line. */
function called(parts: string[], indent: string, begun: number): string {
  const line = `(${parts.join(", ")})`;
  if (!line.includes("\n") && begun + line.length < WIDTH) return line;
  return `(\n${parts.map((one) => `${indent}${INDENT}${one},\n`).join("")}${indent})`;
}

function clientArguments(call: ToldCall): string[] {
  const { request, address, hasKey } = call;
  const others = headersOf(call).filter(([name]) => name !== "accept");
  const cookies = request.cookies.map(([name, value]) => [name, encodeURIComponent(value)]);
  return [
    pythonText(address),
    ...(hasKey ? ['key=os.environ["MODELPORT_KEY"]'] : []),
    ...(request.query.length ? [`params=[${request.query.map((pair) => `(${pair.map(pythonText).join(", ")})`).join(", ")}]`] : []),
    ...(others.length ? [`headers=${laid(Object.fromEntries(others), SYNTAX, INDENT)}`] : []),
    ...(cookies.length ? [`cookies=${laid(Object.fromEntries(cookies), SYNTAX, INDENT)}`] : []),
  ];
}

function callArguments(call: ToldCall): string[] {
  const { body, headers } = call.request;
  const values = body.kind === "json" ? body.value : body.kind === "form" ? body.values : {};
  const names = Object.keys(values);
  const areKeywords = names.every((name) => /^[A-Za-z_]\w*$/.test(name) && !KEYWORDS.has(name) && !OWN.has(name));
  const deeper = INDENT + INDENT;
  const given = areKeywords ? Object.entries(values).map(([name, value]) => `${name}=${laid(value, SYNTAX, deeper, name.length + 2)}`) : [laid(values, SYNTAX, deeper, 1)];
  const accept = headers["accept"];
  return [pythonText(call.model), ...given, ...(accept === undefined ? [] : [`accept=${pythonText(accept)}`])];
}
