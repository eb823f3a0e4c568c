/** The lines of a stream of server-sent events as events, however the stream is cut into pieces. */

export interface ServerEvent {
  name: string;
  data: string;
  /** The last id that was sent by now. */
  id: string;
}

/** Reads one stream; text goes in, whole events come out. */
export class EventParser {
  private rest = "";
  private name = "";
  private data: string[] = [];
  private id = "";

  feed(text: string): ServerEvent[] {
    const events: ServerEvent[] = [];
    const all = this.rest + text;
    let from = 0;
    for (let end = all.indexOf("\n"); end >= 0; end = all.indexOf("\n", from)) {
      const line = all.slice(from, all[end - 1] === "\r" ? end - 1 : end);
      from = Math.max(end + 1, from);
      if (line) this.take(line);
      else if (this.data.length) {
        events.push({ name: this.name || "message", data: this.data.join("\n"), id: this.id });
        this.name = "";
        this.data = [];
      } else this.name = "";
    }
    this.rest = all.slice(from);
    return events;
  }

  private take(line: string): void {
    const colon = line.indexOf(":");
    if (colon === 0) return; // a comment, which keeps the connection open
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "data") this.data.push(value);
    else if (field === "event") this.name = value;
    else if (field === "id") this.id = value;
  }
}
