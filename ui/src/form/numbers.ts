/** Numbers as people write them. */

import type { Language } from "@/texts";

/** What stands between thousands, as the page itself writes numbers in this language, and before the fraction. */
const MARKS: Record<Language, { group: string; fraction: string }> = {
  en: { group: ",", fraction: "." },
  de: { group: ".", fraction: "," },
};

/** The number that a text is; the text where it is none, which is then refused; nothing where it is empty. */
export function numberIn(text: string, language: Language): unknown {
  const trimmed = text.trim();
  if (trimmed === "") return undefined;
  const { group, fraction } = MARKS[language];
  const [whole = "", rest, ...more] = trimmed.split(fraction);
  const digits = whole.split(group);
  const isGrouped = digits.length > 1 && more.length === 0 && /^[+-]?[1-9]\d{0,2}$/.test(digits[0] ?? "");
  if (isGrouped && digits.slice(1).every((three) => /^\d{3}$/.test(three)) && /^\d*$/.test(rest ?? "")) {
    return Number(`${digits.join("")}.${rest || "0"}`);
  }
  const number = Number(trimmed.replace(/^([+-]?\d+),(\d+)$/, "$1.$2"));
  return Number.isFinite(number) ? number : trimmed;
}
