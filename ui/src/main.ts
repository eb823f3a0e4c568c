import "./look/tokens.css";
import "./look/base.css";
import { QueryClient, VueQueryPlugin } from "@tanstack/vue-query";
import { createApp } from "vue";
import { Problem, UNREACHED } from "./api/problems";
import App from "./App.vue";
import { router } from "./router";

/** What can pass by itself: the server starts again, or is busy. */
const isPassing = (error: unknown): boolean =>
  error instanceof Problem && (error.status === UNREACHED || error.status === 503 || error.status === 429);

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 2000,
      retry: (count, error) => isPassing(error) && count < 5,
      retryDelay: (count) => Math.min(500 * 2 ** count, 5000),
      refetchOnWindowFocus: true,
      networkMode: "always", // a page without internet still has its server
    },
    mutations: { networkMode: "always" },
  },
});

// A page that the browser has kept, and shows again by "back", may be of somebody who has logged out meanwhile.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

createApp(App).use(router).use(VueQueryPlugin, { queryClient: queries }).mount("#page");
