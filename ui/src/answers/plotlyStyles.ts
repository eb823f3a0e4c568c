/**
 * Where Plotly puts the rules of its look. It would make a `<style>` of its own, which the page's policy forbids; what has
 * the id of that one, and a `sheet`, it takes instead: a sheet that no element holds, which the policy allows.
 */

const sheet = new CSSStyleSheet();
document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
const place = Object.assign(document.createElement("meta"), { id: "plotly.js-style-global", sheet });
document.head.append(place);

export {};
