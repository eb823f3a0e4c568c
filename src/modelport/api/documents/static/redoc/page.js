"use strict";
const root = document.getElementById("redoc");
Redoc.init(
  root.dataset.url,
  {
    hideDownloadButton: false,
    sanitize: true, // what models say of themselves is Markdown, not HTML with frames and forms
    theme: {
      typography: {
        fontFamily: "system-ui, sans-serif",
        headings: { fontFamily: "system-ui, sans-serif" },
        code: { fontFamily: "ui-monospace, monospace" },
      },
    },
  },
  root,
);
