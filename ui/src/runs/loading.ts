/** All runs of some models, page by page, newest first; those that are made later are added by themselves. */

import { computed, onScopeDispose, ref, shallowRef, watch, type ComputedRef, type Ref, type ShallowRef } from "vue";
import { get, type Schemas } from "@/api/http";
import { pathOf } from "@/api/places";
import { Problem, UNREACHED } from "@/api/problems";
import { rowKeyOf, rowOf, type Run, type RunRow } from "./rows";

const PAGE = 1000;
const MOST = 20_000; // runs that are held at once
const FEW = 20; // newest ones that are asked for again and again
const EVERY = 10_000; // milliseconds

export interface LoadedRuns {
  rows: ShallowRef<readonly RunRow[]>;
  isLoading: Ref<boolean>;
  /** Whether there are more runs than are held at once. */
  isCut: Ref<boolean>;
  problem: ShallowRef<Problem | null>;
  aliasesOf: ComputedRef<(run: Run) => string[]>;
  /** Begins anew. */
  reload(): void;
  /** A run is no more. */
  forget(key: string): void;
}

/** Loads the runs of these models until its scope ends. */
export function useRuns(models: () => readonly string[]): LoadedRuns {
  const rows = shallowRef<readonly RunRow[]>([]);
  const isLoading = ref(true);
  const isCut = ref(false);
  const problem = shallowRef<Problem | null>(null);
  const aliases = shallowRef(new Map<string, Record<string, number>>());
  let leaving = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;

  const path = (model: string): string => pathOf("v2", "models", model, "runs");

  async function readAll(model: string, signal: AbortSignal): Promise<void> {
    let cursor: string | undefined;
    do {
      const page: Schemas["Runs"] = await get(path(model), { top: PAGE, order_by: "newest", cursor }, signal);
      rows.value = [...rows.value, ...page.runs.map(rowOf)];
      cursor = page.next_cursor ?? undefined;
      if (rows.value.length >= MOST && cursor) {
        isCut.value = true;
        return;
      }
    } while (cursor);
  }

  async function readAliases(model: string, signal: AbortSignal): Promise<void> {
    const found = await get<Schemas["Aliases"]>(pathOf("v2", "models", model, "aliases"), {}, signal);
    aliases.value = new Map(aliases.value).set(model, found.aliases);
  }

  async function readNew(model: string, signal: AbortSignal): Promise<void> {
    const known = new Set(rows.value.map((row) => row.key));
    const fresh: Run[] = [];
    let cursor: string | undefined;
    do {
      const page: Schemas["Runs"] = await get(path(model), { top: FEW, order_by: "newest", cursor }, signal);
      const unknown = page.runs.filter((run) => !known.has(rowKeyOf(run)));
      fresh.push(...unknown);
      cursor = unknown.length === page.runs.length && fresh.length < PAGE ? (page.next_cursor ?? undefined) : undefined;
    } while (cursor);
    if (fresh.length) rows.value = [...fresh.map(rowOf), ...rows.value];
  }

  async function look(signal: AbortSignal): Promise<void> {
    if (!document.hidden) {
      try {
        for (const model of models()) {
          await readNew(model, signal);
          await readAliases(model, signal);
        }
      } catch (error) {
        if (signal.aborted || !(error instanceof Problem)) return; // the next look tells
      }
    }
    if (!signal.aborted) timer = setTimeout(() => void look(signal), EVERY);
  }

  async function begin(): Promise<void> {
    stop();
    leaving = new AbortController();
    const { signal } = leaving;
    rows.value = [];
    aliases.value = new Map();
    isLoading.value = true;
    isCut.value = false;
    problem.value = null;
    try {
      for (const model of models()) {
        await readAliases(model, signal);
        await readAll(model, signal);
        if (isCut.value) break;
      }
    } catch (error) {
      if (signal.aborted) return;
      problem.value = error instanceof Problem ? error : new Problem(UNREACHED, String(error));
      if (isPassing(problem.value)) timer = setTimeout(() => void begin(), 2000);
    }
    if (signal.aborted) return;
    isLoading.value = false;
    if (!problem.value) timer = setTimeout(() => void look(signal), EVERY);
  }

  function stop(): void {
    clearTimeout(timer);
    leaving.abort();
  }

  watch(() => models().join("\n"), () => void begin(), { immediate: true });
  onScopeDispose(stop);
  return {
    rows,
    isLoading,
    isCut,
    problem,
    aliasesOf: computed(() => (run: Run) => aliasesIn(aliases.value.get(run.model), run)),
    reload: () => void begin(),
    forget: (key) => (rows.value = rows.value.filter((row) => row.key !== key)),
  };
}

const isPassing = (problem: Problem): boolean => problem.status === UNREACHED || problem.status === 429;

function aliasesIn(known: Record<string, number> | undefined, run: Run): string[] {
  if (run.version === null) return [];
  if (!known) return run.aliases;
  return Object.entries(known).flatMap(([name, version]) => (version === run.version ? [name] : []));
}
