/** The calls that somebody has made on this page, as their browser keeps them: bounded, without files, and theirs alone. */

import { computed } from "vue";
import { root } from "@/api/places";
import { isObject } from "@/api/problems";
import { me } from "@/api/session";
import type { Values } from "@/form/values";
import { keptByAllTabs } from "@/parts/kept";

/** A file that was sent: its bytes are not kept. */
export interface SentFile {
  argument: string;
  name: string;
  size: number;
}

export interface KeptCall {
  model: string;
  /** Milliseconds of the epoch at which it was sent; with the model what it is told apart by. */
  at: number;
  /** Milliseconds until the answer was there. */
  lasted: number;
  /** Its HTTP status; 0 where nothing was answered. */
  status: number;
  /** What the form was filled in with; `null` where that was too much to be kept. */
  values: Values | null;
  files: SentFile[];
  /** How the answer begins, or what went wrong. */
  answer: string;
  /** The job that it became; empty for none. */
  job: string;
}

interface History {
  /** Whose calls these are. */
  owner: string;
  /** The newest first. */
  calls: KeptCall[];
}

const MOST_OF_MODEL = 50;
const MOST_LENGTH = 200_000; // characters of all of it
const MOST_OF_CALL = 40_000;

const owner = computed(() => (me.value ? `${me.value.kind} ${me.value.id}` : null));
const history = keptByAllTabs<History>(`calls${root}`, { owner: "", calls: [] }, isHistory);
const own = computed(() => (history.value.owner === owner.value ? history.value.calls : []));

/** One's own calls of a model, the newest first. */
export const callsOf = (model: string): KeptCall[] => own.value.filter((call) => call.model === model);

/** Keeps a call. Those of somebody else who has used this browser go. */
export function keepCall(call: KeptCall): void {
  if (owner.value !== null) set(bounded([call, ...own.value]));
}

/** Says more of a call that was kept. */
export function amendCall(model: string, at: number, more: Partial<KeptCall>): void {
  if (own.value.some((call) => call.model === model && call.at === at)) set(bounded(own.value.map((call) => (call.model === model && call.at === at ? { ...call, ...more } : call))));
}

export function forgetCall(model: string, at: number): void {
  set(own.value.filter((call) => call.model !== model || call.at !== at));
}

/** Forgets the calls of a model. */
export function forgetCallsOf(model: string): void {
  set(own.value.filter((call) => call.model !== model));
}

/** Forgets all calls, whoever made them. */
export function forgetAllCalls(): void {
  history.value = { owner: "", calls: [] };
}

function set(calls: KeptCall[]): void {
  history.value = { owner: owner.value ?? "", calls };
}

/** Of calls, the newest first, those that are kept: so many of a model, and all together so long. */
export function bounded(calls: KeptCall[]): KeptCall[] {
  const counts = new Map<string, number>();
  let length = 0;
  return calls.map(shortened).filter((call) => {
    const count = (counts.get(call.model) ?? 0) + 1;
    counts.set(call.model, count);
    length += JSON.stringify(call).length;
    return count <= MOST_OF_MODEL && length <= MOST_LENGTH;
  });
}

const shortened = (call: KeptCall): KeptCall => (JSON.stringify(call.values).length > MOST_OF_CALL ? { ...call, values: null } : call);

/** Whether this is a history: anybody may have written to the browser's storage. */
export function isHistory(value: unknown): boolean {
  return isObject(value) && typeof value["owner"] === "string" && Array.isArray(value["calls"]) && value["calls"].every(isCall);
}

function isCall(value: unknown): boolean {
  if (!isObject(value)) return false;
  const areNumbers = ["at", "lasted", "status"].every((name) => typeof value[name] === "number");
  const areTexts = ["model", "answer", "job"].every((name) => typeof value[name] === "string");
  const { values, files } = value;
  return areNumbers && areTexts && (values === null || isObject(values)) && Array.isArray(files) && files.every(isFile);
}

function isFile(value: unknown): boolean {
  return isObject(value) && typeof value["argument"] === "string" && typeof value["name"] === "string" && typeof value["size"] === "number";
}
