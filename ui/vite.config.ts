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

export default defineConfig({
  base: "./", // the server says by <base> where the page stands
  plugins: [vue(), emptied(), compressed()],
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
