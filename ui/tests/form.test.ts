import { describe, expect, test } from "vitest";
import type { Schemas } from "../src/api/http";
import { Problem } from "../src/api/problems";
import { errorsOf } from "../src/form/errors";
import { examplesOf } from "../src/form/examples";
import { fieldsOf, type Argument, type Field } from "../src/form/fields";
import { fileOfData, wantedSense } from "../src/form/files";
import { arranged } from "../src/form/layout";
import { fragmentOf, valuesOf } from "../src/form/links";
import { numberAt, placeOf, PLACES } from "../src/form/ranges";
import { requestOf } from "../src/form/request";
import { firstValues, missingPaths, sentValues } from "../src/form/values";

type Signature = Schemas["ModelSignature"];

function argument(name: string, schema: object, more: Partial<Argument> = {}): Argument {
  return { name, schema: schema as Argument["schema"], required: false, kind: "value", location: "any", delimiter: null, ...more };
}

function signature(given: Argument[], definitions: object = {}, more: Partial<Schemas["ModelVerb"]> = {}, contract = "typed"): Signature {
  const verb = { arguments: given, answer: null, media_types: ["application/json"], streams: false, takes_base64: true, takes_urls: false, wrapped: false, layout: null, examples: [] };
  const verbs = { predict: { ...verb, ...more } as Schemas["ModelVerb"] };
  return { name: "a b", contract, metadata: {}, definitions: definitions as Signature["definitions"], resumable: false, has_jobs: true, stream: null, verbs };
}

const field = (schema: object, definitions: object = {}): Field => fieldsOf([argument("x", schema)], definitions as Signature["definitions"])[0] as Field;

const POINT = { Point: { type: "object", title: "Point", properties: { x: { type: "number" }, y: { type: "number", default: 0 } }, required: ["x"] } };

describe("what kind of input a schema makes", () => {
  test("several files keep the name of their argument, whichever way the schema says them", () => {
    const files = { type: "array", title: "Pages", items: { type: "string", format: "binary", title: "Page", default: null } };
    const fields = fieldsOf([argument("pages", files, { kind: "files", required: true }), argument("more", files)], {});
    expect(fields.map((one) => [one.name, one.kind, one.kind === "file" && one.many])).toEqual([["pages", "file", true], ["more", "file", true]]);
    expect(fields.map((one) => [one.title, one.required])).toEqual([["Pages", true], ["Pages", false]]);
  });

  test.each([
    [{ type: "string" }, "text"],
    [{ type: "string", format: "date-time" }, "moment"],
    [{ type: ["integer", "null"] }, "number"],
    [{ type: "boolean" }, "switch"],
    [{ enum: ["a", "b"], type: "string" }, "choice"],
    [{ type: "array", items: { enum: [1, 2] }, uniqueItems: true }, "choices"],
    [{ type: "array", items: { type: "string" } }, "list"],
    [{ type: "array", items: { type: "string", format: "binary" } }, "file"],
    [{ type: "object", additionalProperties: { type: "number" } }, "map"],
    [{ type: "object", additionalProperties: {} }, "json"],
    [{}, "json"],
    [{ anyOf: [{ type: "integer" }, { type: "string" }, { type: "null" }] }, "union"],
    [{ anyOf: [{ type: "number" }, { type: "string", pattern: "^(?!^[-+.]*$)" }] }, "number"],
    [{ anyOf: [{ type: "integer" }, { type: "null" }] }, "number"],
    [{ $ref: "#/$defs/Point" }, "group"],
    [{ type: "array", items: { $ref: "#/$defs/Point" } }, "table"],
    [{ anyOf: [{ type: "array", items: { type: "object" } }], format: "table" }, "table"],
  ])("%j is %s", (schema, kind) => expect(field(schema, POINT).kind).toBe(kind));

  test("a schema that holds itself ends", () => {
    const tree = { Tree: { type: "object", properties: { name: { type: "string" }, below: { type: "array", items: { $ref: "#/$defs/Tree" } } }, required: ["name", "below"] } };
    const fields = fieldsOf([argument("x", { $ref: "#/$defs/Tree" }, { required: true })], tree as unknown as Signature["definitions"]);
    expect(firstValues(fields)).toEqual({ x: { name: undefined, below: [] } });
  });

  test("a number that excludes its bounds is told by whole numbers that it may be", () => {
    expect(field({ type: "integer", exclusiveMinimum: 0, exclusiveMaximum: 5 })).toMatchObject({ minimum: 1, maximum: 4 });
  });

  test("the columns of rows are known by their schema", () => {
    const found = field({ type: "array", items: { $ref: "#/$defs/Point" } }, POINT);
    expect(found).toMatchObject({ columns: [{ name: "x", type: "number", required: true }, { name: "y", required: false }] });
  });
});

describe("what is sent", () => {
  const given = [argument("text", { type: "string" }, { required: true }), argument("count", { type: "integer", default: 3 }), argument("maybe", { anyOf: [{ type: "integer" }, { type: "null" }], default: null })];

  test("only what somebody has said", () => {
    const fields = fieldsOf(given, {});
    const values = { ...firstValues(fields), text: "hello" };
    expect(values).toEqual({ text: "hello", count: 3, maybe: undefined });
    expect(sentValues(fields, values)).toEqual({ text: "hello" });
    expect(requestOf(signature(given), "predict", { ...values, count: 4 })).toMatchObject({ path: "/v2/models/a%20b/predict", body: { kind: "json", value: { text: "hello", count: 4 } } });
  });

  test("what is needed and was not said is known before it is sent", () => {
    const fields = fieldsOf([...given, argument("points", { type: "array", items: { $ref: "#/$defs/Deep" } })], { Deep: { type: "object", properties: { box: { $ref: "#/$defs/Box" } }, required: ["box"] }, Box: { type: "object", properties: { left: { type: "integer" } }, required: ["left"] } } as unknown as Signature["definitions"]);
    expect(missingPaths(fields, { points: [{ box: {} }] })).toEqual(["text", "points.0.box.left"]);
  });

  test("files make it a form, with lists as the contract reads them", () => {
    const file = new File(["x"], "x.png", { type: "image/png" });
    const several = [argument("data", { type: "string", format: "binary" }, { kind: "file", location: "files" }), argument("tags", { type: "array", items: { type: "string" } }), argument("csv", { type: "array", items: { type: "number" } }, { delimiter: "," })];
    const values = { data: file, tags: ["a", "b"], csv: [1, 2] };
    expect(requestOf(signature(several, {}, { takes_base64: false }, "deepaas"), "predict", values).body).toMatchObject({ kind: "form", values: { data: file, tags: ["a", "b"], csv: "1,2" }, parts: [["data", file], ["tags", "a"], ["tags", "b"], ["csv", "1,2"]] });
    expect(requestOf(signature(several), "predict", values).body).toMatchObject({ kind: "form", parts: [["data", file], ["tags", '["a","b"]'], ["csv", "1,2"]] });
  });

  test("each argument goes where the model looks for it", () => {
    const places = [argument("a", { type: "string" }, { location: "query" }), argument("b", { type: "string" }, { location: "headers" }), argument("c", { type: "string" }, { location: "cookies" }), argument("d", { type: "string" }, { location: "form" }), argument("accept", { type: "string", enum: ["image/png", "*/*"] }, { kind: "accept" })];
    expect(requestOf(signature(places, {}, { takes_base64: false }, "deepaas"), "predict", { a: "1", b: "2", c: "3", d: "4", accept: "image/png" })).toMatchObject({
      query: [["a", "1"]],
      headers: { b: "2", accept: "image/png" },
      cookies: [["c", "3"]],
      body: { kind: "form", parts: [["d", "4"]] },
    });
  });
});

describe("which field an error stands at", () => {
  const fields = fieldsOf(
    [argument("count", { type: "integer" }), argument("point", { anyOf: [{ $ref: "#/$defs/Point" }, { type: "null" }] }), argument("list", { type: "array", items: { type: "integer" } }), argument("either", { anyOf: [{ type: "integer" }, { $ref: "#/$defs/Point" }] }), argument("json", { type: "object", additionalProperties: {} })],
    POINT as unknown as Signature["definitions"],
  );
  const at = (body: unknown, values: object = {}) => errorsOf(new Problem(422, "", {}, "", body), fields, { list: [1, 2], point: {}, either: {}, ...values });

  test("webargs' maps, nested by key and index", () => {
    expect(at({ count: ["Not a number."], list: { 1: ["Not an integer."] } }).fields).toEqual({ count: "Not a number.", "list.1": "Not an integer." });
    expect(at({ json: { count: ["Not a number."] } }).fields).toEqual({ json: "count: Not a number." }); // it is an argument here
    expect(at({ query: { count: ["Bad."] } }).fields).toEqual({ count: "Bad." });
  });

  test("what typed models say, with the names of the types in the way", () => {
    expect(at({ point: { x: ["Not a number"] } }).fields).toEqual({ "point.x": "Not a number" });
    expect(at({ either: { int: ["No integer"], Point: { x: ["Needed"] } } }).fields).toEqual({ either: "No integer", "either.x": "Needed" });
  });

  test("what does not stand in the form is told where it would stand", () => {
    expect(at({ list: { 7: ["Bad."] }, point: { x: ["Bad."] } }, { point: "text" }).fields).toEqual({ list: "7: Bad.", point: "x: Bad." });
  });

  test("lists of errors with their places", () => {
    expect(at({ detail: [{ loc: ["body", "list", 0], msg: "Bad" }, { loc: ["other"], msg: "Unknown" }] })).toEqual({ fields: { "list.0": "Bad" }, others: ["other: Unknown"] });
  });
});

describe("examples, links, layout", () => {
  test("the examples of arguments, and of the parts that they are made of", () => {
    const given = signature([argument("text", { type: "string", examples: ["a", "b"] }), argument("points", { type: "array", items: { type: "object", properties: { x: { type: "integer", example: 4 } } } })]);
    expect(examplesOf(given.verbs["predict"]!, {}).map((one) => one.values)).toEqual([{ text: "a", points: [{ x: 4 }] }, { text: "b", points: [{ x: 4 }] }]);
  });

  test("a link has all that is no file, of names that the model knows", () => {
    const values = { text: "grün & <b>", list: [1, { a: null }], file: new File([""], "x"), nothing: undefined };
    const fragment = fragmentOf(values);
    expect(valuesOf(fragment, ["text", "list", "file"])).toEqual({ text: "grün & <b>", list: [1, { a: null }] });
    expect(valuesOf(fragment, ["text"])).toEqual({ text: "grün & <b>" });
    expect(valuesOf("#values=[broken", ["text"])).toBeNull();
    expect(fragmentOf({ text: "x".repeat(40_000) })).toBe("");
  });

  test("a layout orders, groups, names and hides", () => {
    const fields = fieldsOf(["a", "b", "c", "d"].map((name) => argument(name, { type: "string" })), {});
    const groups = arranged(fields, { order: ["c", "a"], groups: [{ title: "More", arguments: ["b"], closed: true }], labels: { a: "First" }, hidden: ["d"] });
    expect(groups.map((one) => [one.title, one.fields.map((each) => each.title)])).toEqual([["", ["C", "First"]], ["More", ["B"]]]);
  });

  test("a data URI is a file", async () => {
    const file = fileOfData("data:image/png;base64,aGVsbG8=", "picture");
    expect([file?.name, file?.type, await file?.text()]).toEqual(["picture.png", "image/png", "hello"]);
    expect(fileOfData("hello", "x")).toBeNull();
    expect(wantedSense("", "data A picture of a digit")).toBe("picture");
  });
});

describe("sliders", () => {
  const input = (minimum: number, maximum: number, step: number | null = null) => ({ kind: "number" as const, isWhole: step === 1, minimum, maximum, step });
  test.each([
    [input(0, 1), 0.3],
    [input(1, 10, 1), 7],
    [input(1e-7, 0.01), 1e-4],
    [input(-5, 5), 2.5],
  ])("a number comes back from its place: %j %d", (given, value) => {
    expect(numberAt(placeOf(value, given), given)).toBeCloseTo(value, 9);
    expect([numberAt(0, given), numberAt(PLACES, given)]).toEqual([given.minimum, given.maximum]);
  });
});
