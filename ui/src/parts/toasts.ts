/** Short words about what has just happened, which go by themselves. */

import { shallowRef } from "vue";
import { problemIn } from "@/api/problems";

export interface Toast {
  number: number;
  words: string;
  tone: "good" | "bad";
}

const SECONDS = { good: 4, bad: 10 };
let count = 0;
export const toasts = shallowRef<Toast[]>([]);

export function say(words: string, tone: Toast["tone"] = "good"): void {
  const toast = { number: ++count, words, tone };
  toasts.value = [...toasts.value.slice(-3), toast];
  setTimeout(() => dismiss(toast.number), SECONDS[tone] * 1000);
}

/** Says what went wrong. */
export function sayProblem(error: unknown): void {
  say(problemIn(error).message, "bad");
}

export function dismiss(number: number): void {
  toasts.value = toasts.value.filter((one) => one.number !== number);
}
