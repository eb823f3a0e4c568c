/** Which curves of a job stand in one chart. */

import type { Curve } from "@/parts/curves";

const SIDES = new Set(["train", "training", "val", "valid", "validation", "test", "eval", "dev"]);

/** Curves that belong in one chart, such as train_loss and val_loss, by what they have in common. */
export function grouped(curves: readonly Curve[]): { name: string; curves: Curve[] }[] {
  const groups = new Map<string, Curve[]>();
  for (const curve of curves) {
    const name = commonName(curve.name);
    groups.set(name, [...(groups.get(name) ?? []), curve]);
  }
  return [...groups].map(([name, found]) => ({ name, curves: found }));
}

/** The name of a metric without the side on which it was measured. */
export function commonName(name: string): string {
  const parts = name.split(/[/_.\- ]/);
  const rest = parts.filter((part) => !SIDES.has(part.toLowerCase()));
  return rest.length && rest.length < parts.length ? rest.join("_") : name;
}
