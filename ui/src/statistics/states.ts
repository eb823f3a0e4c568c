/** What the state of a model is called, what it waits for, and how that looks. */

import { language, t, type TextKey } from "@/texts";

const STATES: Record<string, TextKey> = {
  waiting: "state.waiting",
  loading: "state.loading",
  warming: "state.warming",
  ready: "state.ready",
  idle: "state.idle",
  waking: "state.waking",
  unloading: "state.unloading",
  unloaded: "state.unloaded",
  failed: "state.failed",
  stopped: "state.stopped",
};
const WAITS: Record<string, TextKey> = {
  waiting: "state.waits.waiting",
  loading: "state.waits.loading",
  warming: "state.waits.warming",
  waking: "state.waits.waking",
  unloading: "state.waits.unloading",
};
const ON_THE_WAY = ["waiting", "loading", "warming", "waking", "unloading"];

export type Tone = "good" | "bad" | "warning" | "accent" | "";

export function stateWords(state: string): string {
  const key = STATES[state];
  return key ? t(key) : state;
}

/** What has to happen before it is ready: in the reader's language, or as the server says it. */
export function waitsWords(state: string, said: string): string {
  const key = WAITS[state];
  if (!key || (language.value === "en" && said)) return said;
  return t(key);
}

export const isOnTheWay = (state: string): boolean => ON_THE_WAY.includes(state);

export function toneOf(state: string): Tone {
  if (state === "ready") return "good";
  if (state === "failed") return "bad";
  if (state === "idle") return "accent";
  return isOnTheWay(state) ? "warning" : "";
}
