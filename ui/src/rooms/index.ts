/** The rooms of the page: where each is, who may come in, and what loads it. One line a room. */

import type { RouteRecordRaw } from "vue-router";
import type { Scope } from "@/api/session";
import type { TextKey } from "@/texts";
import { tabs } from "./model/tabs";

export interface Room {
  /** Its routes, below the root of the page. */
  routes: RouteRecordRaw[];
  /** Its name in the navigation and where that leads, if it stands there. */
  link?: { text: TextKey; to: string };
  /** What one must be allowed to do, with any model, to see it there. */
  scope?: Scope;
}

export const rooms: Room[] = [
  {
    routes: [
      { path: "/", name: "home", component: () => import("./models/ModelsRoom.vue") },
      { path: "/ui/models", name: "models", component: () => import("./models/ModelsRoom.vue") },
    ],
    link: { text: "models.title", to: "/ui/models" },
  },
  {
    routes: [
      {
        path: "/ui/models/:model",
        component: () => import("./model/ModelFrame.vue"),
        props: true,
        children: tabs.map((tab) => tab.route),
      },
    ],
  },
  {
    routes: [
      {
        path: "/ui/jobs",
        children: [
          { path: "", name: "jobs", component: () => import("./jobs/JobsRoom.vue") },
          { path: ":job", name: "job", component: () => import("./jobs/JobRoom.vue") },
        ],
      },
    ],
    link: { text: "jobs.title", to: "/ui/jobs" },
  },
  {
    routes: [
      { path: "/ui/runs", name: "runs", component: () => import("./runs/RunsRoom.vue") },
      { path: "/ui/runs/compare", name: "compare", component: () => import("./runs/CompareRoom.vue") },
    ],
    link: { text: "runs.title", to: "/ui/runs" },
    scope: "read",
  },
  {
    routes: [
      { path: "/ui/operations", name: "operations", component: () => import("./operations/OperationsRoom.vue") },
      { path: "/ui/operations/:model", name: "model-operations", component: () => import("./operations/ModelOperations.vue"), props: true },
    ],
    link: { text: "operations.title", to: "/ui/operations" },
    scope: "read",
  },
  {
    routes: [
      {
        path: "/ui/people",
        component: () => import("./people/PeopleRoom.vue"),
        children: [
          { path: "", name: "people", redirect: "/ui/people/usage" },
          { path: "keys", name: "keys", component: () => import("./people/KeysTab.vue") },
          { path: "users", name: "users", component: () => import("./people/UsersTab.vue") },
          { path: "audit", name: "audit", component: () => import("./people/AuditTab.vue") },
          { path: "usage", name: "usage", component: () => import("./people/UsageTab.vue") },
          { path: "me", name: "me", component: () => import("./people/OwnTab.vue") },
        ],
      },
    ],
    link: { text: "people.title", to: "/ui/people" },
  },
];
