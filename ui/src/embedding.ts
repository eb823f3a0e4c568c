/** The page within a page of somebody else: one model's form, and nothing that belongs to another room. */

import type { RouteLocation, RouteLocationRaw, Router } from "vue-router";
import { say } from "@/parts/toasts";
import { t } from "@/texts";

/** Whether this page is shown in a frame. The server says whose frames may show it, and that of the form alone. */
export const isFramed = window.parent !== window;

/** Whether a place is that of a model's form, to be shown without what stands around the rooms. */
export const isEmbedded = (route: RouteLocation): boolean => route.name === "model" && route.query["embed"] === "1";

/** The place outside of a frame. */
export function outside(route: RouteLocation): { path: string; query: RouteLocation["query"]; hash: string } {
  const { embed: _embed, ...query } = route.query;
  return { path: route.path, query, hash: route.hash };
}

/** Lets a frame show the form that it began with: whatever leads elsewhere opens a window of its own. */
export function keepInFrame(router: Router): void {
  router.beforeEach((to, from): boolean | RouteLocationRaw => {
    if (!isFramed || from.matched.length === 0) return true;
    if (to.path === from.path) return isEmbedded(to) ? true : { ...outside(to), query: { ...to.query, embed: "1" } };
    openWindow(router.resolve(outside(to)).href);
    return false;
  });
}

function openWindow(address: string): void {
  const opened = window.open(address, "_blank");
  if (opened === null) say(t("embed.blocked", { address: new URL(address, location.href).href }), "bad");
  else opened.opener = null;
}
