/** Draws Vega and Vega-Lite. Their expressions are interpreted, not compiled, and nothing is loaded from anywhere. */

import type { Loader, Spec } from "vega";
import { loader, parse, View } from "vega";
import { expressionInterpreter } from "vega-interpreter";
import type { TopLevelSpec } from "vega-lite";
import type { Drawn, PlotLook } from "./drawnPlot";

/** What a plot may load: pictures that it holds itself, and links of the web. */
function closedLoader(): Loader {
  const own = loader();
  const refuse = (uri: string): Promise<never> => Promise.reject(new Error(`a plot may load nothing: ${uri.slice(0, 200)}`));
  own.load = refuse;
  own.http = refuse;
  own.file = refuse;
  own.sanitize = async (uri, options) => {
    if (/^data:image\//i.test(uri)) return { href: uri };
    const isLink = "context" in options && options["context"] === "href" && /^https?:\/\//i.test(uri);
    return isLink ? { href: uri, target: "_blank", rel: "noreferrer noopener" } : refuse(uri);
  };
  return own;
}

function lookOf(look: PlotLook): Record<string, unknown> {
  return {
    background: "transparent",
    axis: { domainColor: look.line, gridColor: look.line, tickColor: look.line, labelColor: look.soft, titleColor: look.text },
    legend: { labelColor: look.soft, titleColor: look.text },
    title: { color: look.text, subtitleColor: look.soft },
    header: { labelColor: look.soft, titleColor: look.text },
    view: { stroke: look.line },
    range: { category: look.series },
    text: { color: look.text },
  };
}

/** Draws a specification. Rejects with words where it is none that can be drawn. */
export async function drawVega(element: HTMLElement, specification: Record<string, unknown>, isLite: boolean, look: PlotLook): Promise<Drawn> {
  const given = structuredClone(specification);
  delete given["usermeta"];
  const config = lookOf(look);
  let spec = given as unknown as Spec;
  if (isLite) {
    const { compile } = await import("vega-lite");
    const sized = "width" in given || "hconcat" in given || "vconcat" in given || "concat" in given || "facet" in given || "repeat" in given;
    const wide = sized ? given : { ...given, width: Math.max(200, element.clientWidth - 120) };
    const quiet = { level: () => quiet, error: () => quiet, warn: () => quiet, info: () => quiet, debug: () => quiet };
    spec = compile(wide as unknown as TopLevelSpec, { config, logger: quiet }).spec;
  }
  const runtime = parse(spec, isLite ? undefined : config, { ast: true });
  const view = new View(runtime, { expr: expressionInterpreter, loader: closedLoader(), renderer: "canvas", container: element, hover: true });
  view.logLevel(0); // what a plot warns of is not the page's
  await view.runAsync();
  return { end: () => view.finalize() };
}
