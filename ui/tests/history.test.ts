import { beforeEach, describe, expect, test } from "vitest";
import type { Schemas } from "../src/api/http";
import { me } from "../src/api/session";
import { amendCall, bounded, callsOf, forgetAllCalls, forgetCall, forgetCallsOf, isHistory, keepCall, type KeptCall } from "../src/calls/history";
import { beginOf, beginOfPieces, keptValues, sentFiles, shortText } from "../src/calls/keeping";
import { fieldsOf, type Argument } from "../src/form/fields";

const call = (at: number, more: Partial<KeptCall> = {}): KeptCall => ({ model: "m", at, lasted: 5, status: 200, values: { n: at }, files: [], answer: "", job: "", ...more });
const somebody = (id: string): Schemas["Me"] => ({ id, kind: "user", name: id, scopes: [], models: null, others: [], expires_at: null });

describe("calls that are kept", () => {
  beforeEach(() => {
    forgetAllCalls();
    me.value = somebody("anna");
  });

  test("are one's own: somebody else sees none, and puts theirs in the place of them", () => {
    keepCall(call(1));
    me.value = somebody("ben");
    expect(callsOf("m")).toEqual([]);
    keepCall(call(2));
    expect(callsOf("m").map((one) => one.at)).toEqual([2]);
    me.value = somebody("anna");
    expect(callsOf("m")).toEqual([]);
    me.value = null;
    keepCall(call(3));
    expect(callsOf("m")).toEqual([]);
  });

  test("are forgotten one by one, or all of a model", () => {
    for (const one of [call(1), call(2), call(3), call(1, { model: "other" })]) keepCall(one);
    amendCall("m", 2, { answer: "setosa" });
    amendCall("m", 9, { answer: "of no call" });
    forgetCall("m", 3);
    expect(callsOf("m").map((one) => [one.at, one.answer])).toEqual([[2, "setosa"], [1, ""]]);
    forgetCallsOf("m");
    expect(callsOf("m")).toEqual([]);
    expect(callsOf("other")).toHaveLength(1);
  });

  test("are so many of a model, and so long together; values that are too long are left out", () => {
    const many = Array.from({ length: 60 }, (_, at) => call(100 - at));
    expect(bounded([...many, call(1, { model: "other" })]).map((one) => one.model)).toEqual([...Array<string>(50).fill("m"), "other"]);
    expect(bounded([call(2, { values: { text: "x".repeat(50_000) } }), call(1)])).toEqual([call(2, { values: null }), call(1)]);
    const long = Array.from({ length: 10 }, (_, at) => call(10 - at, { values: { text: "x".repeat(30_000) } }));
    expect(bounded(long)).toHaveLength(6);
  });

  test("are read if they are what they should be", () => {
    expect(isHistory({ owner: "a", calls: [call(1, { values: null, files: [{ argument: "a", name: "b", size: 1 }] })] })).toBe(true);
    for (const wrong of [null, [], { owner: "a" }, { owner: 1, calls: [] }, { owner: "a", calls: [{}] }, { owner: "a", calls: [call(1, { files: [1 as never] })] }, { owner: "a", calls: [{ ...call(1), values: "x" }] }]) {
      expect(isHistory(wrong)).toBe(false);
    }
  });
});

describe("what is kept of a call", () => {
  const argument = (name: string, schema: object): Argument => ({ name, schema: schema as Argument["schema"], required: false, kind: "value", location: "any", delimiter: null });
  const secret = { type: "string", format: "password" };
  const login = { type: "object", properties: { name: { type: "string" }, word: secret, more: {} }, required: ["name"] };

  test("no file, and no password wherever it stands", () => {
    const schemas = { n: { type: "integer" }, word: secret, login, logins: { type: "array", items: { $ref: "#/$defs/Deep" } }, by: { type: "object", additionalProperties: login }, either: { anyOf: [{ type: "integer" }, login] }, file: { type: "string", format: "binary" } };
    const fields = fieldsOf(Object.entries(schemas).map(([name, schema]) => argument(name, schema)), { Deep: { type: "object", properties: { login } } } as never);
    const given = { name: "anna", word: "hush" };
    const file = new File(["abc"], "a.txt");
    const sent = { n: 3, word: "hush", login: given, logins: [{ login: given }], by: { a: given }, either: given, file };
    const kept = JSON.stringify(keptValues(fields, sent));
    expect(kept).not.toContain("hush");
    expect(JSON.parse(kept)).toEqual({ n: 3, login: { name: "anna" }, logins: [{ login: { name: "anna" } }], by: { a: { name: "anna" } }, either: { name: "anna" } });
    expect(sentFiles({ ...sent, pages: [file, file] })).toEqual(["file", "pages", "pages"].map((name) => ({ argument: name, name: "a.txt", size: 3 })));
  });

  test("how an answer begins", async () => {
    const json = (value: unknown): Promise<string> => beginOf(new Blob([JSON.stringify(value, null, 2)]), "application/json; charset=utf-8");
    expect(await json({ status: "OK", predictions: [1, 2] })).toBe("[1,2]");
    expect(await json({ a: "x".repeat(9000) })).toHaveLength(161);
    expect(await beginOf(new Blob(["one\n  two"]), "text/plain")).toBe("one two");
    expect(await beginOf(new Blob([new Uint8Array(3400)]), "image/png")).toBe("image/png · 3.4 kB");
    expect(beginOfPieces([{ text: "Shall " }, { text: "I" }])).toBe("Shall I");
    expect(beginOfPieces([1, { a: 2 }])).toBe('1 {"a":2}');
    expect(shortText("")).toBe("");
  });
});
