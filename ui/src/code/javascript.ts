/** A call as JavaScript: `fetch`, in a module that Node runs. */

import { addressed } from "@/form/request";
import { canBeSent, cookiesOf, filesOf, headersOf, typeOf, type ToldCall } from "./call";
import { jsonText, laid, SCRIPT_SYNTAX } from "./literals";

/** The program; `null` where HTTP cannot carry the call. */
export function javascriptOf(call: ToldCall): string | null {
  const { request } = call;
  if (!canBeSent(request)) return null;
  const imports = [...(filesOf(request).length ? ["readFile"] : []), ...(call.savedAs ? ["writeFile"] : [])];
  const headers = headerLines(call);
  const lines = [
    ...(imports.length ? [`import { ${imports.join(", ")} } from "node:fs/promises";`, ""] : []),
    ...formLines(call),
    `const response = await fetch(${jsonText(call.address + addressed(request))}, {`,
    '  method: "POST",',
    ...(headers.length ? ["  headers: {", ...headers.map((one) => `    ${one},`), "  },"] : []),
    ...(request.body.kind === "json" ? [`  body: JSON.stringify(${laid(request.body.value, SCRIPT_SYNTAX, "  ", 22)}),`] : []),
    ...(request.body.kind === "form" ? ["  body: form,"] : []),
    "});",
    "if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);",
    ...answerLines(call),
  ];
  return lines.join("\n");
}

function headerLines(call: ToldCall): string[] {
  const cookies = cookiesOf(call);
  return [
    ...(call.request.body.kind === "json" ? ['"Content-Type": "application/json"'] : []),
    ...(call.hasKey ? ["Authorization: `Bearer ${process.env.MODELPORT_KEY}`"] : []),
    ...headersOf(call).map(([name, value]) => `${SCRIPT_SYNTAX.key(name)}: ${jsonText(value)}`),
    ...(cookies ? [`Cookie: ${jsonText(cookies)}`] : []),
  ];
}

function formLines({ request: { body } }: ToldCall): string[] {
  if (body.kind !== "form") return [];
  const appended = body.parts.map(([name, value]) => `form.append(${jsonText(name)}, ${value instanceof File ? fileOf(value) : jsonText(value)});`);
  return ["const form = new FormData();", ...appended, ""];
}

function fileOf(file: File): string {
  const type = typeOf(file);
  const name = jsonText(file.name);
  return `new Blob([await readFile(${name})]${type ? `, { type: ${jsonText(type)} }` : ""}), ${name}`;
}

function answerLines(call: ToldCall): string[] {
  if (call.streams) {
    return ["const decoder = new TextDecoder();", "for await (const piece of response.body) {", "  process.stdout.write(decoder.decode(piece, { stream: true }));", "}"];
  }
  if (call.savedAs) return [`await writeFile(${jsonText(call.savedAs)}, new Uint8Array(await response.arrayBuffer()));`];
  return ["console.log(await response.text());"];
}
