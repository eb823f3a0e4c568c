/** Labels with how sure a model is of each, in the forms that models answer them. */

import { isObject } from "@/api/problems";

export interface Labelled {
  label: string;
  score: number;
}

export interface Labels {
  kind: "labels";
  labels: Labelled[];
  /** Whether the scores are probabilities, of 0 to 1; others are drawn beside the largest. */
  isShare: boolean;
  /** The members that the labels were read from, where the rest of an object says other things. */
  used: string[];
}

export const LABEL_KEYS = ["label", "class", "class_name", "className", "name", "category", "tag", "title", "species", "labels", "prediction"];
export const SCORE_KEYS = ["probability", "score", "confidence", "prob", "p", "likelihood", "probabilities", "scores", "confidences"];
const LABEL_LISTS = ["labels", "classes", "class_names", "label", "names", "categories", "tags", "pred_lab"];
const SCORE_LISTS = ["probabilities", "scores", "confidences", "probs", "probability", "score", "confidence", "pred_prob"];
const BESIDE = new Set(["rank", "index", "id", "class_id", "label_id", "category_id"]);
const MOST = 2000; // bars

/** The labels of a value; `null` where it holds none. `name` is where it stood, which says of a map what its numbers are. */
export function labelsOf(value: unknown, name = ""): Labels | null {
  const beside = isObject(value) ? parallel(value) : null;
  const found = Array.isArray(value) ? labelsOfList(value) : isObject(value) ? (beside?.labels ?? labelsOfMap(value, name)) : null;
  if (!found || found.length === 0 || found.length > MOST) return null;
  if (new Set(found.map((one) => one.label)).size !== found.length) return null; // rows of a table
  return { kind: "labels", labels: found, isShare: found.every((one) => isShare(one.score)), used: beside?.used ?? [] };
}

const isShare = (score: number): boolean => score >= 0 && score <= 1.000001;

function labelsOfList(list: unknown[]): Labelled[] | null {
  const found: Labelled[] = [];
  for (const item of list) {
    const one = isObject(item) ? labelOfObject(item) : labelOfPair(item);
    if (!one) return null;
    found.push(one);
  }
  return found;
}

function labelOfObject(item: Record<string, unknown>): Labelled | null {
  const labelKey = LABEL_KEYS.find((key) => isLabel(item[key]));
  const scoreKey = SCORE_KEYS.find((key) => isScore(item[key]));
  if (labelKey === undefined || scoreKey === undefined) return null;
  if (Object.keys(item).some((key) => key !== labelKey && key !== scoreKey && !BESIDE.has(key))) return null;
  return labelled(item[labelKey], item[scoreKey]);
}

function labelOfPair(item: unknown): Labelled | null {
  if (!Array.isArray(item) || item.length !== 2) return null;
  return typeof item[0] === "string" && isScore(item[1]) && isShare(item[1]) ? labelled(item[0], item[1]) : null;
}

/** `{"labels": [...], "probabilities": [...]}`, as many models of AI4OS answer; each list may stand in a list of one. */
function parallel(value: Record<string, unknown>): { labels: Labelled[]; used: string[] } | null {
  const labels = listAt(value, LABEL_LISTS, isLabel);
  const scores = listAt(value, SCORE_LISTS, isScore);
  if (!labels || !scores || labels.list.length !== scores.list.length) return null;
  if (BOX_LISTS.some((key) => key in value)) return null; // what was found in a picture
  return { labels: labels.list.map((label, index) => labelled(label, scores.list[index])), used: [labels.key, scores.key] };
}

const BOX_LISTS = ["boxes", "bboxes", "box", "masks"];

function listAt(value: Record<string, unknown>, keys: string[], fits: (one: unknown) => boolean): { key: string; list: unknown[] } | null {
  for (const key of keys) {
    let list = value[key];
    if (Array.isArray(list) && list.length === 1 && Array.isArray(list[0])) list = list[0];
    if (Array.isArray(list) && list.length > 0 && list.every(fits)) return { key, list };
  }
  return null;
}

const MAPS = /^(probabilit|prob|score|confidence|prediction|label|class|likelihood|distribution)/i;

/** A map of labels to numbers: probabilities that sum up to one, or what stands under a name that says so. */
function labelsOfMap(value: Record<string, unknown>, name: string): Labelled[] | null {
  const entries = Object.entries(value);
  if (entries.length < 2 || !entries.every(([, score]) => isScore(score) && isShare(score))) return null;
  const found = entries.map(([label, score]) => labelled(label, score));
  const sum = found.reduce((whole, one) => whole + one.score, 0);
  return MAPS.test(name) || Math.abs(sum - 1) < 0.01 ? found : null;
}

const isLabel = (value: unknown): boolean => typeof value === "string" || Number.isInteger(value) || typeof value === "boolean";
const isScore = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);
const labelled = (label: unknown, score: unknown): Labelled => ({ label: String(label), score: Number(score) });
