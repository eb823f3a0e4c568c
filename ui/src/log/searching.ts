/** Looking for words in a log that grows, a stretch at a time, so that no frame of the page is late. */

import { onScopeDispose, ref, shallowRef, watch, type Ref, type ShallowRef } from "vue";
import type { LogLines } from "./lines";

const STRETCH = 10_000; // lines

export interface Searching {
  words: Ref<string>;
  /** The places of the lines that have the words. */
  places: ShallowRef<number[]>;
  /** Whether all lines were looked at. */
  isDone: Ref<boolean>;
}

export function useSearching(log: () => LogLines): Searching {
  const words = ref("");
  const places = shallowRef<number[]>([]);
  const isDone = ref(true);
  let seen = 0; // lines, those that were dropped among them
  let dropped = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function look(): void {
    clearTimeout(timer);
    timer = undefined;
    const lines = log();
    if (!words.value) return;
    if (lines.dropped !== dropped) {
      const gone = lines.dropped - dropped;
      dropped = lines.dropped;
      places.value = places.value.map((place) => place - gone).filter((place) => place >= 0);
    }
    const from = Math.max(seen - dropped, 0);
    const found = lines.found(words.value, from, from + STRETCH);
    seen = Math.min(from + STRETCH, lines.size) + dropped;
    if (found.length) places.value = [...places.value, ...found];
    isDone.value = seen >= lines.size + dropped;
    if (!isDone.value) timer = setTimeout(look);
  }

  function again(): void {
    clearTimeout(timer);
    places.value = [];
    seen = dropped = log().dropped;
    isDone.value = !words.value;
    timer = words.value ? setTimeout(look, 100) : undefined;
  }

  watch([words, log], again);
  watch(
    () => log().version.value,
    () => {
      const lines = log();
      if (lines.size + lines.dropped < seen) again(); // it was cleared
      else timer ??= setTimeout(look);
    },
  );
  onScopeDispose(() => clearTimeout(timer));
  return { words, places, isDone };
}
