/** Who is meant by the ids that jobs have: one's own name, and those of all for who administrates. */

import { useQuery } from "@tanstack/vue-query";
import { computed } from "vue";
import { get, type Schemas } from "@/api/http";
import { mayAnywhere, me } from "@/api/session";

const REST_MILLISECONDS = 60_000;

/** What makes a name of an id, which stays where no name is known. `ids` are those that are shown. */
export function useNames(ids: () => string[]): (id: string) => string {
  const isAsked = (start: string): boolean => mayAnywhere("admin") && ids().some((id) => id.startsWith(start) && id !== me.value?.id);
  const options = { retry: false, staleTime: REST_MILLISECONDS };
  const users = useQuery({
    queryKey: ["users"],
    queryFn: ({ signal }) => get<Schemas["Users"]>("/v2/users", {}, signal),
    enabled: computed(() => isAsked("user:")),
    ...options,
  });
  const keys = useQuery({
    queryKey: ["keys"],
    queryFn: ({ signal }) => get<Schemas["Keys"]>("/v2/keys", {}, signal),
    enabled: computed(() => isAsked("key:")),
    ...options,
  });
  const names = computed(
    () =>
      new Map([
        ...(users.data.value?.users ?? []).map((one) => [`user:${one.id}`, one.name] as const),
        ...(keys.data.value?.keys ?? []).map((one) => [one.subject, one.name] as const),
        ...(me.value?.id ? [[me.value.id, me.value.name] as const] : []),
      ]),
  );
  return (id) => names.value.get(id) || id;
}
