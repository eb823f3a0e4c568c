/** What modules of the page ask a browser for when they are loaded, so that their logic runs in Node. */

const page = { baseURI: "http://localhost:8080/ui/", documentElement: { lang: "en", dataset: {} }, createElement: () => ({}) };

Object.defineProperty(globalThis, "navigator", { value: { language: "en-GB" }, configurable: true });
Object.defineProperty(globalThis, "document", { value: page, configurable: true });
