import type { TextKey } from "./en";

/** The same in German. */
export const de: Record<TextKey, string> = {
  "app.skip": "Zum Inhalt springen",
  "app.rooms": "Räume",
  "app.menu": "Menü",
  "app.api": "API-Dokumente",
  "app.theme": "Hell oder dunkel",
  "app.theme.light": "Hell",
  "app.theme.dark": "Dunkel",
  "app.theme.system": "Wie das System",
  "app.language": "Sprache",
  "app.logIn": "Anmelden",
  "app.logOut": "Abmelden",
  "app.lost": "Der Server antwortet nicht. Die Seite macht weiter, sobald er wieder da ist.",
  "app.notFound": "Diesen Raum gibt es nicht.",
  "app.home": "Zu den Modellen",

  "parts.loading": "Lädt …",
  "parts.failed": "Das hat nicht geklappt",
  "parts.retry": "Noch einmal versuchen",
  "parts.close": "Schließen",
  "parts.cancel": "Abbrechen",
  "parts.copy": "Kopieren",
  "parts.copied": "Kopiert",
  "parts.download": "Herunterladen",
  "parts.request": "Anfrage {id}",
  "parts.none": "Noch nichts.",

  "chart.curves": "Kurven",
  "chart.label": "{label}: ein Diagramm; seine Werte stehen in der Tabelle darunter",
  "chart.table": "Als Tabelle",
  "chart.whole": "Alles zeigen",
  "chart.step": "Schritt",
  "chart.time": "Zeit",
  "chart.ends": "min {min} bei {minAt}, max {max} bei {maxAt}",

  "models.title": "Modelle",
  "models.search": "Modelle suchen",
  "models.none": "Auf diesem Server ist kein Modell, das Sie sehen dürfen.",
  "models.noneFound": "Kein Modell passt zu „{words}“.",
};
