/** Light or dark: as the system says, unless the reader has chosen. */

import { computed, ref, watchEffect } from "vue";
import { kept } from "@/parts/kept";

export type Theme = "light" | "dark" | "system";

const THEMES: unknown[] = ["light", "dark", "system"];
const system = matchMedia("(prefers-color-scheme: dark)");
const systemIsDark = ref(system.matches);
system.addEventListener("change", () => (systemIsDark.value = system.matches));

export const theme = kept<Theme>("theme", "system", (value) => THEMES.includes(value));
export const isDark = computed(() => theme.value === "dark" || (theme.value === "system" && systemIsDark.value));

watchEffect(() => (document.documentElement.dataset["theme"] = isDark.value ? "dark" : "light"));

/** A colour of the look as it is now, for what draws on a canvas; read it again when `isDark` changes. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
