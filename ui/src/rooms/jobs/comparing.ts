/** Another job of the same kind beside this one: which there are, and what it has measured. */

import { useQuery } from "@tanstack/vue-query";
import { computed, type ComputedRef, type Ref } from "vue";
import { get, type Schemas } from "@/api/http";
import type { Curve } from "@/parts/curves";
import { curvesOfJob } from "@/parts/metrics";
import type { Job } from "./states";

const MOST = 50; // earlier jobs to choose from

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
    queryFn: ({ signal }) => curvesOfJob(chosen.value, signal),
    enabled: computed(() => chosen.value !== ""),
  });
  return { earlier, other, curves: computed(() => (chosen.value ? (metrics.data.value ?? []) : [])) };
}

const isBefore = (one: Job, other: Job): boolean => (one.created_at ?? "") <= (other.created_at ?? "");
