/** Another job of the same kind beside this one: which there are, and what it has measured. */

import { useQuery } from "@tanstack/vue-query";
import { computed, type ComputedRef, type Ref } from "vue";
import { get, type Schemas } from "@/api/http";
import { pathOf } from "@/api/places";
import type { Curve } from "@/parts/curves";
import { MetricSeries } from "./series";
import type { Job } from "./states";

const MOST = 50; // earlier jobs to choose from
const MOST_PAGES = 20;

export interface Comparing {
  /** Jobs that were asked for before this one, newest first. */
  earlier: ComputedRef<Job[]>;
  other: ComputedRef<Job | undefined>;
  curves: ComputedRef<Curve[]>;
}

/** What `job` can be compared with, and what of it is `chosen`, by id. */
export function useComparing(job: Ref<Job | undefined>, chosen: Ref<string>): Comparing {
  const asked = computed(() => ({ model: job.value?.model, kind: job.value?.kind, limit: MOST * 2 }));
  const list = useQuery({
    queryKey: computed(() => ["jobs", asked.value, "earlier"]),
    queryFn: ({ signal }) => get<Schemas["Jobs"]>("/v2/jobs", asked.value, signal),
    enabled: computed(() => job.value !== undefined),
    staleTime: 30_000,
  });
  const earlier = computed(() => {
    const mine = job.value;
    if (!mine) return [];
    return (list.data.value?.jobs ?? []).filter((one) => one.id !== mine.id && isBefore(one, mine)).slice(0, MOST);
  });
  const other = computed(() => (chosen.value ? list.data.value?.jobs.find((one) => one.id === chosen.value) : undefined));
  const metrics = useQuery({
    queryKey: computed(() => ["job", chosen.value, "metrics"]),
    queryFn: ({ signal }) => curvesOf(chosen.value, signal),
    enabled: computed(() => chosen.value !== ""),
  });
  return { earlier, other, curves: computed(() => (chosen.value ? (metrics.data.value ?? []) : [])) };
}

const isBefore = (one: Job, other: Job): boolean => (one.created_at ?? "") <= (other.created_at ?? "");

/** All that a job has measured, page by page. */
export async function curvesOf(id: string, signal: AbortSignal): Promise<Curve[]> {
  const series = new MetricSeries();
  let cursor: number | undefined;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const found = await get<Schemas["Metrics"]>(pathOf("v2", "jobs", id, "metrics"), { cursor }, signal);
    for (const [name, points] of Object.entries(found.metrics)) {
      for (const point of points) series.add(name, point.step, point.value, 1);
    }
    if (found.next_cursor === null) break;
    cursor = found.next_cursor;
  }
  return series.curves();
}
