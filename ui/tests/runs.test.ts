import { describe, expect, it } from "vitest";
import { firstChoice, ownColumns, valueColumns } from "@/runs/columns";
import { namesOf, numberRows, parameterRows, partsOf, type WholeRun } from "@/runs/comparing";
import { fits, fitting, read, written } from "@/runs/conditions";
import { overlaid } from "@/runs/measured";
import { leavesOf, placeOf, rowOf } from "@/runs/rows";
import { agreementOf, wayBackOf, type Promotion } from "@/rooms/versions/versions";

function run(id: string, params: object, performance: object, metrics: Record<string, number> = {}): WholeRun {
  const given: unknown = {
    run_id: id, model: "m", version: 1, aliases: [], source: "job", name: "", started_at: null, finished_at: null, duration: 1,
    params, metrics, performance, seed: null, code_version: "", environment: {}, links: {},
  };
  return given as WholeRun;
}

const RUNS = [
  run("a", { steps: 1, net: { layers: 2 } }, { overall: { f1: 0.5 }, class: { cat: { f1: 0.4 } } }, { loss: 2 }),
  run("b", { steps: 3, net: { layers: 2 }, kind: "new" }, { overall: { f1: 0.7 }, class: { cat: { f1: 0.6 }, dog: { f1: 1 } } }),
];

describe("rows of runs", () => {
  it("tell nested values apart by their paths, and runs of models whose names have slashes", () => {
    expect(leavesOf({ a: { b: 1 }, c: [1, 2], d: {} })).toEqual([["a.b", 1], ["c", [1, 2]], ["d", {}]]);
    expect(placeOf("a/b/id")).toEqual({ model: "a/b", id: "id" });
    expect([placeOf("id"), placeOf("a/"), placeOf("/id")]).toEqual([null, null, null]);
  });

  it("have a column for each value, and first those that differ", () => {
    const rows = RUNS.map(rowOf);
    const columns = [...ownColumns(() => []), ...valueColumns(rows)];
    expect(columns.find((one) => one.key === "param:kind")?.kind).toBe("text");
    expect(columns.find((one) => one.key === "param:net.layers")?.kind).toBe("number");
    const first = firstChoice(rows, columns, false);
    expect(first).toContain("param:steps");
    expect(first).not.toContain("param:net.layers");
    expect(first).toContain("performance:overall.f1");
  });
});

describe("conditions", () => {
  it("compare numbers as numbers and texts as texts", () => {
    const says = (value: unknown, operator: "=" | "≠" | "<" | "≥" | "has" | "missing", given: string): boolean => fits(value, { key: "", operator, value: given });
    expect(says(10, "≥", "9")).toBe(true);
    expect(says(10, "<", "9")).toBe(false);
    expect(says(0.5, "=", "0.50")).toBe(true);
    expect(says(1, "<", "no number")).toBe(false);
    expect(says("Adam", "=", "adam")).toBe(true);
    expect(says("adam", "≠", "sgd")).toBe(true);
    expect(says(undefined, "<", "1")).toBe(false);
    expect(says(undefined, "missing", "")).toBe(true);
    expect(says(["one", "two"], "has", "TWO")).toBe(true);
  });

  it("choose rows, survive a link, and one that is not filled in yet chooses all", () => {
    const rows = RUNS.map(rowOf);
    const columns = valueColumns(rows);
    const conditions = read(written([{ key: "param:steps", operator: ">", value: "2" }]));
    expect(fitting(rows, columns, conditions, "").map((row) => row.run.run_id)).toEqual(["b"]);
    expect(fitting(rows, columns, [{ key: "param:steps", operator: ">", value: "" }], "")).toBe(rows);
    expect(fitting(rows, columns, [], "new").map((row) => row.run.run_id)).toEqual(["b"]);
    expect(read(["{", "[1]", '["a","~","b"]', null])).toEqual([]);
  });
});

describe("runs beside each other", () => {
  it("show what differs, and parts of performance on their own", () => {
    expect(parameterRows(RUNS).filter((row) => row.differs).map((row) => row.name)).toEqual(["steps", "kind"]);
    expect(numberRows(RUNS).map((row) => [row.name, ...row.values])).toEqual([["overall.f1", 0.5, 0.7], ["loss", 2, undefined]]);
    const [part] = partsOf(RUNS);
    expect(part?.name).toBe("class");
    expect(part?.rows("f1").map((row) => [row.name, ...row.values])).toEqual([["cat", 0.4, 0.6], ["dog", undefined, 1]]);
  });

  it("are called so that one can tell them apart", () => {
    const same = RUNS.map((one) => ({ ...one, name: "mine" }));
    expect(namesOf(same)).toEqual(["mine · v1 (1)", "mine · v1 (2)"]);
    const curve = { name: "loss", x: [1], y: [2] };
    expect(overlaid([[curve], []], ["one", "two"])).toEqual([{ metric: "loss", curves: [{ ...curve, name: "one" }] }]);
  });
});

describe("versions", () => {
  it("go back by the way they came", () => {
    const move = (kind: "promotion" | "rollback", before: number, after: number): Promotion => ({ kind, before, after, at: null, checks: null, regressions: [], warnings: [] });
    const [first, second, back] = [move("promotion", 0, 1), move("promotion", 1, 2), move("rollback", 2, 1)];
    expect([wayBackOf([]), wayBackOf([first]), wayBackOf([second, first]), wayBackOf([back, second, first])]).toEqual([null, 0, 1, 0]);
    expect(agreementOf({ copied: 5, agreed: 3, differed: 1, failed: 0, dropped: 1 })).toBe(0.75);
    expect(agreementOf({ copied: 0, agreed: 0, differed: 0, failed: 0, dropped: 0 })).toBeNull();
  });
});
