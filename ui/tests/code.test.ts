import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { toldCall, type ToldCall } from "../src/code/call";
import { curlOf } from "../src/code/curl";
import { javascriptOf } from "../src/code/javascript";
import { jsonText, laid, pythonText, SCRIPT_SYNTAX, shellText } from "../src/code/literals";
import { pythonOf } from "../src/code/python";
import type { Body, CallRequest } from "../src/form/request";

const HOSTILE = [
  "it's", "$HOME `id` $(id)", '"quoted" \\ \\n', "two\nlines\n", "!history !!", "@/etc/passwd", "<file", ";type=text/html", "ä ☃ 𝒳 👩‍💻", "'; rm -rf / #",
  "\u001b[31mred\u0007", "\r\nX-Header: a", "\u202eright to left", "line\u2028end", "${7*7}", "--data", "", " begins and ends ", "\u{e0041}tag",
];

const request = (body: Body, more: Partial<CallRequest> = {}): CallRequest => ({ method: "POST", path: "/v2/models/m/predict", query: [], headers: {}, cookies: [], body, ...more });
const told = (made: CallRequest, more: Partial<ToldCall> = {}): ToldCall => ({ model: "m", verb: "predict", request: made, address: "https://models.example.org/base", hasKey: false, streams: false, savedAs: "", ...more });
const json = (value: Record<string, unknown>, more: Partial<ToldCall> = {}): ToldCall => told(request({ kind: "json", value }), more);

/** What a program is asked with: the words that a shell makes of a command. */
function wordsOf(command: string): string[] {
  const shell = spawnSync("bash", ["--norc", "-c", `curl() { printf '%s\\0' "$@"; }\n${command}`], { encoding: "utf-8", env: { MODELPORT_KEY: "the key", LC_ALL: "C" } });
  expect(shell.stderr).toBe("");
  return shell.stdout.split("\0").slice(0, -1);
}

describe("texts as they are written", () => {
  test.each(HOSTILE)("a shell reads %j as one word", (text) => expect(wordsOf(`curl ${shellText(text)}`)).toEqual([text]));

  test.each(HOSTILE)("JavaScript reads %j", (text) => expect(new Function(`return ${jsonText(text)}`)()).toBe(text));

  test("Python reads them all", () => {
    const python = spawnSync("python3", ["-c", "import json, sys; print(json.dumps(eval(sys.stdin.buffer.read().decode())))"], { input: `[${HOSTILE.map(pythonText).join()}]`, encoding: "utf-8" });
    expect(JSON.parse(python.stdout)).toEqual(HOSTILE);
  });

  test("what nobody sees is written by its number", () => {
    for (const hidden of ["\u202e", "\u200b", "\u001b", "\u2028", "\ufeff", "\u{e0041}"]) {
      for (const written of [jsonText(hidden), pythonText(hidden), String(shellText(hidden))]) expect(written).toMatch(/^[\x20-\x7e]+$/);
    }
    expect(pythonText("\u{e0041}")).toBe('"\\U000e0041"');
    expect(jsonText("\ud800")).toBe('"\\ud800"');
    expect(shellText("\ud800")).toBe("'\ufffd'");
    expect(shellText("a\0b")).toBeNull();
  });

  test("a value is on one line where that fits, else a line a part", () => {
    const value = { rows: [[1, 2.5], [3, null]], "a b": "x".repeat(70), deep: { is: true, __proto__: null } };
    expect(laid([1, 2], SCRIPT_SYNTAX)).toBe("[1, 2]");
    expect(laid(value, SCRIPT_SYNTAX)).toBe(`{\n  rows: [[1, 2.5], [3, null]],\n  "a b": "${"x".repeat(70)}",\n  deep: { is: true },\n}`);
    expect(laid(Array.from({ length: 40 }, (_, at) => 1000 + at), SCRIPT_SYNTAX).split("\n")).toHaveLength(42);
  });

  test("JavaScript makes the same objects, __proto__ too", () => {
    const value: unknown = JSON.parse('{"__proto__": {"x": 1}, "class": [], "a-b": {}, "n": [1e21, -0.5, null]}');
    const read: unknown = new Function(`return ${laid(value, SCRIPT_SYNTAX)}`)();
    expect(JSON.stringify(read)).toBe(JSON.stringify(value));
  });
});

describe("curl", () => {
  test("JSON with what has to be quoted", () => {
    const value = { text: HOSTILE.join(), deep: { list: [1, { a: null }], "k'": true } };
    const words = wordsOf(String(curlOf(json(value))));
    expect(words.slice(0, 4)).toEqual(["https://models.example.org/base/v2/models/m/predict", "-H", "Content-Type: application/json", "-d"]);
    expect(JSON.parse(words[4] ?? "")).toEqual(value);
  });

  test.each(HOSTILE)("a field that is %j is no file and has no type", (text) => {
    const words = wordsOf(String(curlOf(told(request({ kind: "form", parts: [["a", text]], values: {} })))));
    expect(words.slice(-1)).toEqual([`a=${text}`]);
    expect(words.at(-2)).toBe(/^[\w.+:/-]*$/.test(text) ? "-F" : "--form-string");
  });

  test("files by their name, several of one argument", () => {
    const files = [new File(["x"], "7.png", { type: "image/png" }), new File(["x"], 'a "b";c,d\\.csv', { type: "text/csv;charset=utf-8" }), new File(["x"], "-", { type: "no type; at all" })];
    const parts = files.map((file): [string, File] => ["pages", file]);
    const words = wordsOf(String(curlOf(told(request({ kind: "form", parts, values: {} })))));
    expect(words.slice(1)).toEqual(["-F", "pages=@7.png;type=image/png", "-F", 'pages=@"a \\"b\\";c,d\\\\.csv";type=text/csv', "-F", 'pages=@"./-"']);
  });

  test("query, headers, cookies, the key and the file of the answer", () => {
    const made = request({ kind: "none" }, { query: [["q", "a b&c='$x'"], ["q", "[1]"]], headers: { accept: "image/png", "x-empty": "" }, cookies: [["session", "a;b"], ["c", "d"]] });
    const command = String(curlOf(told(made, { hasKey: true, savedAs: "answer.png", streams: true })));
    expect(command).toContain("$MODELPORT_KEY");
    expect(wordsOf(command)).toEqual([
      "-N", "-X", "POST", "https://models.example.org/base/v2/models/m/predict?q=a+b%26c%3D%27%24x%27&q=%5B1%5D",
      "-H", "Authorization: Bearer the key", "-H", "accept: image/png", "-H", "x-empty;", "-b", "session=a%3Bb; c=d", "-o", "answer.png",
    ]);
  });

  test("a body that is too long for a command is read from its lines", () => {
    const value = { text: "é'$x".repeat(40_000) };
    const shell = spawnSync("bash", ["--norc", "-c", `curl() { cat; }\n${String(curlOf(json(value)))}`], { encoding: "utf-8" });
    expect(shell.error).toMatchObject({ code: "E2BIG" }); // as one word it is too long for this test as well
    const asScript = spawnSync("bash", ["--norc", "-s"], { input: `curl() { cat; }\n${String(curlOf(json(value)))}\n`, encoding: "utf-8", maxBuffer: 1e7 });
    expect(JSON.parse(asScript.stdout)).toEqual(value);
  });

  test("what cannot be said is not said wrongly", () => {
    expect(curlOf(told(request({ kind: "form", parts: [["a", "\0"]], values: {} })))).toBeNull();
    expect(curlOf(told(request({ kind: "form", parts: [["a=b", "x"]], values: {} })))).toBeNull();
    const split = told(request({ kind: "none" }, { headers: { "x-a": "b\r\nx-c: d" } }));
    expect([curlOf(split), pythonOf(split), javascriptOf(split)]).toEqual([null, null, null]);
  });
});

describe("Python", () => {
  test("arguments by name", () => {
    expect(pythonOf(json({ text: "it's", n: 3, on: true, no: null }))).toBe(
      'import modelport\n\nwith modelport.Client("https://models.example.org/base") as client:\n    answer = client.predict("m", text="it\'s", n=3, on=True, no=None)\nprint(answer)',
    );
  });

  test("names that are no words of Python, or the client's own, go in a mapping", () => {
    for (const name of ["a b", "class", "timeout", "__debug__", "ä"]) expect(pythonOf(json({ [name]: 1 }))).toContain(`client.predict("m", {${JSON.stringify(name)}: 1})`);
  });

  test("files, the media type, and what only the transport can carry", () => {
    const values = { image: new File(["x"], "7.png", { type: "image/png" }), rows: [new File(["x"], "r.parquet", { type: "application/vnd.apache.parquet" })], top: 3 };
    const made = request({ kind: "form", parts: [["image", values.image]], values }, { query: [["q", "1"]], headers: { accept: "image/png", "x-a": "b" }, cookies: [["c", "d e"]] });
    expect(pythonOf(told(made, { hasKey: true, savedAs: "answer.png" }))).toBe(`import os
from pathlib import Path

import modelport

with modelport.Client(
    "https://models.example.org/base",
    key=os.environ["MODELPORT_KEY"],
    params=[("q", "1")],
    headers={"x-a": "b"},
    cookies={"c": "d%20e"},
) as client:
    answer = client.predict(
        "m",
        image=Path("7.png"),
        rows=[("r.parquet", Path("r.parquet"), "application/vnd.apache.parquet")],
        top=3,
        accept="image/png",
    )
print(answer.save("answer.png"))`);
  });

  test("a stream is iterated", () => {
    expect(pythonOf(json({ n: 1 }, { streams: true }))).toContain('    for piece in client.stream("m", n=1):\n        print(piece)');
  });
});

describe("JavaScript", () => {
  test("JSON, the key by its variable, and a stream", () => {
    expect(javascriptOf(json({ text: "`${x}`", "a-b": [1] }, { hasKey: true, streams: true }))).toBe(`const response = await fetch("https://models.example.org/base/v2/models/m/predict", {
  method: "POST",
  headers: {
    "Content-Type": "application/json",
    Authorization: \`Bearer \${process.env.MODELPORT_KEY}\`,
  },
  body: JSON.stringify({ text: "\`\${x}\`", "a-b": [1] }),
});
if (!response.ok) throw new Error(\`\${response.status}: \${await response.text()}\`);
const decoder = new TextDecoder();
for await (const piece of response.body) {
  process.stdout.write(decoder.decode(piece, { stream: true }));
}`);
  });

  test("a form with files, and an answer that is a file", () => {
    const file = new File(["x"], 'a".png', { type: "image/png" });
    const code = String(javascriptOf(told(request({ kind: "form", parts: [["image", file], ["top", "3"]], values: {} }), { savedAs: "answer.png" })));
    expect(code).toContain('import { readFile, writeFile } from "node:fs/promises";');
    expect(code).toContain('form.append("image", new Blob([await readFile("a\\".png")], { type: "image/png" }), "a\\".png");\nform.append("top", "3");');
    expect(code).toContain('await writeFile("answer.png", new Uint8Array(await response.arrayBuffer()));');
  });
});

test("what an answer is decides how the code takes it", () => {
  const verb = { arguments: [], answer: null, media_types: ["application/json", "image/png"], streams: false, takes_base64: true, takes_urls: false, wrapped: false, layout: null, examples: [] };
  const signature = (more: object): Parameters<typeof toldCall>[0] => ({ name: "m", contract: "typed", metadata: {}, definitions: {}, resumable: false, has_jobs: true, stream: null, verbs: { predict: { ...verb, ...more } } });
  const of = (more: object, headers = {}): ToldCall => toldCall(signature(more), "predict", request({ kind: "none" }, { headers }), "http://h", true);
  expect(of({})).toMatchObject({ savedAs: "", streams: false, hasKey: true });
  expect(of({}, { accept: "image/png" }).savedAs).toBe("answer.png");
  expect(of({ streams: true, media_types: ["text/event-stream"] })).toMatchObject({ savedAs: "", streams: true });
});
