/** What a report on drift says in sentences, in the language of the page: the server writes them in English. */

import { t, written, type TextKey } from "@/texts";

/** The sentences of the server, and the names of what stands in them. */
export const SENTENCES: [RegExp, TextKey, ...string[]][] = [
  [/^the reference has no such column$/, "drift.said.noColumn"],
  [/^too few: (\d+) rows, (\d+) of the reference; (\d+) are needed$/, "drift.said.fewRows", "rows", "reference", "least"],
  [/^too few calls: (\d+), (\d+) are needed$/, "drift.said.fewCalls", "calls", "least"],
  [/^too few values that are not missing$/, "drift.said.fewValues"],
  [/^missing in ([\d.]+)%$/, "drift.said.missing", "share"],
  [/^it is a (\w+), and a (\w+) in the reference$/, "drift.said.kind", "now", "before"],
  [/^texts are compared by what is missing alone$/, "drift.said.texts"],
  [/^there are more columns than are looked at$/, "drift.said.columns"],
  [/^the log has no predictions of that time$/, "drift.said.noneThen"],
  [/^no training of this version has recorded a reference \(current_job\(\)\.reference\); a time of the log can be one: .*$/, "drift.said.noReference"],
  [/^what its training has recorded is too large$/, "drift.said.tooLarge"],
  [/^more than (\d+) versions have answered: name one$/, "drift.said.versions", "most"],
];
/** Kinds of columns, which stand in a sentence. */
const KINDS: Record<string, TextKey> = { number: "drift.kind.number", category: "drift.kind.category", text: "drift.kind.text" };

/** Sentences of the server as the page says them; one that it does not know stays as it is. */
export function said(words: string): string {
  const whole = known(words);
  if (whole !== null) return whole;
  return words
    .split(/; (?!\d+ are needed|a time of the log)/)
    .map((one) => known(one) ?? one)
    .join("; ");
}

function known(words: string): string | null {
  for (const [pattern, key, ...names] of SENTENCES) {
    const found = pattern.exec(words);
    if (found) return t(key, Object.fromEntries(names.map((name, place) => [name, shown(found[place + 1] ?? "")])));
  }
  return null;
}

function shown(text: string): string {
  const kind = KINDS[text];
  if (kind) return t(kind);
  return Number.isFinite(Number(text)) ? written(Number(text), 6) : text;
}
