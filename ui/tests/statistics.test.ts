import { describe, expect, it } from "vitest";
import { curvesOf, meanOf, ratesOf, withSample, type ModelStatistics, type Sample, type Statistics } from "@/statistics/samples";
import { added, quantile } from "@/statistics/spreads";

const bounds = [0.01, 0.1, 1];
const spread = { bounds, counts: [0, 0, 0, 0], total: 0 };

function model(answers: Record<string, number>, counts: number[]): ModelStatistics {
  return {
    live: 0, state: "ready", since: 0, queue_size: 10, workers_wanted: 1, pieces: 0, restarts: 0, memory_replacements: 0,
    workers: [{ version: 0, number: 0, process: 0, state: "free", calls: 0, memory: 2e6 }, { version: 0, number: 1, process: 0, state: "starting", calls: 0, memory: null }],
    versions: [{ version: 0, state: "ready", share: 1, waiting: 3, running: 1, answers }],
    requests: { answers, seconds: { bounds, counts, total: 0 }, stream_seconds: spread, bytes_in: 0, bytes_out: 0 },
    queued_seconds: spread, worked_seconds: spread, ends: {}, jobs: [],
  };
}

const at = (moment: number, one: ModelStatistics, began = 0): Statistics => ({ at: moment, began, models: { m: one }, unread: [] });
const names = { all: "all", failed: "failed", median: "median", p95: "95", p99: "99", waiting: "waiting", running: "running", memory: "memory" };

describe("quantiles", () => {
  it("lie within the bounds that hold them", () => {
    expect(quantile(bounds, [100, 0, 0, 0], 0.5)).toBeCloseTo(0.005);
    expect(quantile(bounds, [50, 50, 0, 0], 0.75)).toBeCloseTo(0.055);
    expect(quantile(bounds, [0, 0, 10, 0], 1)).toBeCloseTo(1);
  });
  it("are the last bound above it, and none of nothing", () => {
    expect(quantile(bounds, [1, 0, 0, 99], 0.99)).toBe(1);
    expect(quantile(bounds, [0, 0, 0, 0], 0.5)).toBeNull();
  });
  it("are of what was added", () => {
    expect(added({ bounds, counts: [5, 2, 1, 0] }, { bounds, counts: [3, 2, 0, 0] })).toEqual([2, 0, 1, 0]);
    expect(added({ bounds, counts: [5, 2, 1, 0] }, undefined)).toEqual([5, 2, 1, 0]);
  });
});

describe("rates", () => {
  const two = [at(100, model({ "2xx": 10 }, [10, 0, 0, 0])), at(130, model({ "2xx": 37, "5xx": 3 }, [10, 30, 0, 0]))];
  const samples = two.reduce(withSample, [] as readonly Sample[]);

  it("are made from differences", () => {
    expect(ratesOf(samples, "m")).toMatchObject({ perMinute: 60, failedPerMinute: 6 });
    expect(ratesOf(samples, "m")?.median).toBeCloseTo(0.055);
    expect(ratesOf(samples.slice(0, 1), "m")).toBeNull();
    expect(ratesOf(samples, "other")).toBeNull();
  });
  it("are those since the server began, while there is one sample alone", () => {
    expect(meanOf(at(130, model({ "2xx": 10, "4xx": 2 }, [12, 0, 0, 0]), 70), "m")).toBe(12);
    expect(meanOf(at(70, model({ "2xx": 10 }, [10, 0, 0, 0]), 70), "m")).toBeNull();
    expect(meanOf(undefined, "m")).toBeNull();
  });
  it("are of the last minute alone", () => {
    const later = [160, 200].reduce((all, moment) => withSample(all, at(moment, model({ "2xx": 37, "5xx": 3 }, [10, 30, 0, 0]))), samples);
    expect(ratesOf(later, "m")).toMatchObject({ perMinute: 0, median: null });
  });
  it("begin anew with another server, and forget what is old", () => {
    expect(withSample(samples, at(140, model({}, [0, 0, 0, 0]), 135))).toHaveLength(1);
    expect(withSample(samples, at(5000, model({}, [0, 0, 0, 0])))).toHaveLength(1);
    expect(withSample(samples, at(130, model({}, [0, 0, 0, 0])))).toBe(samples);
  });
  it("become curves", () => {
    const curves = curvesOf(samples, "m", names);
    expect(curves.throughput[0]).toEqual({ name: "all", x: [100, 130], y: [null, null] });
    const close = withSample(samples, at(135, model({ "2xx": 42, "5xx": 3 }, [10, 35, 0, 0])));
    expect(curvesOf(close, "m", names).throughput[0]?.y.at(-1)).toBe(60);
    expect(curves.memory[0]?.y).toEqual([2, 2]);
    expect(curves.queue[0]?.y).toEqual([3, 3]);
  });
});
