/** Choices of the reader that stay in the browser. */

import { ref, watch, type Ref } from "vue";

const PREFIX = "modelport.";

/** A value that is read from the browser's storage, and written there when it changes. `fits` judges what was read. */
export function kept<T>(name: string, first: T, fits: (value: unknown) => boolean = () => true): Ref<T> {
  const value = ref(read(name, first, fits)) as Ref<T>;
  watch(value, (now) => write(name, now), { deep: true });
  return value;
}

/** A `kept` value that is the same in every tab of the page. Made once, for as long as the page is there. */
export function keptByAllTabs<T>(name: string, first: T, fits: (value: unknown) => boolean): Ref<T> {
  const value = kept(name, first, fits);
  globalThis.addEventListener?.("storage", (event) => {
    if (event.key === PREFIX + name || event.key === null) value.value = read(name, first, fits);
  });
  return value;
}

function read<T>(name: string, first: T, fits: (value: unknown) => boolean): T {
  try {
    const text = localStorage.getItem(PREFIX + name);
    const found: unknown = text === null ? undefined : JSON.parse(text);
    return found !== undefined && fits(found) ? (found as T) : first;
  } catch {
    return first; // storage may be shut, or hold what somebody else has written
  }
}

function write(name: string, value: unknown): void {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // full or shut: the choice lasts as long as the page
  }
}
