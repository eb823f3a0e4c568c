import { describe, expect, it } from "vitest";
import { previewOf, wholeLines } from "@/answers/previews";
import { MetricSeries } from "@/parts/metrics";
import { differencesOf, metricDifferences } from "@/rooms/jobs/differences";
import { commonName, grouped } from "@/rooms/jobs/series";
import { further, partOf, secondsLeft, type Way } from "@/rooms/jobs/timeLeft";

describe("metrics of a job", () => {
  it("are replaced from where a later attempt goes on", () => {
    const series = new MetricSeries();
    for (const step of [1, 2, 3, 4]) series.add("loss", step, 10 - step, 1);
    for (const step of [3, 4]) series.add("loss", step, step, 2);
    expect(series.curves()).toEqual([{ name: "loss", x: [1, 2, 3, 4], y: [9, 8, 3, 4] }]);
  });
  it("are counted where they have no steps, and sorted where they come out of order", () => {
    const series = new MetricSeries();
    for (const value of [5, null, 7]) series.add("a", null, value, 1);
    for (const step of [1, 3, 2]) series.add("b", step, step, 1);
    expect(series.curves()).toEqual([
      { name: "a", x: [1, 2, 3], y: [5, null, 7] },
      { name: "b", x: [1, 2, 3], y: [1, 2, 3] },
    ]);
  });
  it("that were measured on two sides stand in one chart", () => {
    expect(["train_loss", "val/loss", "loss", "test", "f1"].map(commonName)).toEqual(["loss", "loss", "loss", "test", "f1"]);
    const curve = (name: string) => ({ name, x: [], y: [] });
    expect(grouped(["train_loss", "accuracy", "val_loss"].map(curve)).map((group) => group.curves.length)).toEqual([2, 1]);
  });
});

describe("the time that is left", () => {
  const step = (done: number, at: number, attempt = 1) => ({ done, total: 10, message: "", attempt, at });
  it("goes on as it went", () => {
    const way = further(further(null, step(2, 1000)), step(4, 5000));
    expect(secondsLeft(way, null, 5000)).toBe(12);
    expect(secondsLeft(way, null, 8000)).toBe(9);
  });
  it("is told after the first report by when the job began", () => {
    const way: Way = further(null, step(1, 3000));
    expect(secondsLeft(way, 1000, 3000)).toBe(18);
    expect(secondsLeft(way, null, 3000)).toBeNull();
  });
  it("does not count what an earlier attempt has done", () => {
    const way = further(further(further(null, step(1, 0)), step(8, 1000)), step(8, 9000, 2));
    expect(secondsLeft(way, 0, 9000)).toBeNull();
    expect(secondsLeft(further(way, step(9, 11_000, 2)), 0, 11_000)).toBe(2);
  });
  it("is unknown without a total", () => {
    expect(partOf(3, null)).toBeNull();
    expect(partOf(12, 10)).toBe(1);
  });
});

describe("what differs between two jobs", () => {
  it("are arguments that are not the same", () => {
    expect(differencesOf({ epochs: 5, seed: 0 }, { epochs: 30, seed: 0, note: "x" })).toEqual([
      { name: "epochs", mine: "5", other: "30" },
      { name: "note", mine: "", other: "x" },
    ]);
  });
  it("is where each metric has ended", () => {
    const mine = [{ name: "loss", x: [1, 2], y: [2, null] }];
    expect(metricDifferences(mine, [{ name: "f1", x: [1], y: [0.5] }])).toEqual([
      { name: "loss", mine: 2, other: null },
      { name: "f1", mine: null, other: 0.5 },
    ]);
  });
});

describe("a file that was kept", () => {
  it("is fetched whole while it is small, and by its begin or not at all where it is large", () => {
    expect(previewOf("a.PNG", 9_000_000)).toEqual({ type: "image/png", bytes: 9_000_000 });
    expect(previewOf("a.png", 1e9)).toBeNull();
    expect(previewOf("model/d.npz", 10)).toBeNull();
    expect(previewOf("b.csv", 10)).toEqual({ type: "text/csv", bytes: 10 });
    expect(previewOf("b.csv", 1e9)).toEqual({ type: "text/csv", bytes: 200_000 });
    expect(previewOf("e.json", 10)?.type).toBe("application/json");
    expect(previewOf("e.json", 1e9)).toEqual({ type: "text/plain", bytes: 200_000 }); // half of it would be none
    expect(previewOf("noending", 10)).toEqual({ type: "", bytes: 10 });
    expect(previewOf("noending", 1e9)).toEqual({ type: "", bytes: 200_000 });
  });
  it("of lines ends with a whole one", async () => {
    const begin = async (text: string, type: string): Promise<string> => (await wholeLines(new Blob([text], { type }))).text();
    expect(await begin("a,b\n1,2\n3", "text/csv")).toBe("a,b\n1,2\n");
    expect(await begin("a,b", "text/csv")).toBe("a,b");
    expect(await begin("one\ntwo", "text/plain")).toBe("one\ntwo");
  });
});
