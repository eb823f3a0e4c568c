/** What runs have measured and kept: it belongs to the jobs that made them, and who may not read those gets nothing of it. */

import { get, type Schemas } from "@/api/http";
import { pathOf } from "@/api/places";
import { Problem } from "@/api/problems";
import type { Curve } from "@/parts/curves";
import { curvesOfJob } from "@/parts/metrics";
import type { WholeRun } from "./comparing";

export type Artifact = Schemas["Artifact"];

/** The curves of a run by the names of their metrics; empty where there are none, or none that one may read. */
export async function curvesOf(run: WholeRun, signal: AbortSignal): Promise<Curve[]> {
  return run.links["metrics"] ? ((await orNothing(curvesOfJob(run.run_id, signal))) ?? []) : [];
}

/** The files that a run has kept; empty where there are none, or none that one may read. */
export async function artifactsOf(run: WholeRun, signal: AbortSignal): Promise<Artifact[]> {
  if (!run.links["artifacts"]) return [];
  const found = await orNothing(get<Schemas["Artifacts"]>(pathOf("v2", "jobs", run.run_id, "artifacts"), {}, signal));
  return found?.artifacts ?? [];
}

/** The path of a file, whose name may have folders in it. */
export const pathOfArtifact = (run: WholeRun, name: string): string => pathOf("v2", "jobs", run.run_id, "artifacts", ...name.split("/"));

async function orNothing<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof Problem && (error.status === 404 || error.status === 403)) return null;
    throw error;
  }
}

/** For each metric the curves of all runs, each under the name of its run. */
export function overlaid(curves: readonly (readonly Curve[])[], names: readonly string[]): { metric: string; curves: Curve[] }[] {
  const metrics = new Set(curves.flatMap((ofRun) => ofRun.map((curve) => curve.name)));
  return [...metrics].map((metric) => ({
    metric,
    curves: curves.flatMap((ofRun, place) => {
      const curve = ofRun.find((one) => one.name === metric);
      return curve ? [{ ...curve, name: names[place] ?? String(place) }] : [];
    }),
  }));
}
