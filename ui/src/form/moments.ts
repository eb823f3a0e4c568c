/** Dates and times as browsers edit them, and as the API takes them. */

/** What a date or time field of a browser shows for a value of the API: local time without a zone. */
export function editable(value: unknown, of: "date" | "time" | "date-time"): string {
  if (typeof value !== "string") return "";
  if (of === "date") return value.slice(0, 10);
  if (of === "time") return value.replace(/(Z|[+-]\d\d:?\d\d)$/i, "").slice(0, 8);
  const at = new Date(value);
  if (Number.isNaN(at.getTime())) return "";
  const pad = (number: number, length = 2): string => String(number).padStart(length, "0");
  const day = `${pad(at.getFullYear(), 4)}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
  return `${day}T${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
}

/** The value of the API for what a browser's field holds; a moment with its zone, so that no two readings differ. */
export function sendable(text: string, of: "date" | "time" | "date-time"): string | undefined {
  if (text === "") return undefined;
  if (of === "date") return text;
  if (of === "time") return text.length === 5 ? `${text}:00` : text;
  const at = new Date(text);
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString().replace(".000Z", "Z");
}
