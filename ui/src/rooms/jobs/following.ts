/** Everything of one job, as it happens, over one connection: a browser has few of them to a server. */

import { nextTick, onScopeDispose, ref, shallowRef, watch, type Ref, type ShallowRef } from "vue";
import { follow, type Following } from "@/api/events";
import { addressOf, pathOf } from "@/api/places";
import { isObject } from "@/api/problems";
import { LogLines } from "@/log/lines";
import type { Curve } from "@/parts/curves";
import { MetricSeries } from "@/parts/metrics";
import { t } from "@/texts";
import { hasEnded, isState, type State } from "./states";
import { further, type Way } from "./timeLeft";

const NAMES = ["state", "log", "metric", "progress", "artifact", "model", "performance", "environment"];
const TELL_MILLISECONDS = 100;
const REST_TIMES = 10; // as long as the page needed to show what was told before, at least

export interface FollowedJob {
  log: LogLines;
  curves: ShallowRef<Curve[]>;
  way: ShallowRef<Way | null>;
  /** The state that was told last. */
  state: Ref<State | null>;
  /** Counts what was told of the job itself, so that it is read again. */
  changes: Ref<number>;
  /** Counts the files that it has kept. */
  artifacts: Ref<number>;
  /** Whether the server does not answer. */
  isLost: Ref<boolean>;
  /** Whether all that was told is here. */
  isComplete: Ref<boolean>;
  /** Goes on: a job that has rested runs again. */
  goOn(): void;
  /** Ends it: there is no such job any longer. */
  stop(): void;
}

/** Follows a job until it has ended, or who asks has left. */
export function useFollowedJob(id: () => string): FollowedJob {
  const log = new LogLines();
  const curves = shallowRef<Curve[]>([]);
  const way = shallowRef<Way | null>(null);
  const state = ref<State | null>(null);
  const changes = ref(0);
  const artifacts = ref(0);
  const isLost = ref(false);
  const isComplete = ref(false);
  let series = new MetricSeries();
  let following: Following | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last = "";
  let attempt = 0;
  let hasMetrics = false;
  let wait = TELL_MILLISECONDS;

  function on(name: string, data: unknown, eventId: string): void {
    last = eventId || last;
    if (!isObject(data)) return;
    const of = typeof data["attempt"] === "number" ? data["attempt"] : 0;
    if (name === "log") addLine(String(data["line"] ?? ""), of);
    else if (name === "metric") {
      series.add(String(data["name"]), numberOf(data["step"]), numberOf(data["value"]), of);
      hasMetrics = true;
    } else if (name === "progress") onProgress(data, of);
    else if (name === "artifact" || name === "model") artifacts.value += 1;
    else if (name === "state") onState(data["state"]);
    timer ??= setTimeout(() => void tell(), wait);
  }

  function addLine(line: string, of: number): void {
    if (of > attempt && attempt > 0) log.note(t("job.attemptBegins", { attempt: of }));
    attempt = Math.max(attempt, of);
    log.add(line);
  }

  function onProgress(data: Record<string, unknown>, of: number): void {
    const done = numberOf(data["done"]);
    if (done === null) return;
    const at = Date.parse(String(data["at"]));
    way.value = further(way.value, { done, total: numberOf(data["total"]), message: String(data["message"] ?? ""), attempt: of, at });
  }

  function onState(now: unknown): void {
    if (!isState(now)) return;
    state.value = now;
    changes.value += 1;
    if (now === "queued") way.value = null;
  }

  async function tell(): Promise<void> {
    timer = undefined;
    const began = performance.now();
    log.tell();
    if (hasMetrics) curves.value = series.curves();
    hasMetrics = false;
    await nextTick(); // curves of many points take long to draw
    wait = Math.max(TELL_MILLISECONDS, (performance.now() - began) * REST_TIMES);
  }

  function onConnection(now: "open" | "lost"): void {
    if (now === "lost" && state.value !== null && hasEnded(state.value)) {
      stop(); // the server ends the stream of a job that has ended
      isComplete.value = true;
      isLost.value = false;
      return;
    }
    isLost.value = now === "lost";
    changes.value += 1;
  }

  function goOn(): void {
    if (following) return;
    isComplete.value = false;
    const address = addressOf(pathOf("v2", "jobs", id(), "events"), { after: last || undefined });
    following = follow(address, NAMES, on, [], onConnection);
  }

  function stop(): void {
    following?.stop();
    following = null;
  }

  function begin(): void {
    stop();
    series = new MetricSeries();
    log.clear();
    [curves.value, way.value, state.value, last, attempt] = [[], null, null, "", 0];
    goOn();
  }

  watch(id, begin, { immediate: true });
  onScopeDispose(() => {
    stop();
    clearTimeout(timer);
  });
  return { log, curves, way, state, changes, artifacts, isLost, isComplete, goOn, stop };
}

const numberOf = (value: unknown): number | null => (typeof value === "number" ? value : null);
