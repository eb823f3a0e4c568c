/** What is made of curves before they are drawn or told: smoothed, with their extremes, on one axis. */

/** Values over an axis that does not fall: `null` is a value that is none, such as NaN. */
export interface Curve {
  name: string;
  x: readonly number[];
  y: readonly (number | null)[];
}

export interface Point {
  x: number;
  y: number;
}

export interface Extremes {
  min: Point;
  max: Point;
  last: Point;
}

export type Aligned = [number[], ...(number | null | undefined)[][]];

/** The values averaged with those before them: `weight` from 0 (as they are) to below 1. The first ones are not pulled to 0. */
export function smoothed(values: readonly (number | null)[], weight: number): (number | null)[] {
  if (weight <= 0) return [...values];
  let average = 0;
  let count = 0;
  return values.map((value) => {
    if (value === null || !Number.isFinite(value)) return value;
    count += 1;
    average = average * weight + (1 - weight) * value;
    return average / (1 - weight ** count);
  });
}

/** Where a curve is lowest, highest and last; `null` where it has no value. */
export function extremesOf(curve: Curve): Extremes | null {
  let [min, max, last] = [-1, -1, -1]; // places: a curve may have very many points
  for (let place = 0; place < Math.min(curve.x.length, curve.y.length); place += 1) {
    const y = curve.y[place];
    if (typeof y !== "number" || !Number.isFinite(y)) continue;
    if (min < 0 || y < (curve.y[min] ?? y)) min = place;
    if (max < 0 || y > (curve.y[max] ?? y)) max = place;
    last = place;
  }
  const point = (place: number): Point => ({ x: curve.x[place] ?? 0, y: curve.y[place] ?? 0 });
  return last < 0 ? null : { min: point(min), max: point(max), last: point(last) };
}

/** All curves over one axis: `undefined` where a curve has nothing at a place that another one has. */
export function aligned(curves: readonly Curve[]): Aligned {
  const first = curves[0];
  if (!first) return [[]];
  const areSame = curves.every((curve) => isSame(curve.x, first.x));
  if (areSame && !hasTwice(first.x)) return [[...first.x], ...curves.map((curve) => [...curve.y])];
  const axis = [...new Set(curves.flatMap((curve) => curve.x))].sort((a, b) => a - b);
  const places = new Map(axis.map((x, place) => [x, place]));
  return [axis, ...curves.map((curve) => placed(curve, places))];
}

function placed(curve: Curve, places: Map<number, number>): (number | null | undefined)[] {
  const values = new Array<number | null | undefined>(places.size).fill(undefined);
  curve.x.forEach((x, index) => {
    const place = places.get(x);
    if (place !== undefined) values[place] = curve.y[index]; // of two at one place the later
  });
  return values;
}

function isSame(one: readonly number[], other: readonly number[]): boolean {
  return one === other || (one.length === other.length && one.every((x, index) => x === other[index]));
}

const hasTwice = (axis: readonly number[]): boolean => axis.some((x, index) => x === axis[index + 1]);

/** Values that a logarithmic scale can show: the others are left out. */
export function positive(values: readonly (number | null | undefined)[]): (number | null | undefined)[] {
  return values.map((value) => (typeof value === "number" && value <= 0 ? null : value));
}

/** Whether any value can be shown on a logarithmic scale. */
export const hasPositive = (curves: readonly Curve[]): boolean =>
  curves.some((curve) => curve.y.some((value) => value !== null && value > 0));

/** Rows for a table of the same: at most `most`, evenly chosen, the first and the last among them. */
export function rowsOf(curves: readonly Curve[], most: number): (number | null | undefined)[][] {
  const columns = aligned(curves);
  const count = columns[0].length;
  const chosen = Math.min(count, most);
  return Array.from({ length: chosen }, (_, row) => {
    const index = chosen < 2 ? 0 : Math.round((row * (count - 1)) / (chosen - 1));
    return columns.map((column) => column[index]);
  });
}
