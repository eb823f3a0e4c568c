import { beforeEach, describe, expect, test } from "vitest";
import type { Schemas } from "../src/api/http";
import { me } from "../src/api/session";
import { forgetForms, keepForm, keptForm } from "../src/form/begun";
import { fieldsOf, type Argument } from "../src/form/fields";
import { firstValues } from "../src/form/values";

const somebody = (id: string): Schemas["Me"] => ({ id, kind: "user", name: id, scopes: [], models: null, others: [], expires_at: null });
const argument = (name: string, schema: object, kind: Argument["kind"] = "value"): Argument => ({ name, schema: schema as Argument["schema"], required: false, kind, location: "any", delimiter: null });
const fields = fieldsOf(
  [
    argument("text", { type: "string", default: "usual" }),
    argument("token", { type: "string", format: "password" }),
    argument("picture", { type: "string", format: "binary" }, "file"),
    argument("login", { type: "object", properties: { name: { type: "string" }, word: { type: "string", format: "password" } } }),
  ],
  {},
);

describe("what is typed in forms", () => {
  beforeEach(() => {
    forgetForms();
    me.value = somebody("anna");
  });

  test("is there again for its model and verb, without passwords", () => {
    const picture = new File(["x"], "x.png");
    const typed = { text: "seven", token: "secret", picture, login: { name: "ann", word: "secret" } };
    keepForm("m", "predict", "", fields, { ...firstValues(fields), ...typed });
    expect(keptForm("m", "predict", "", fields)).toEqual({ text: "seven", picture, login: { name: "ann" } });
    expect(keptForm("m", "train", "", fields)).toBeNull();
    expect(keptForm("n", "predict", "", fields)).toBeNull();
    expect(keptForm("m", "predict", "", fields.slice(1, 2))).toEqual({});
  });

  test("has what was emptied, and nothing once all is as usual", () => {
    keepForm("m", "predict", "", fields, { ...firstValues(fields), text: undefined });
    expect(keptForm("m", "predict", "", fields)).toEqual({ text: undefined });
    keepForm("m", "predict", "", fields, firstValues(fields));
    expect(keptForm("m", "predict", "", fields)).toBeNull();
  });

  test("gives way to another link", () => {
    keepForm("m", "predict", "#values=1", fields, { ...firstValues(fields), text: "a" });
    expect(keptForm("m", "predict", "#values=1", fields)).toEqual({ text: "a" });
    expect(keptForm("m", "predict", "", fields)).toEqual({ text: "a" });
    expect(keptForm("m", "predict", "#values=2", fields)).toBeNull();
  });

  test("outlives a log-in of the same one, and is nobody else's", () => {
    keepForm("m", "predict", "", fields, { ...firstValues(fields), text: "a" });
    me.value = null;
    me.value = somebody("anna");
    expect(keptForm("m", "predict", "", fields)).toEqual({ text: "a" });
    me.value = null;
    me.value = somebody("ben");
    expect(keptForm("m", "predict", "", fields)).toBeNull();
  });
});
