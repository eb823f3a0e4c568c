/** The numbers of a model as they are written in this room. */

import type { ModelStatistics, Rates, Sample } from "@/statistics/samples";
import { ratesOf, seenOf } from "@/statistics/samples";
import { sized, t, written } from "@/texts";

export interface Numbers {
  workers: string;
  queue: string;
  perMinute: string;
  failed: string;
  median: string;
  p95: string;
  p99: string;
  memory: string;
  restarts: string;
  jobs: string;
}

const NOTHING = "–";

/** Seconds as milliseconds or seconds, short. */
export function short(seconds: number | null | undefined): string {
  if (seconds == null) return NOTHING;
  return seconds < 1 ? `${written(seconds * 1000, 2)} ms` : `${written(seconds, 3)} s`;
}

export function numbersOf(model: ModelStatistics, samples: readonly Sample[], name: string): Numbers {
  const rates: Rates | null = model.requests ? ratesOf(samples, name) : null;
  const seen = seenOf(model);
  const ready = model.workers.filter((worker) => worker.state === "free" || worker.state === "busy").length;
  const [waiting, running] = [jobsIn(model, ["queued"]), jobsIn(model, ["running", "cancelling"])];
  return {
    workers: t("operations.of", { some: ready, all: Math.max(model.workers_wanted, model.workers.length) }),
    queue: t("operations.queueNow", { waiting: seen.waiting, running: seen.running }),
    perMinute: rates ? written(rates.perMinute, 3) : NOTHING,
    failed: rates ? written(rates.failedPerMinute, 3) : NOTHING,
    median: short(rates?.median),
    p95: short(rates?.p95),
    p99: short(rates?.p99),
    memory: seen.memory === null ? NOTHING : sized(seen.memory),
    restarts: written(model.restarts),
    jobs: t("operations.queueNow", { waiting, running }),
  };
}

/** How many jobs of a model stand in one of these states. */
export function jobsIn(model: ModelStatistics, states: string[]): number {
  return model.jobs.filter((jobs) => states.includes(jobs.state)).reduce((all, jobs) => all + jobs.count, 0);
}

/** Seconds that the first job that waits has waited; `null` where none waits. */
export function longestWait(model: ModelStatistics): number | null {
  const waits = model.jobs.map((jobs) => jobs.oldest).filter((oldest) => oldest !== null);
  return waits.length ? Math.max(...waits) : null;
}
