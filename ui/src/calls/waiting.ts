/** Something that takes long: one is told so after some seconds. */

import { onScopeDispose, ref, watch, type Ref } from "vue";

/** Whether it has been running for so many seconds. */
export function useLong(isRunning: Ref<boolean>, seconds: number): Ref<boolean> {
  const isLong = ref(false);
  let timer: ReturnType<typeof setTimeout> | undefined;
  watch(isRunning, (now) => {
    clearTimeout(timer);
    isLong.value = false;
    if (now) timer = setTimeout(() => (isLong.value = true), seconds * 1000);
  });
  onScopeDispose(() => clearTimeout(timer));
  return isLong;
}
