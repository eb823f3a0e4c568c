/** Draws what was found in a picture over it, on a canvas of the picture's size. */

import type { Grid, Mark, Marks } from "./marks";

/** A mask that is ready to be drawn. */
export type Ready = ImageBitmap | Grid | null;

export interface Sheet {
  width: number;
  height: number;
  /** Pixels of the picture to one on the screen, so that lines and letters can be seen. */
  scale: number;
  colours: string[];
  /** What is written on a label. */
  ground: string;
  /** How opaque masks are: 0 to 1. */
  opacity: number;
}

/** Masks that are pictures become such as can be drawn; one that is no picture is left out. */
export async function readyMasks(marks: Mark[]): Promise<Ready[]> {
  return Promise.all(marks.map(({ mask }) => (mask instanceof Blob ? createImageBitmap(mask).catch(() => null) : mask)));
}

/** The colour of each label, by its first place among them. */
export function coloursOf(marks: Mark[], colours: string[]): string[] {
  const labels = [...new Set(marks.map((mark) => mark.label))];
  return marks.map((mark, index) => colours[(labels.length > 1 ? labels.indexOf(mark.label) : index) % colours.length] ?? "");
}

/** Draws the marks that are `shown`. */
export function drawMarks(context: OffscreenCanvasRenderingContext2D, found: Marks, masks: Ready[], shown: boolean[], sheet: Sheet): void {
  const [width, height] = found.isRelative ? [1, 1] : (found.size ?? [sheet.width, sheet.height]);
  const across = sheet.width / width;
  const down = sheet.height / height;
  const colours = coloursOf(found.marks, sheet.colours);
  context.clearRect(0, 0, sheet.width, sheet.height);
  found.marks.forEach((mark, index) => {
    if (!shown[index]) return;
    const colour = colours[index] ?? "";
    drawMask(context, masks[index] ?? null, mark.box && isSmall(masks[index] ?? null, sheet) ? boxed(mark, across, down) : whole(sheet), colour, sheet);
    outline(context, mark, across, down, colour, sheet);
    frame(context, mark, across, down, colour, sheet);
  });
}

interface Place {
  left: number;
  top: number;
  width: number;
  height: number;
}

const whole = (sheet: Sheet): Place => ({ left: 0, top: 0, width: sheet.width, height: sheet.height });

function boxed({ box }: Mark, across: number, down: number): Place {
  const { left = 0, top = 0, right = 0, bottom = 0 } = box ?? {};
  return { left: left * across, top: top * down, width: (right - left) * across, height: (bottom - top) * down };
}

/** Whether a mask is that of its box alone: it has another form than the picture. */
function isSmall(mask: Ready, sheet: Sheet): boolean {
  if (!mask) return false;
  const [width, height] = mask instanceof ImageBitmap ? [mask.width, mask.height] : [mask[0]?.length ?? 1, mask.length];
  return Math.abs(width / height - sheet.width / sheet.height) > 0.05 * (width / height);
}

function drawMask(context: OffscreenCanvasRenderingContext2D, mask: Ready, place: Place, colour: string, sheet: Sheet): void {
  if (!mask) return;
  const layer = mask instanceof ImageBitmap ? layerOfPicture(mask, colour) : layerOfGrid(mask, sheet.colours, colour);
  context.globalAlpha = sheet.opacity;
  context.imageSmoothingEnabled = false;
  context.drawImage(layer, place.left, place.top, place.width, place.height);
  context.globalAlpha = 1;
}

function layerOfPicture(mask: ImageBitmap, colour: string): OffscreenCanvas {
  const layer = new OffscreenCanvas(mask.width, mask.height);
  const context = layer.getContext("2d");
  if (!context) return layer;
  context.drawImage(mask, 0, 0);
  const pixels = context.getImageData(0, 0, mask.width, mask.height);
  const { data } = pixels;
  for (let at = 0; at < data.length; at += 4) {
    const isPart = Math.max(data[at] ?? 0, data[at + 1] ?? 0, data[at + 2] ?? 0) > 0 && (data[at + 3] ?? 0) > 0;
    data[at + 3] = isPart ? 255 : 0;
  }
  context.putImageData(pixels, 0, 0);
  tint(context, colour, mask.width, mask.height);
  return layer;
}

function layerOfGrid(mask: Grid, colours: string[], colour: string): OffscreenCanvas {
  const width = mask[0]?.length ?? 1;
  const layer = new OffscreenCanvas(width, mask.length);
  const context = layer.getContext("2d");
  if (!context) return layer;
  const highest = mask.reduce((most, row) => Math.max(most, ...row), 0);
  mask.forEach((row, y) =>
    row.forEach((value, x) => {
      const isPart = highest <= 1 ? value > 0.5 : value >= 1;
      if (!isPart) return;
      context.fillStyle = highest <= 1 ? colour : (colours[(Math.round(value) - 1) % colours.length] ?? colour);
      context.fillRect(x, y, 1, 1);
    }),
  );
  return layer;
}

function tint(context: OffscreenCanvasRenderingContext2D, colour: string, width: number, height: number): void {
  context.globalCompositeOperation = "source-in";
  context.fillStyle = colour;
  context.fillRect(0, 0, width, height);
}

function outline(context: OffscreenCanvasRenderingContext2D, mark: Mark, across: number, down: number, colour: string, sheet: Sheet): void {
  for (const points of mark.outlines) {
    context.beginPath();
    for (const [x, y] of points) context.lineTo(x * across, y * down);
    context.closePath();
    context.fillStyle = context.strokeStyle = colour;
    context.globalAlpha = sheet.opacity;
    context.fill();
    context.globalAlpha = 1;
    context.lineWidth = 2 * sheet.scale;
    context.stroke();
  }
}

function frame(context: OffscreenCanvasRenderingContext2D, mark: Mark, across: number, down: number, colour: string, sheet: Sheet): void {
  const first = mark.outlines[0]?.[0];
  const place = boxed(mark, across, down);
  if (mark.box) {
    context.strokeStyle = colour;
    context.lineWidth = 2 * sheet.scale;
    context.strokeRect(place.left, place.top, place.width, place.height);
  } else if (!first) return;
  if (!mark.label) return;
  const size = 13 * sheet.scale;
  context.font = `600 ${size}px sans-serif`;
  const text = mark.label.slice(0, 60);
  const width = context.measureText(text).width + size * 0.6;
  const left = mark.box ? place.left : (first?.[0] ?? 0) * across;
  const above = (mark.box ? place.top : (first?.[1] ?? 0) * down) - size * 1.35;
  const top = Math.max(0, above);
  context.fillStyle = colour;
  context.fillRect(left - sheet.scale, top, width, size * 1.35);
  context.fillStyle = sheet.ground;
  context.textBaseline = "middle";
  context.fillText(text, left + size * 0.3 - sheet.scale, top + size * 0.72);
}
