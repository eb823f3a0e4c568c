/** Plots as data: Vega and Vega-Lite by their `$schema` or media type, Plotly by `data` and `layout`. */

import { isObject } from "@/api/problems";
import { bareType } from "./answer";

export interface Plot {
  kind: "plot";
  language: "vega" | "vega-lite" | "plotly";
  specification: Record<string, unknown>;
}

const SCHEMA = /^https?:\/\/vega\.github\.io\/schema\/(vega|vega-lite)\/v\d/;
const TYPES: [RegExp, Plot["language"]][] = [
  [/^application\/vnd\.vegalite(\.v\d+)?\+json$/, "vega-lite"],
  [/^application\/vnd\.vega(\.v\d+)?\+json$/, "vega"],
  [/^application\/vnd\.plotly(\.v\d+)?\+json$/, "plotly"],
];

/** The plot that a value is; `null` where it is none. */
export function plotOf(value: unknown, mediaType = ""): Plot | null {
  if (!isObject(value)) return null;
  const told = TYPES.find(([type]) => type.test(bareType(mediaType)))?.[1];
  if (told) return { kind: "plot", language: told, specification: value };
  const schema = typeof value["$schema"] === "string" ? SCHEMA.exec(value["$schema"])?.[1] : undefined;
  if (schema === "vega" || schema === "vega-lite") return { kind: "plot", language: schema, specification: value };
  return isPlotly(value) ? { kind: "plot", language: "plotly", specification: value } : null;
}

const TRACE = ["type", "x", "y", "z", "values", "r", "mode"];

function isPlotly(value: Record<string, unknown>): boolean {
  const { data, layout } = value;
  return Array.isArray(data) && isObject(layout) && data.length > 0 && data.every((trace) => isObject(trace) && TRACE.some((key) => key in trace));
}
