/** Reports on drift, as they are shown: verdicts in words, columns that have drifted first, bars of shares. */

import type { Schemas } from "@/api/http";
import type { Tone } from "@/statistics/states";
import { t, written } from "@/texts";

export type Verdict = Schemas["Feature"]["verdict"];
export type Feature = Schemas["Feature"];

const ORDER: Verdict[] = ["drift", "watch", "ok", "unknown"];
const TONES: Record<Verdict, Tone> = { drift: "bad", watch: "warning", ok: "good", unknown: "" };

export const verdictTone = (verdict: Verdict): Tone => TONES[verdict];
export const verdictWords = (verdict: Verdict): string => t(`drift.verdict.${verdict}`);

/** The inputs and answers of a version, what has drifted first. */
export function shown(version: Schemas["VersionReport"]): { title: string; features: Feature[] }[] {
  const parts = [
    { title: t("drift.inputs"), features: version.inputs },
    { title: t("drift.answers"), features: version.answers },
  ];
  return parts
    .filter((part) => part.features.length > 0)
    .map((part) => ({ ...part, features: [...part.features].sort((a, b) => ORDER.indexOf(a.verdict) - ORDER.indexOf(b.verdict)) }));
}

export interface Bar {
  label: string;
  now: number;
  before: number;
}

/** The shares of a column, side by side with those of the reference: by tenths of it, or by categories. */
export function barsOf(feature: Feature): Bar[] {
  return feature.shares.map((now, place) => ({ label: labelOf(feature, place), now, before: feature.reference_shares[place] ?? 0 }));
}

function labelOf({ categories, edges, shares }: Feature, place: number): string {
  if (categories.length) return categories[place] ?? t("drift.others");
  const inner = edges.length === shares.length - 1; // with what lies below and above
  const [from, to] = inner ? [edges[place - 1], edges[place]] : [edges[place], edges[place + 1]];
  if (from === undefined) return to === undefined ? "" : `≤ ${written(to, 3)}`;
  return to === undefined ? `> ${written(from, 3)}` : `${written(from, 3)} – ${written(to, 3)}`;
}
