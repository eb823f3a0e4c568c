/** The numbers of a server, asked for again and again while a room shows them. Rooms share what was seen before. */

import { useQuery } from "@tanstack/vue-query";
import { computed, shallowRef, watch, type ComputedRef, type Ref, type ShallowRef } from "vue";
import { health, type Ready } from "@/api/health";
import { get } from "@/api/http";
import { Problem, UNREACHED } from "@/api/problems";
import { withSample, type Sample, type Statistics } from "./samples";

const EACH_MILLISECONDS = 2000;
const samples = shallowRef<readonly Sample[]>([]);

export interface Watched {
  statistics: Ref<Statistics | undefined>;
  samples: ShallowRef<readonly Sample[]>;
  health: Ref<Ready | undefined>;
  error: Ref<Error | null>;
  isPending: Ref<boolean>;
  /** Whether the server is gone now. */
  isLost: ComputedRef<boolean>;
  again(): void;
}

/** Statistics and health, for as long as the component is there that asks. */
export function useStatistics(): Watched {
  const often = { refetchInterval: EACH_MILLISECONDS, retry: false, staleTime: 1000 };
  const numbers = useQuery({
    queryKey: ["statistics"],
    queryFn: ({ signal }) => get<Statistics>("/v2/statistics", {}, signal),
    ...often,
  });
  const ready = useQuery({ queryKey: ["health"], queryFn: ({ signal }) => health(signal), ...often });
  watch(
    () => numbers.data.value,
    (found) => {
      if (found) samples.value = withSample(samples.value, found);
    },
    { immediate: true },
  );
  return {
    statistics: numbers.data,
    samples,
    health: ready.data,
    error: numbers.error,
    isPending: numbers.isPending,
    isLost: computed(() => ready.error.value instanceof Problem && ready.error.value.status === UNREACHED),
    again: () => void Promise.all([numbers.refetch(), ready.refetch()]),
  };
}
