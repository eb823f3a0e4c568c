/** All words of the page, in English. A text in braces is filled in: `t("models.found", { count: 3 })`. */
export const en = {
  // the frame around all rooms
  "app.skip": "Skip to the content",
  "app.rooms": "Rooms",
  "app.menu": "Menu",
  "app.api": "API documents",
  "app.theme": "Light or dark",
  "app.theme.light": "Light",
  "app.theme.dark": "Dark",
  "app.theme.system": "As the system",
  "app.language": "Language",
  "app.logIn": "Log in",
  "app.logOut": "Log out",
  "app.lost": "The server does not answer. The page goes on when it is back.",
  "app.notFound": "There is no such room.",
  "app.home": "To the models",

  // parts that rooms share
  "parts.loading": "Loading …",
  "parts.failed": "That did not work",
  "parts.retry": "Try again",
  "parts.close": "Close",
  "parts.cancel": "Cancel",
  "parts.copy": "Copy",
  "parts.copied": "Copied",
  "parts.download": "Download",
  "parts.request": "Request {id}",
  "parts.none": "Nothing yet.",

  // parts: curves
  "chart.curves": "Curves",
  "chart.label": "{label}: a chart; its values are in the table below",
  "chart.table": "As a table",
  "chart.whole": "Show all of it",
  "chart.step": "step",
  "chart.time": "time",
  "chart.ends": "min {min} at {minAt}, max {max} at {maxAt}",
  // part: tables
  "tables.rows": "{count} rows",
  "tables.csv": "Download CSV",

  // room: models
  "models.title": "Models",
  "models.search": "Search models",
  "models.none": "This server has no model that you may see.",
  "models.noneFound": "No model fits “{words}”.",
} as const;

export type TextKey = keyof typeof en;
