/** Which of many parts are open. */

import { shallowRef, type ShallowRef } from "vue";

export interface Opened {
  names: ShallowRef<ReadonlySet<string>>;
  toggle(name: string): void;
}

export function useOpened(): Opened {
  const names = shallowRef<ReadonlySet<string>>(new Set());

  function toggle(name: string): void {
    const now = new Set(names.value);
    if (!now.delete(name)) now.add(name);
    names.value = now;
  }

  return { names, toggle };
}
