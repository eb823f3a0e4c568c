/** The page's words in the reader's language. */

import { shallowRef, watchEffect } from "vue";
import { kept } from "@/parts/kept";
import { en, type TextKey } from "./en";

export type { TextKey };
export const LANGUAGES = { en: "English", de: "Deutsch" } as const;
export type Language = keyof typeof LANGUAGES;

const firstLanguage = (): Language => (navigator.language.toLowerCase().startsWith("de") ? "de" : "en");

/** The language of the page: the reader's choice, else that of the browser. */
export const language = kept<Language>("language", firstLanguage(), (value) => value === "en" || value === "de");
const words = shallowRef<Record<TextKey, string>>(en);

watchEffect(() => {
  document.documentElement.lang = language.value;
  if (language.value === "de") void import("./de").then(({ de }) => (words.value = language.value === "de" ? de : en));
  else words.value = en;
});

/** A text, with what stands in braces filled in. */
export function t(key: TextKey, values: Record<string, string | number> = {}): string {
  return words.value[key].replace(/\{(\w+)\}/g, (all, name: string) => String(values[name] ?? all));
}

/** A number as the reader writes it. `digits` is how many significant ones are shown at most. */
export function written(value: number, digits = 4): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e12)) return value.toExponential(Math.max(digits - 1, 0)).replace(/\.?0+e/, "e");
  return formatOfNumbers(language.value, Math.max(digits, integerDigits(size))).format(value);
}

// Making a format costs more than a hundred uses of it, and a table writes thousands of numbers.
const formats = new Map<string, Intl.NumberFormat>();
const formatsOfMoments = new Map<string, Intl.DateTimeFormat>();

function formatOfNumbers(code: Language, maximumSignificantDigits: number): Intl.NumberFormat {
  const key = `${code} ${maximumSignificantDigits}`;
  const format = formats.get(key) ?? new Intl.NumberFormat(code, { maximumSignificantDigits });
  formats.set(key, format);
  return format;
}

function formatOfMoments(code: Language): Intl.DateTimeFormat {
  const format = formatsOfMoments.get(code) ?? new Intl.DateTimeFormat(code, { dateStyle: "medium", timeStyle: "medium" });
  formatsOfMoments.set(code, format);
  return format;
}

const integerDigits = (size: number): number => (size < 1 ? 1 : Math.min(Math.floor(Math.log10(size)) + 1, 21));

/** A moment as the reader writes it: `at` in the API's form, or milliseconds of the epoch. */
export function moment(at: string | number | null | undefined): string {
  if (at === null || at === undefined || at === "") return "";
  return formatOfMoments(language.value).format(new Date(at));
}

/** A length of time: `seconds` as 1.2 s, 3 min 20 s, 2 h 5 min, 3 d 4 h. */
export function lasting(seconds: number): string {
  if (seconds < 10) return `${written(seconds, 2)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`;
}

/** A size: `bytes` as 12 B, 3.4 kB, 5.6 MB. */
export function sized(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = bytes < 1000 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), units.length - 1);
  return `${written(bytes / 1000 ** power, 3)} ${units[power]}`;
}
