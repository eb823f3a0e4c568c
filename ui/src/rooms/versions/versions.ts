/** The versions of a model: what the server says of them, again and again, and what follows from it. */

import { useQuery, useQueryClient, type UseQueryReturnType } from "@tanstack/vue-query";
import { get, type Schemas } from "@/api/http";
import { pathOf } from "@/api/places";
import { isObject, Problem } from "@/api/problems";

export type Version = Schemas["ModelVersion"];
export type Promotion = Schemas["Promotion"];
export type Report = Schemas["PromotionReport"];
export type Traffic = Schemas["Traffic"];

const EVERY = 5000; // milliseconds
const MOST = 1000;

export interface Versions {
  versions: UseQueryReturnType<Schemas["ModelVersions"], Error>;
  promotions: UseQueryReturnType<Schemas["Promotions"], Error>;
  traffic: UseQueryReturnType<Traffic, Error>;
  aliases: UseQueryReturnType<Schemas["Aliases"], Error>;
  /** Asks for all of it again, because something was changed. */
  renew(): Promise<void>;
}

/** What there is of a model. */
export function useVersions(model: string): Versions {
  const client = useQueryClient();
  const key = (name: string): string[] => ["model", model, name];
  const path = (name: string): string => pathOf("v2", "models", model, name);
  return {
    versions: useQuery({ queryKey: key("versions"), queryFn: ({ signal }) => get<Schemas["ModelVersions"]>(path("versions"), { limit: MOST }, signal), refetchInterval: EVERY }),
    promotions: useQuery({ queryKey: key("promotions"), queryFn: ({ signal }) => get<Schemas["Promotions"]>(path("promotions"), { limit: MOST }, signal), refetchInterval: EVERY }),
    traffic: useQuery({ queryKey: key("traffic"), queryFn: ({ signal }) => get<Traffic>(path("traffic"), {}, signal), refetchInterval: EVERY / 2 }),
    aliases: useQuery({ queryKey: key("aliases"), queryFn: ({ signal }) => get<Schemas["Aliases"]>(path("aliases"), {}, signal), refetchInterval: EVERY }),
    renew: () => client.invalidateQueries({ queryKey: ["model", model] }),
  };
}

/** The version that a rollback leads to, by all promotions, the newest first; `null` if there is none. The server decides the same way. */
export function wayBackOf(promotions: readonly Promotion[]): number | null {
  const stack: number[] = [];
  for (const promotion of [...promotions].reverse()) {
    if (stack.at(-1) !== promotion.before) stack.push(promotion.before);
    if (promotion.kind === "rollback" && stack.at(-2) === promotion.after) stack.pop();
    else if (stack.at(-1) !== promotion.after) stack.push(promotion.after);
  }
  return stack.at(-2) ?? null;
}

/** The report of a promotion that was refused; `null` if it failed for another reason. */
export function reportOf(problem: Problem): Report | null {
  const report = isObject(problem.body) ? problem.body["report"] : null;
  return isReport(report) ? report : null;
}

function isReport(value: unknown): value is Report {
  return isObject(value) && Array.isArray(value["regressions"]) && Array.isArray(value["warnings"]) && "checks" in value;
}

/** How many of the copies that the shadow answered were answered as by the live version, from 0 to 1; `null` before the first. */
export function agreementOf(compared: Schemas["Compared"]): number | null {
  const all = compared.agreed + compared.differed + compared.failed;
  return all === 0 ? null : compared.agreed / all;
}

/** What the live version gets when the others get these shares, from 0 to 1. */
export const restOf = (weights: Record<string, number>): number =>
  Math.max(0, 1 - Object.values(weights).reduce((sum, share) => sum + share, 0));

/** The numbers of `overall` that a performance has, else those at its root, a few of them. */
export function overallOf(performance: Record<string, unknown>): [string, number][] {
  const overall = performance["overall"];
  const from = isObject(overall) ? overall : performance;
  return Object.entries(from).flatMap(([name, value]): [string, number][] => (typeof value === "number" ? [[name, value]] : []));
}
