/** Runs as drawings: what ECharts is told. Colours are read as they are now. */

import { colour } from "@/look/theme";
import type { EChartsCoreOption } from "@/parts/echarts";
import { cellText } from "@/parts/tables";
import { written } from "@/texts";
import type { RunColumn } from "./columns";
import { titleOf, type RunRow } from "./rows";

const MOST_CATEGORIES = 30;
const MANY = 200; // lines from which on each is drawn faintly
const AXIS_ROOM = 24; // characters of an axis' name

type Cell = number | string | null;

/** The columns that a drawing can use: those that hold a number, or few enough texts, of more than one run. */
export function drawable(rows: readonly RunRow[], columns: readonly RunColumn[]): RunColumn[] {
  return columns.filter((column) => {
    if (column.group === "run" && column.key !== "run:duration" && column.key !== "run:version" && column.key !== "run:model") return false;
    if (column.kind !== "text") return rows.some((row) => typeof column.value(row) === "number");
    const texts = new Set<string>();
    for (const row of rows) {
      texts.add(textOf(column, row));
      if (texts.size > MOST_CATEGORIES) return false;
    }
    return texts.size > 1;
  });
}

/** The columns that are drawn until somebody chooses: those in which runs differ, parameters before numbers. */
export function firstDrawn(rows: readonly RunRow[], columns: readonly RunColumn[], most: number): string[] {
  const differing = columns.filter((column) => new Set(rows.map((row) => column.value(row))).size > 1);
  const params = differing.filter((column) => column.group === "param");
  const overall = differing.filter((column) => column.key.startsWith("performance:overall."));
  const metrics = differing.filter((column) => column.group === "metric");
  const numbers = [...overall, ...metrics, ...differing.filter((column) => column.group === "performance")];
  const half = params.slice(0, Math.max(most - Math.min(numbers.length, Math.floor(most / 2)), 0));
  return [...new Set([...half, ...numbers, ...differing].map((column) => column.key))].slice(0, most);
}

/** A line for each run over axes that stand side by side. */
export function parallelOption(rows: readonly RunRow[], axes: readonly RunColumn[], coloured: RunColumn | null): EChartsCoreOption {
  const shown = coloured && !axes.includes(coloured) ? [...axes, coloured] : [...axes];
  const data = rows.map((row) => ({ name: row.key, value: shown.map((column) => cellOf(column, row)) }));
  const soft = colour("soft");
  return {
    animation: false,
    ...colouring(rows, coloured, coloured ? shown.indexOf(coloured) : -1),
    parallel: { left: 60, right: 90, top: 48, bottom: 24 },
    parallelAxis: shown.map((column, dim) => ({
      dim,
      name: cut(column.label),
      ...(column.kind === "text" ? { type: "category", data: categories(rows, column) } : { type: "value", scale: true }),
      nameTextStyle: { color: colour("text"), fontSize: 12 },
      axisLabel: { color: soft, formatter: (value: unknown) => (typeof value === "number" ? written(value, 3) : cut(String(value))) },
      axisLine: { lineStyle: { color: colour("strong-line") } },
      axisTick: { lineStyle: { color: colour("strong-line") } },
      areaSelectStyle: { color: colour("accent"), borderColor: colour("accent"), opacity: 0.25, width: 14 },
    })),
    series: [
      {
        type: "parallel",
        lineStyle: { width: rows.length > MANY ? 1 : 2, opacity: rows.length > MANY ? 0.25 : 0.7, color: colour("series-1") },
        inactiveOpacity: 0.04,
        activeOpacity: 0.9,
        progressive: 500,
        data,
      },
    ],
  };
}

/** A point for each run. */
export function scatterOption(rows: readonly RunRow[], across: RunColumn, up: RunColumn, coloured: RunColumn | null): EChartsCoreOption {
  const used = [across, up, ...(coloured ? [coloured] : [])];
  const runs = rows.filter((row) => cellOf(across, row) !== null && cellOf(up, row) !== null);
  const titles = new Map(runs.map((row) => [row.key, `${titleOf(row.run)}\n${used.map((one) => `${one.label} ${cellText(one.kind, one.value(row))}`).join("\n")}`]));
  return {
    animation: false,
    ...colouring(runs, coloured, 2),
    grid: { left: 16, right: coloured ? 90 : 24, top: 32, bottom: 32, containLabel: true },
    tooltip: {
      renderMode: "richText",
      trigger: "item",
      backgroundColor: colour("raised"),
      borderColor: colour("line"),
      textStyle: { color: colour("text"), fontSize: 12 },
      formatter: (point: { name?: unknown }) => titles.get(String(point.name)) ?? "",
    },
    xAxis: axisOf(runs, across, "middle"),
    yAxis: axisOf(runs, up, "end"),
    series: [
      {
        type: "scatter",
        symbolSize: runs.length > MANY ? 6 : 11,
        itemStyle: { color: colour("series-1"), opacity: runs.length > MANY ? 0.6 : 0.85 },
        data: runs.map((row) => ({ name: row.key, value: used.map((one) => cellOf(one, row)) })),
      },
    ],
  };
}

function axisOf(rows: readonly RunRow[], column: RunColumn, place: "middle" | "end"): object {
  const soft = colour("soft");
  return {
    ...(column.kind === "text" ? { type: "category", data: categories(rows, column) } : { type: "value", scale: true }),
    name: column.label.slice(0, 60),
    nameLocation: place,
    nameGap: place === "middle" ? 30 : 14,
    nameTextStyle: { color: colour("text"), align: place === "end" ? "left" : "center" },
    axisLabel: { color: soft, formatter: (value: unknown) => (typeof value === "number" ? written(value, 4) : cut(String(value))) },
    axisLine: { lineStyle: { color: colour("strong-line") } },
    splitLine: { lineStyle: { color: colour("line") } },
  };
}

/** Colours by a number, from low to high, with a legend. */
function colouring(rows: readonly RunRow[], column: RunColumn | null, dimension: number): object {
  if (!column || column.kind === "text" || dimension < 0) return {};
  let [low, high] = [Infinity, -Infinity];
  for (const row of rows) {
    const value = column.value(row);
    if (typeof value !== "number" || !Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (!(low <= high)) return {};
  return {
    visualMap: {
      type: "continuous",
      dimension,
      min: low,
      max: high === low ? low + 1 : high,
      right: 0,
      top: "middle",
      itemHeight: 160,
      itemWidth: 12,
      text: [written(high, 3), written(low, 3)],
      textStyle: { color: colour("soft") },
      inRange: { color: [colour("series-2"), colour("series-4"), colour("series-1")] },
      seriesIndex: 0,
    },
  };
}

function cellOf(column: RunColumn, row: RunRow): Cell {
  const value = column.value(row);
  if (column.kind === "text") return textOf(column, row) || null;
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

const textOf = (column: RunColumn, row: RunRow): string => cellText("text", column.value(row)).slice(0, 60);

function categories(rows: readonly RunRow[], column: RunColumn): string[] {
  const found = new Set(rows.map((row) => textOf(column, row)).filter(Boolean));
  return [...found].sort(new Intl.Collator(undefined, { numeric: true }).compare);
}

const cut = (text: string): string => (text.length > AXIS_ROOM ? `…${text.slice(1 - AXIS_ROOM)}` : text);
