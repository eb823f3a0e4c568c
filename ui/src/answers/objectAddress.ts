/** Addresses of bytes that the page holds, for pictures and sounds. */

import { onScopeDispose, ref, watch, type Ref } from "vue";

/** The address of what `content` gives, as long as the component is there; empty for nothing. */
export function useAddressOf(content: () => Blob | null): Ref<string> {
  const address = ref("");
  const drop = (): void => URL.revokeObjectURL(address.value);
  watch(
    content,
    (now) => {
      if (address.value) drop();
      address.value = now ? URL.createObjectURL(now) : "";
    },
    { immediate: true },
  );
  onScopeDispose(drop);
  return address;
}
