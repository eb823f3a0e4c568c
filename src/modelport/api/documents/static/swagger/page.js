"use strict";
const root = document.getElementById("swagger-ui");
window.ui = SwaggerUIBundle({
  url: root.dataset.url,
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null, // else a badge asks validator.swagger.io about the document
  queryConfigEnabled: false, // else ?url=… would show the document of somebody else
  displayRequestDuration: true,
  docExpansion: "none", // but for the models, which people come for
  onComplete: () => ["models", "mlup", "lesson"].forEach((tag) => window.ui.layoutActions.show(["operations-tag", tag], true)),
  presets: [SwaggerUIBundle.presets.apis],
});
