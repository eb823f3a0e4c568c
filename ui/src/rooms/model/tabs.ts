/** The rooms of one model, as tabs of its frame. One line a room. */

import type { RouteRecordRaw } from "vue-router";
import type { Schemas } from "@/api/http";
import type { Scope } from "@/api/session";
import type { TextKey } from "@/texts";

export interface ModelTab {
  /** Its route, below `/ui/models/:model`; empty for the first. */
  route: RouteRecordRaw;
  text: TextKey;
  scope: Scope;
  /** Whether a model has it. */
  isThere(signature: Schemas["ModelSignature"]): boolean;
}

export const tabs: ModelTab[] = [
  {
    route: { path: "", name: "model", component: () => import("./ModelRoom.vue"), props: { verb: "predict" } },
    text: "model.try",
    scope: "predict",
    isThere: (signature) => "predict" in signature.verbs,
  },
  {
    route: { path: "train", name: "train", component: () => import("../train/TrainRoom.vue") },
    text: "train.tab",
    scope: "train",
    isThere: (signature) => "train" in signature.verbs,
  },
  {
    route: { path: "runs", name: "modelRuns", component: () => import("../runs/ModelRuns.vue"), props: true },
    text: "runs.title",
    scope: "read",
    isThere: () => true,
  },
  {
    route: { path: "versions", name: "versions", component: () => import("../versions/VersionsRoom.vue"), props: true },
    text: "versions.title",
    scope: "read",
    isThere: () => true,
  },
];
