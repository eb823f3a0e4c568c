/** Sliders: where a number stands between its bounds, evenly or by powers of ten. */

import type { NumberInput } from "./fields";

/** How many places a slider has. */
export const PLACES = 200;
const WIDE = 1000; // how many times the one bound the other is, from which on even steps would hide the small numbers
const MAX_RANGE = 1e9; // beyond it a slider is no help

/** Whether a slider helps. */
export function hasSlider(input: NumberInput): boolean {
  const { minimum, maximum } = input;
  return minimum !== null && maximum !== null && maximum > minimum && maximum - minimum <= MAX_RANGE;
}

function isWide(least: number, most: number): boolean {
  return least > 0 && most / least >= WIDE;
}

/** The place of a number on the slider, 0 to `PLACES`. */
export function placeOf(value: number, input: NumberInput): number {
  const least = input.minimum ?? 0;
  const most = input.maximum ?? 1;
  const clipped = Math.min(Math.max(value, least), most);
  const part = isWide(least, most) ? Math.log(clipped / least) / Math.log(most / least) : (clipped - least) / (most - least);
  return part * PLACES;
}

/** The number at a place of the slider, as round as that place lets it be. */
export function numberAt(place: number, input: NumberInput): number {
  const least = input.minimum ?? 0;
  const most = input.maximum ?? 1;
  if (place <= 0) return least;
  if (place >= PLACES) return most;
  const part = place / PLACES;
  const found = isWide(least, most) ? least * (most / least) ** part : least + (most - least) * part;
  const step = input.step ?? 0;
  if (step > 0) return rounded(Math.min(Math.max(Math.round(found / step) * step, least), most));
  const grain = 10 ** Math.floor(Math.log10(isWide(least, most) ? found / 10 : (most - least) / PLACES));
  return rounded(Math.min(Math.max(Math.round(found / grain) * grain, least), most));
}

const rounded = (value: number): number => Number(value.toPrecision(12));
