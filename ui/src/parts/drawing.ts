/** How curves are drawn by uPlot: colours of the look, scales, and raw values behind smoothed ones. */

import type uPlot from "uplot";
import { colour } from "@/look/theme";
import { written } from "@/texts";
import { aligned, hasPositive, positive, smoothed, type Aligned, type Curve } from "./curves";

export interface Drawing {
  curves: readonly Curve[];
  isTime: boolean;
  isLog: boolean;
  smoothing: number;
}

const COLOURS = 8;
/** Lines differ by their dashes, too, where there are more of them than colours. */
const DASHES: number[][] = [[], [6, 4], [2, 3], [10, 4, 2, 4]];

/** The name of the colour of a curve, by its place. */
export const colourOf = (place: number): string => `series-${(place % COLOURS) + 1}`;
export const dashOf = (place: number): number[] => DASHES[Math.floor(place / COLOURS) % DASHES.length] ?? [];

/** Whether it can be drawn on a logarithmic scale, where that is wanted. */
export const drawsLog = (drawing: Drawing): boolean => drawing.isLog && hasPositive(drawing.curves);

/** The columns that uPlot draws: the axis, the curves, and behind smoothed ones the values as they are. */
export function columnsOf(drawing: Drawing): Aligned {
  const { curves, smoothing } = drawing;
  const smooth = curves.map((curve) => ({ ...curve, y: smoothed(curve.y, smoothing) }));
  const [axis, ...columns] = aligned(smoothing > 0 ? [...smooth, ...curves] : curves);
  return [axis, ...(drawsLog(drawing) ? columns.map(positive) : columns)];
}

/** Options of uPlot for this drawing; colours are read as they are now. */
export function optionsOf(drawing: Drawing, width: number, height: number, onCursor: (index: number | null) => void): uPlot.Options {
  return {
    width,
    height,
    legend: { show: false },
    cursor: { y: false, drag: { x: true, y: false, uni: 20 }, points: { size: 7 } },
    scales: { x: { time: drawing.isTime }, y: { distr: drawsLog(drawing) ? 3 : 1 } },
    series: [{}, ...seriesOf(drawing)],
    axes: [axisOf(drawing.isTime), { ...axisOf(true), size: 64 }].map((axis, place) =>
      place === 0 || drawsLog(drawing) ? axis : { ...axis, values: valuesOf },
    ),
    hooks: { setCursor: [(chart) => onCursor(chart.cursor.idx ?? null)] },
  };
}

function seriesOf({ curves, smoothing }: Drawing): uPlot.Series[] {
  const lines = curves.map((curve, place) => line(curve, place, curve.x.length < 2));
  if (smoothing <= 0) return lines;
  const faint = curves.map((curve, place) => ({ ...line(curve, place, false), alpha: 0.25, points: { show: false } }));
  return [...lines, ...faint];
}

function line(curve: Curve, place: number, isAlone: boolean): uPlot.Series {
  const drawn = { label: curve.name, stroke: colour(colourOf(place)), width: 2, dash: dashOf(place) };
  return isAlone ? { ...drawn, points: { show: true } } : drawn;
}

function axisOf(hasOwnValues: boolean): uPlot.Axis {
  const soft = colour("soft");
  const grid = { stroke: colour("line"), width: 1 };
  const looks = { stroke: soft, grid, ticks: grid, font: "12px system-ui, sans-serif" };
  return hasOwnValues ? looks : { ...looks, values: valuesOf, incrs: STEPS };
}

const STEPS = [1, 2, 5].flatMap((digit) => Array.from({ length: 13 }, (_, power) => digit * 10 ** power)).sort((a, b) => a - b);
const valuesOf = (_chart: uPlot, ticks: number[]): string[] => ticks.map((tick) => written(tick, 4));
