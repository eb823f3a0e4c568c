/** Server-sent events that go on after a restart of the server: the browser asks again, from where it was. */

export interface Following {
  /** Ends it, and its connection. */
  stop(): void;
}

/**
 * Follows the events of a resource. `on` gets each by its name; an event that ends the stream is named in `until`.
 * `state` hears "open" and "lost": between those the server was not there.
 */
export function follow(
  address: string,
  names: string[],
  on: (name: string, data: unknown, id: string) => void,
  until: string[] = [],
  state: (now: "open" | "lost") => void = () => undefined,
): Following {
  let source: EventSource | null = null;
  let again: ReturnType<typeof setTimeout> | undefined;
  let wait = 500;
  let last = "";

  function open(): void {
    const from = last ? `${address.includes("?") ? "&" : "?"}after=${encodeURIComponent(last)}` : "";
    source = new EventSource(address + from);
    source.onopen = () => {
      wait = 500;
      state("open");
    };
    source.onerror = () => {
      state("lost");
      // A browser gives up where it was refused, as a server that starts does.
      if (source?.readyState === EventSource.CLOSED) {
        clearTimeout(again);
        again = setTimeout(open, wait);
        wait = Math.min(wait * 2, 10_000);
      }
    };
    for (const name of names) {
      source.addEventListener(name, (event: MessageEvent<string>) => {
        if (event.lastEventId) last = event.lastEventId;
        on(name, parsed(event.data), event.lastEventId);
        if (until.includes(name)) stop();
      });
    }
  }

  function stop(): void {
    clearTimeout(again);
    source?.close();
    source = null;
  }

  open();
  return { stop };
}

function parsed(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return data;
  }
}
