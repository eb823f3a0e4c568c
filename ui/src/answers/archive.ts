/** What is in a zip, within bounds: a small one may hold more than a browser can. */

import { unzip, type UnzipFileInfo } from "fflate";

export interface Entry {
  name: string;
  size: number;
  /** `null` for one that is too large to be unpacked here. */
  content: Blob | null;
}

const MOST_ENTRIES = 1000;
const MOST_BYTES = 200_000_000; // of all that is unpacked
const STORED = 0;
const DEFLATED = 8;

/** The files of an archive. Rejects where it is none, or is broken. */
export async function entriesOf(archive: Blob, typeOf: (name: string) => string): Promise<{ entries: Entry[]; more: number }> {
  const told: UnzipFileInfo[] = [];
  let left = MOST_BYTES;
  const take = (info: UnzipFileInfo): boolean => {
    if (info.name.endsWith("/")) return false;
    told.push(info);
    const isTaken = told.length <= MOST_ENTRIES && info.originalSize <= left && (info.compression === STORED || info.compression === DEFLATED);
    if (isTaken) left -= info.originalSize;
    return isTaken;
  };
  const bytes = new Uint8Array(await archive.arrayBuffer());
  const found = await new Promise<Record<string, Uint8Array<ArrayBuffer>>>((resolve, reject) => {
    unzip(bytes, { filter: take }, (error, files) => (error ? reject(error) : resolve(files as Record<string, Uint8Array<ArrayBuffer>>)));
  });
  const entries = told.slice(0, MOST_ENTRIES).map(({ name, originalSize }): Entry => {
    const content = Object.hasOwn(found, name) ? found[name] : undefined;
    return { name, size: originalSize, content: content ? new Blob([content], { type: typeOf(name) }) : null };
  });
  return { entries, more: Math.max(0, told.length - MOST_ENTRIES) };
}
