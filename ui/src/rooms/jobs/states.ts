/** Where a job stands, and how that is shown. */

import type { Schemas } from "@/api/http";
import { may, me } from "@/api/session";
import type { TextKey } from "@/texts";

export type Job = Schemas["Job"];
export type State = Job["state"];
export type Kind = Job["kind"];

export const STATES: readonly State[] = ["queued", "running", "succeeded", "failed", "cancelled", "interrupted"];
export const KINDS: readonly Kind[] = ["train", "validate", "predict", "batch"];

export const TONES: Record<State, string> = {
  queued: "",
  running: "accent",
  succeeded: "good",
  failed: "bad",
  cancelled: "warning",
  interrupted: "warning",
};

export const isState = (value: unknown): value is State => STATES.some((state) => state === value);
export const isKind = (value: unknown): value is Kind => KINDS.some((kind) => kind === value);

/** Whether nothing happens to it any more, unless somebody asks for it. */
export const hasEnded = (state: State): boolean => state !== "queued" && state !== "running";
/** Whether it may still be called off. */
export const canEnd = (job: Job): boolean => (!hasEnded(job.state) || job.state === "interrupted") && !job.cancel_requested;

export const wordsOfState = (state: State): TextKey => `job.state.${state}`;
export const wordsOfKind = (kind: Kind): TextKey => `job.kind.${kind}`;

const isOwn = (job: Job): boolean => me.value?.id === job.requested_by;
/** Whether who uses the page may call it off: their own, or any for an administrator. */
export const mayCancel = (job: Job): boolean => (isOwn(job) ? true : may("admin"));
/** Whether they may have it run again. */
export const mayRetry = (job: Job): boolean => mayCancel(job) && may(job.kind === "predict" ? "predict" : "train", job.model);
