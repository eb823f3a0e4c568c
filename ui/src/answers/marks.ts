/** What a model has found in a picture: boxes, outlines and masks, in the forms that models answer them. */

import { isObject } from "@/api/problems";
import { fileInText } from "./media";
import { LABEL_KEYS, SCORE_KEYS } from "./labels";

type Point = [number, number];

/** One thing in a picture. Places are pixels, or shares of the picture's sides. */
export interface Mark {
  label: string;
  score: number | null;
  box: { left: number; top: number; right: number; bottom: number } | null;
  outlines: Point[][];
  mask: Blob | Grid | null;
}

/** A mask as rows of numbers: 0 is nothing, any other is part of it, and which class it is. */
export type Grid = number[][];

export interface Marks {
  kind: "marks";
  marks: Mark[];
  /** Whether places are shares, of 0 to 1. */
  isRelative: boolean;
  /** The picture itself, if the answer has it. */
  picture: Blob | null;
  /** Pixels of the picture that places are meant for, if the answer says so. */
  size: Point | null;
  value: unknown;
  /** The members that it was read from, where the rest of an object says other things. */
  used: string[];
}

const BOX_KEYS = ["box", "bbox", "bounding_box", "boundingBox", "bounding box", "xyxy", "xywh", "rect", "rectangle", "region"];
const OUTLINE_KEYS = ["polygon", "polygons", "segments", "segmentation", "outline", "contour", "points"];
const MASK_KEYS = ["mask", "masks", "segmentation_mask", "segmentation_map", "segmentation", "mask_png"];
const PICTURE_KEYS = ["image", "picture", "img", "original", "annotated"];
const NAME_KEYS = [...LABEL_KEYS, "object", "object name", "object_name", "category_id", "class_id"];
const MOST = 5000;

/** What an answer says is in a picture; `null` where it says nothing of that kind. */
export function marksOf(value: unknown): Marks | null {
  const list = Array.isArray(value) ? marksOfList(value) : isObject(value) ? marksOfObject(value) : null;
  if (!list || list.length === 0 || list.length > MOST) return null;
  const places = list.flatMap((mark) => [
    ...(mark.box ? [mark.box.left, mark.box.top, mark.box.right, mark.box.bottom] : []),
    ...mark.outlines.flat(2),
  ]);
  const isRelative = places.length > 0 && places.every((place) => place >= -0.01 && place <= 1.01);
  const own = isObject(value) ? value : {};
  return { kind: "marks", marks: list, isRelative, picture: pictureOf(own), size: sizeOf(own), value, used: usedOf(own) };
}

/** The members of an object that marks are made of, or that say again what they say. */
function usedOf(value: Record<string, unknown>): string[] {
  const list = LISTS.find((key) => Array.isArray(value[key]) && value[key].length > 0 && marksOfList(value[key]));
  const beside = list === undefined ? [...BOX_LISTS, ...MASK_KEYS, ...LABELS_BESIDE, ...SCORES_BESIDE, "box_format", "format"] : [list];
  return [...beside, ...PICTURE_KEYS, ...SIZE_KEYS].filter((key) => key in value);
}

function marksOfList(list: unknown[]): Mark[] | null {
  // One list a picture, as detectors of several pictures answer: that of the first.
  if (list.length === 1 && Array.isArray(list[0]) && list[0].some(isObject)) return marksOfList(list[0]);
  if (list.length > MOST) return null;
  const marks: Mark[] = [];
  for (const item of list) {
    const mark = isObject(item) ? markOf(item) : null;
    if (!mark) return null; // of a table the first row tells
    marks.push(mark);
  }
  return marks;
}

const BOX_LISTS = ["boxes", "bboxes", "box", "bbox"];
const LABELS_BESIDE = ["labels", "classes", "class_names", "names", "label", "categories"];
const SCORES_BESIDE = ["scores", "probabilities", "confidences", "confidence", "score"];
const SIZE_KEYS = ["width", "image_width", "height", "image_height"];
const LISTS = ["predictions", "detections", "objects", "instances", "annotations", "boxes", "results", "segments"];

function marksOfObject(value: Record<string, unknown>): Mark[] | null {
  for (const key of LISTS) {
    const list = value[key];
    if (Array.isArray(list) && list.length > 0) {
      const found = marksOfList(list);
      if (found) return found;
    }
  }
  return besideEachOther(value) ?? wholeMask(value);
}

/** `{"boxes": [[…]], "labels": […], "scores": […], "masks": […]}` */
function besideEachOther(value: Record<string, unknown>): Mark[] | null {
  const boxes = BOX_LISTS.map((key) => value[key]).find((one) => Array.isArray(one) && one.every(isFour));
  if (!Array.isArray(boxes) || boxes.length === 0) return null;
  const format = String(value["box_format"] ?? value["format"] ?? "");
  const at = (keys: string[], index: number): unknown => {
    const list = keys.map((key) => value[key]).find((one) => Array.isArray(one) && one.length === boxes.length);
    return Array.isArray(list) ? list[index] : undefined;
  };
  const isSized = format === "xywh" || ("bbox" in value && format === "coco");
  return boxes.map((box, index) => {
    const score = at(SCORES_BESIDE, index);
    return {
      label: text(at(LABELS_BESIDE, index)),
      score: typeof score === "number" ? score : null,
      box: boxOf(box, isSized),
      outlines: [],
      mask: maskOf(at(["masks"], index)),
    };
  });
}

/** A mask of the whole picture, alone or beside other things. */
function wholeMask(value: Record<string, unknown>): Mark[] | null {
  for (const key of MASK_KEYS) {
    const given = value[key];
    const several = Array.isArray(given) && given.length > 0 && !isGrid(given) ? given.map(maskOf) : [maskOf(given)];
    const masks = several.filter((one) => one !== null);
    if (masks.length > 0 && masks.length === several.length) {
      return masks.map((mask, index) => ({ label: masks.length > 1 ? String(index + 1) : "", score: null, box: null, outlines: [], mask }));
    }
  }
  return null;
}

function markOf(item: Record<string, unknown>): Mark | null {
  const boxKey = BOX_KEYS.find((key) => boxOf(item[key], false) !== null);
  const isSized = boxKey === "xywh" || item["box_format"] === "xywh" || (boxKey === "bbox" && "category_id" in item);
  const box = boxKey === undefined ? boxOf(item, false) : boxOf(item[boxKey], isSized);
  const outlines = OUTLINE_KEYS.map((key) => outlinesOf(item[key])).find((one) => one.length > 0) ?? [];
  const mask = MASK_KEYS.map((key) => maskOf(item[key])).find((one) => one !== null) ?? null;
  if (!box && outlines.length === 0 && !mask) return null;
  const nameKey = NAME_KEYS.find((key) => typeof item[key] === "string") ?? NAME_KEYS.find((key) => typeof item[key] === "number");
  const scoreKey = SCORE_KEYS.find((key) => typeof item[key] === "number");
  const score = scoreKey === undefined ? null : item[scoreKey];
  return { label: nameKey === undefined ? "" : text(item[nameKey]), score: typeof score === "number" ? score : null, box, outlines, mask };
}

const CORNERS = [
  ["xmin", "ymin", "xmax", "ymax"],
  ["x_min", "y_min", "x_max", "y_max"],
  ["x1", "y1", "x2", "y2"],
  ["left", "top", "right", "bottom"],
];
const SIZES = [
  ["x", "y", "width", "height"],
  ["x", "y", "w", "h"],
  ["left", "top", "width", "height"],
];

function boxOf(value: unknown, isSized: boolean): Mark["box"] {
  if (isFour(value)) return corners(value, isSized || value[2] <= value[0] || value[3] <= value[1]);
  if (!isObject(value)) return null;
  for (const [keys, sized] of [...CORNERS.map((one) => [one, false] as const), ...SIZES.map((one) => [one, true] as const)]) {
    const four = keys.map((key) => value[key]);
    if (isFour(four)) return corners(four, sized);
  }
  return null;
}

function corners([first, second, third, fourth]: Four, isSized: boolean): Mark["box"] {
  if (isSized) return { left: first, top: second, right: first + third, bottom: second + fourth };
  return { left: Math.min(first, third), top: Math.min(second, fourth), right: Math.max(first, third), bottom: Math.max(second, fourth) };
}

type Four = [number, number, number, number];

const isNumbers = (value: unknown): value is number[] =>
  Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === "number" && Number.isFinite(one));
const isFour = (value: unknown): value is Four => isNumbers(value) && value.length === 4;
const isPoint = (value: unknown): value is Point => isNumbers(value) && value.length === 2;

/** Outlines: points, lists of points, or COCO's lists of numbers, two a point; ultralytics' `{"x": […], "y": […]}`. */
function outlinesOf(value: unknown): Point[][] {
  if (isObject(value)) {
    const { x, y } = value;
    if (isNumbers(x) && isNumbers(y) && x.length === y.length && x.length > 2) return [x.map((one, index): Point => [one, y[index] ?? 0])];
    return [];
  }
  if (!Array.isArray(value) || value.length === 0) return [];
  if (value.length > 2 && value.every(isPoint)) return [value];
  if (isNumbers(value)) return value.length >= 6 && value.length % 2 === 0 ? [pairs(value)] : [];
  const found = value.map(outlinesOf);
  return found.every((one) => one.length === 1) ? found.flat() : [];
}

const pairs = (numbers: number[]): Point[] =>
  Array.from({ length: numbers.length / 2 }, (_, index): Point => [numbers[2 * index] ?? 0, numbers[2 * index + 1] ?? 0]);

function isGrid(value: unknown): value is Grid {
  if (!Array.isArray(value) || value.length < 8) return false; // smaller is hardly a picture
  const width: unknown = Array.isArray(value[0]) ? value[0].length : 0;
  return typeof width === "number" && width >= 8 && value.every((row) => isNumbers(row) && row.length === width);
}

function maskOf(value: unknown): Mark["mask"] {
  if (isGrid(value)) return value;
  if (Array.isArray(value) && value.length >= 8 && value.every((row) => Array.isArray(row) && row.every((one) => typeof one === "boolean"))) {
    return maskOf(value.map((row: unknown) => (Array.isArray(row) ? row.map(Number) : [])));
  }
  const file = typeof value === "string" ? fileInText(value) : null;
  return file?.type.startsWith("image/") ? file : null;
}

function pictureOf(value: Record<string, unknown>): Blob | null {
  for (const key of PICTURE_KEYS) {
    const given = value[key];
    const file = typeof given === "string" ? fileInText(given) : null;
    if (file?.type.startsWith("image/")) return file;
  }
  return null;
}

function sizeOf(value: Record<string, unknown>): Point | null {
  const both = [value["width"] ?? value["image_width"], value["height"] ?? value["image_height"]];
  return isPoint(both) && both[0] > 0 && both[1] > 0 ? both : null;
}

const text = (value: unknown): string => (value === undefined || value === null ? "" : String(value));
