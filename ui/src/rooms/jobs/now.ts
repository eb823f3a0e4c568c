/** The time, for what counts up while one looks. */

import { onScopeDispose, ref, type Ref } from "vue";

/** Milliseconds of the epoch, each second anew. */
export function useNow(): Ref<number> {
  const now = ref(Date.now());
  const timer = setInterval(() => (now.value = Date.now()), 1000);
  onScopeDispose(() => clearInterval(timer));
  return now;
}
