import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import vue from "@vitejs/plugin-vue";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const built = resolve(import.meta.dirname, "../src/modelport/api/page");

/** Puts a compressed copy beside each file, so that the server compresses nothing. */
function compressed(): Plugin {
  return {
    name: "compressed",
    apply: "build",
    closeBundle() {
      const folder = join(built, "assets");
      for (const name of readdirSync(folder)) {
        const file = readFileSync(join(folder, name));
        if (file.length > 1024 && !name.endsWith(".gz")) {
          writeFileSync(join(folder, `${name}.gz`), gzipSync(file, { level: 9 }));
        }
      }
    },
  };
}

/** What was built before goes, but for the file that keeps the folder. */
function emptied(): Plugin {
  return {
    name: "emptied",
    apply: "build",
    buildStart() {
      rmSync(join(built, "assets"), { recursive: true, force: true });
    },
  };
}

const SETTERS = 2; // of attributes, in the D3 that is in Plotly 4.1.1: of a value, and of a function

/** Has Plotly set styles as the page's policy allows: by the object of an element's style, not by its attribute. */
function strictStyles(): Plugin {
  return {
    name: "strict-styles",
    transform(code, id) {
      if (!id.includes("plotly.js-cartesian-dist-min")) return null;
      let count = 0;
      const strict = code.replace(/this\.setAttribute\((\w),(\w)\)/g, (set, name: string, value: string) => {
        count += 1;
        return `(${name}==="style"?this.style.cssText=${value}:${set})`;
      });
      if (count !== SETTERS) this.error(`Plotly has ${count} setters of attributes where ${SETTERS} are known: look at them`);
      return { code: strict, map: null };
    },
  };
}

export default defineConfig({
  base: "./", // the server says by <base> where the page stands
  plugins: [vue(), strictStyles(), emptied(), compressed()],
  resolve: { alias: { "@": resolve(import.meta.dirname, "src") } },
  build: {
    outDir: built,
    emptyOutDir: false,
    assetsInlineLimit: 0,
    target: "es2022",
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1500,
  },
  test: { environment: "node", include: ["tests/**/*.test.ts"], setupFiles: ["tests/setup.ts"] },
});
