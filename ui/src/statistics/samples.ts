/** What a server has counted of one model at several moments, and the rates that lie between them. */

import type { Schemas } from "@/api/http";
import type { Curve } from "@/parts/curves";
import { added, quantile, sum } from "./spreads";

export type Statistics = Schemas["Statistics"];
export type ModelStatistics = Schemas["ModelStatistics"];

/** All that is kept of a moment, of each model. */
export interface Sample {
  /** Seconds of the epoch, by the server's clock. */
  at: number;
  models: Record<string, Seen>;
}

/** One model at that moment. */
export interface Seen {
  answers: Record<string, number>;
  bounds: readonly number[];
  /** By the seconds that answers took. */
  counts: readonly number[];
  waiting: number;
  running: number;
  /** Bytes of all workers; `null` where nobody knows. */
  memory: number | null;
}

/** What went on between two moments. */
export interface Rates {
  perMinute: number;
  failedPerMinute: number;
  median: number | null;
  p95: number | null;
  p99: number | null;
}

export const WINDOW = 60; // seconds that numbers are about
const CURVE_WINDOW = 10; // and points of curves: fewer tell little of quantiles
const KEPT = 600; // seconds that curves are about
const FAILED = "5xx";

/** What is kept of the statistics of a model. */
export function seenOf(model: ModelStatistics): Seen {
  const sizes = model.workers.map((worker) => worker.memory).filter((size) => size !== null);
  return {
    answers: model.requests?.answers ?? {},
    bounds: model.requests?.seconds.bounds ?? [],
    counts: model.requests?.seconds.counts ?? [],
    waiting: sum(model.versions.map((version) => version.waiting)),
    running: sum(model.versions.map((version) => version.running)),
    memory: sizes.length ? sum(sizes) : null,
  };
}

/** The samples with one more. Those of a server before this one, and of long ago, are dropped. */
export function withSample(samples: readonly Sample[], statistics: Statistics): readonly Sample[] {
  const last = samples.at(-1);
  if (last && last.at >= statistics.at) return samples;
  const models = Object.fromEntries(Object.entries(statistics.models).map(([name, model]) => [name, seenOf(model)]));
  const kept = samples.filter((one) => one.at >= statistics.began && one.at > statistics.at - KEPT);
  return [...kept, { at: statistics.at, models }];
}

/** The rates of a model over the last minute; `null` before there are two samples of it. */
export function ratesOf(samples: readonly Sample[], model: string): Rates | null {
  const last = samples.at(-1);
  if (!last) return null;
  return between(firstWithin(samples, samples.length - 1, WINDOW), last, model);
}

/** Requests a minute since the server began: what is known before there are two samples. */
export function meanOf(statistics: Statistics | undefined, model: string): number | null {
  const [one, seconds] = [statistics?.models[model], (statistics?.at ?? 0) - (statistics?.began ?? 0)];
  return one?.requests && seconds > 0 ? (sum(Object.values(one.requests.answers)) / seconds) * 60 : null;
}

function firstWithin(samples: readonly Sample[], place: number, seconds: number): Sample | undefined {
  const end = samples[place]?.at ?? 0;
  let found = place;
  while (found > 0 && (samples[found - 1]?.at ?? 0) >= end - seconds) found -= 1;
  return samples[found];
}

function between(before: Sample | undefined, after: Sample, model: string): Rates | null {
  const [from, to] = [before?.models[model], after.models[model]];
  const seconds = after.at - (before?.at ?? after.at);
  if (!from || !to || seconds <= 0) return null;
  const counts = added(to, from);
  const [all, failed] = [sum(Object.values(to.answers)) - sum(Object.values(from.answers)), (to.answers[FAILED] ?? 0) - (from.answers[FAILED] ?? 0)];
  return {
    perMinute: (Math.max(all, 0) / seconds) * 60,
    failedPerMinute: (Math.max(failed, 0) / seconds) * 60,
    median: quantile(to.bounds, counts, 0.5),
    p95: quantile(to.bounds, counts, 0.95),
    p99: quantile(to.bounds, counts, 0.99),
  };
}

/** A value of each sample of a model, as a curve over time. */
function curve(name: string, samples: readonly Sample[], value: (place: number) => number | null): Curve {
  return { name, x: samples.map((one) => one.at), y: samples.map((_, place) => value(place)) };
}

/** Curves of a model over time, under the names that they are to have. */
export function curvesOf(samples: readonly Sample[], model: string, names: Record<"all" | "failed" | "median" | "p95" | "p99" | "waiting" | "running" | "memory", string>) {
  const known = samples.filter((one) => one.models[model]);
  const rates = known.map((one, place) => between(firstWithin(known, place, CURVE_WINDOW), one, model));
  const milliseconds = (value: number | null | undefined): number | null => (value == null ? null : value * 1000);
  const seen = (place: number): Seen | undefined => known[place]?.models[model];
  return {
    throughput: [
      curve(names.all, known, (place) => rates[place]?.perMinute ?? null),
      curve(names.failed, known, (place) => rates[place]?.failedPerMinute ?? null),
    ],
    latency: [
      curve(names.median, known, (place) => milliseconds(rates[place]?.median)),
      curve(names.p95, known, (place) => milliseconds(rates[place]?.p95)),
      curve(names.p99, known, (place) => milliseconds(rates[place]?.p99)),
    ],
    queue: [
      curve(names.waiting, known, (place) => seen(place)?.waiting ?? null),
      curve(names.running, known, (place) => seen(place)?.running ?? null),
    ],
    memory: [curve(names.memory, known, (place) => (seen(place)?.memory == null ? null : (seen(place)?.memory ?? 0) / 1e6))],
  };
}

/** Requests a minute over the last minutes, for a small picture of them. */
export function trendOf(samples: readonly Sample[], model: string): number[] {
  const known = samples.filter((one) => one.models[model]);
  return known.slice(1).map((one, place) => between(firstWithin(known, place + 1, CURVE_WINDOW), one, model)?.perMinute ?? 0);
}
