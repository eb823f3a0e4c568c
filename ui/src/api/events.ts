/**
 * Server-sent events that go on after a restart of the server, from where they were.
 *
 * Read by `fetch`: an `EventSource` of Chromium takes ten times as long for a hundred thousand of them, and the page
 * stands still meanwhile. It also says why it was refused.
 */

import { Turns } from "@/parts/turns";
import { EventParser, type ServerEvent } from "./eventParser";
import { unknownCaller } from "./http";

export interface Following {
  /** Ends it, and its connection. */
  stop(): void;
}

const FIRST_WAIT = 500; // milliseconds before it asks again
const LONGEST_WAIT = 5000;
const SLICE = 1 << 14; // characters that are read at once: a piece of the network may have a million
const NO_MORE = 204;
/** What is no good now, and may be so later. */
const PASSING = new Set([401, 408, 425, 429]);

/**
 * Follows the events of a resource. `on` gets each by its name; an event that ends the stream is named in `until`.
 * `state` hears "open" and "lost": between those the server was not there, or the stream had ended. What is not
 * there at all (404), or not for who asks (403), is not asked for again.
 */
export function follow(
  address: string,
  names: string[],
  on: (name: string, data: unknown, id: string) => void,
  until: string[] = [],
  state: (now: "open" | "lost") => void = () => undefined,
): Following {
  const leaving = new AbortController();
  const wanted = new Set(names);
  let last = "";
  let wait = FIRST_WAIT;

  async function run(): Promise<void> {
    while (!leaving.signal.aborted) {
      const goesOn = await once().catch(() => true); // the network, or the server, is gone
      if (leaving.signal.aborted) return;
      state("lost");
      if (!goesOn) return;
      await pause(wait, leaving.signal);
      wait = Math.min(wait * 2, LONGEST_WAIT);
    }
  }

  /** Reads one stream to its end. Returns whether to ask again. Throws whatever `fetch` throws. */
  async function once(): Promise<boolean> {
    const headers = { accept: "text/event-stream", ...(last ? { "last-event-id": last } : {}) };
    const response = await fetch(address, { headers, signal: leaving.signal, cache: "no-store" });
    if (response.status === 401) unknownCaller.dispatchEvent(new Event("refused"));
    if (response.status === NO_MORE) return false;
    if (!response.ok || !response.body) {
      await response.body?.cancel();
      return response.status >= 500 || PASSING.has(response.status);
    }
    wait = FIRST_WAIT;
    state("open");
    await read(response.body);
    return true;
  }

  async function read(body: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    const parser = new EventParser();
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    const turns = new Turns();
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      for (let from = 0; from < piece.value.length; from += SLICE) {
        for (const event of parser.feed(piece.value.slice(from, from + SLICE))) {
          if (leaving.signal.aborted) return;
          take(event);
          if (turns.isOver) await turns.rest();
        }
      }
    }
  }

  function take(event: ServerEvent): void {
    if (event.id) last = event.id;
    if (!wanted.has(event.name)) return;
    on(event.name, parsed(event.data), event.id);
    if (until.includes(event.name)) stop();
  }

  function stop(): void {
    leaving.abort();
  }

  void run();
  return { stop };
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener("abort", end);
  });
}

function parsed(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return data;
  }
}
