import { readFileSync } from "node:fs";
import { afterEach, describe, expect, test, vi } from "vitest";
import { said, SENTENCES } from "../src/rooms/operations/driftWords";
import { language, t } from "../src/texts";

/** The German words come in a file of their own. */
async function inGerman(): Promise<void> {
  language.value = "de";
  await vi.waitFor(() => expect(t("drift.now")).toBe("Jetzt"));
}

const NO_REFERENCE = "no training of this version has recorded a reference (current_job().reference); a time of the log can be one: reference=7d, or --reference 7d";
const SERVER = ["comparing", "report"].map((name) => readFileSync(`../src/modelport/monitoring/${name}.py`, "utf8")).join("\n");

describe("what a report on drift says", () => {
  afterEach(() => {
    language.value = "en";
  });

  test("is in the language of the page, sentence by sentence", async () => {
    await inGerman();
    expect(said("too few: 7 rows, 12 of the reference; 30 are needed")).toBe("zu wenige: 7 Zeilen, 12 der Referenz; nötig sind 30");
    expect(said("too few calls: 3, 30 are needed; there are more columns than are looked at")).toBe("zu wenige Aufrufe: 3, nötig sind 30; es gibt mehr Spalten, als angesehen werden");
    expect(said("missing in 12.5%; too few values that are not missing")).toBe("fehlt in 12,5 %; zu wenige Werte, die nicht fehlen");
    expect(said("it is a number, and a category in the reference")).toBe("jetzt: Zahl, in der Referenz: Kategorie");
    expect(said(NO_REFERENCE)).toMatch(/^kein Training dieser Version/);
    expect(said("")).toBe("");
  });

  test("stays as it is where the page does not know it", async () => {
    await inGerman();
    expect(said("something new; the reference has no such column")).toBe("something new; die Referenz hat keine solche Spalte");
  });

  test.each(SENTENCES.map(([pattern]) => pattern.source))("is what the server writes: %s", (source) => {
    const parts = source.replace(/^\^|\$$/g, "").split(/\(\[?\\?[\w.\\\]]+\+?\)|\\|\.\*/);
    for (const part of parts.filter((one) => one.trim().length > 4)) expect(SERVER.replace(/"\s+(f?)"/g, "")).toContain(part);
  });
});
