/** Rooms that could not be loaded, since the server did not answer: said, and made good when it does again. */

import type { Router } from "vue-router";
import { get } from "@/api/http";
import { sayProblem } from "@/parts/toasts";

/**
 * Has a navigation whose files did not come say so. What did not come once is never asked for again by the
 * browser, so from then on rooms are loaded with the whole page.
 */
export function tellOfLostRooms(router: Router): void {
  let isIncomplete = false;

  async function loadWhole(path: string): Promise<void> {
    try {
      await get("/v2/health/live");
      location.assign(router.resolve(path).href);
    } catch (error) {
      sayProblem(error);
    }
  }

  addEventListener("vite:preloadError", () => (isIncomplete = true));
  router.onError((_error, to) => {
    isIncomplete = true;
    void loadWhole(to.fullPath);
  });
  router.beforeEach((to, from) => {
    if (!isIncomplete || from.matched.length === 0 || to.path === from.path) return true;
    void loadWhole(to.fullPath);
    return false;
  });
}
