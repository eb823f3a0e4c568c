/** Draws Plotly's figures: the kinds that lie in a plane. Nothing is loaded from anywhere. */

import "./plotlyStyles"; // before Plotly, which looks for it when it is loaded
import Plotly from "plotly.js-cartesian-dist-min";
import { isObject } from "@/api/problems";
import type { Drawn, PlotLook } from "./drawnPlot";

/** The kinds of traces that the page can draw. */
export const TRACES = new Set([
  "scatter",
  "bar",
  "pie",
  "box",
  "heatmap",
  "histogram",
  "histogram2d",
  "histogram2dcontour",
  "contour",
  "image",
  "violin",
  "scatterternary",
]);
// Those that need a graphics card are drawn as their plain kind.
const PLAIN: Record<string, string> = { scattergl: "scatter", heatmapgl: "heatmap" };

/** Draws a figure. Rejects with words where it has traces of a kind that the page does not draw. */
export async function drawPlotly(element: HTMLElement, figure: Record<string, unknown>, look: PlotLook): Promise<Drawn> {
  const data = Array.isArray(figure["data"]) ? figure["data"].filter(isObject).map(plainTrace) : [];
  const unknown = data.map((trace) => String(trace["type"] ?? "scatter")).find((type) => !TRACES.has(type));
  if (unknown !== undefined) throw new Error(`the page does not draw plots of the kind ${JSON.stringify(unknown)}`);
  const given = isObject(figure["layout"]) ? structuredClone(figure["layout"]) : {};
  delete given["images"]; // of other servers
  const layout = { ...lookOf(look), ...given, autosize: true, template: withLook(given["template"], look) };
  await Plotly.newPlot(element, data, layout, { displaylogo: false, responsive: true, showSendToCloud: false, modeBarButtonsToRemove: ["sendDataToCloud"] });
  return { end: () => Plotly.purge(element) };
}

function plainTrace(trace: Record<string, unknown>): Record<string, unknown> {
  const type = typeof trace["type"] === "string" ? trace["type"] : "scatter";
  return { ...structuredClone(trace), type: PLAIN[type] ?? type };
}

function lookOf(look: PlotLook): Record<string, unknown> {
  return { paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: look.text }, margin: { t: 40, r: 20, b: 50, l: 60 } };
}

/** The template of the figure, in the page's colours: those that libraries write are for white paper. */
function withLook(template: unknown, look: PlotLook): Record<string, unknown> {
  const layout = isObject(template) && isObject(template["layout"]) ? template["layout"] : {};
  const axis = { gridcolor: look.line, linecolor: look.line, zerolinecolor: look.line, automargin: true };
  const own = { paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: look.text }, colorway: look.series };
  return {
    ...(isObject(template) ? template : {}),
    layout: {
      ...layout,
      ...own,
      xaxis: { ...(isObject(layout["xaxis"]) ? layout["xaxis"] : {}), ...axis },
      yaxis: { ...(isObject(layout["yaxis"]) ? layout["yaxis"] : {}), ...axis },
    },
  };
}
