/** Small builders for page elements. Text goes in as text, never as markup. */

import { icon } from "./icons.js";
import { safeHref } from "./links.js";
import { t } from "./strings.js";

const RTL_LETTERS = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/;
// Web addresses and runs of digits: the parts that jump about inside right-to-left sentences.
const ISOLATED = /(https?:\/\/\S+|\+?\d[\d\s().\-]*\d)/;

/** Makes an element: `el("p.note", { dir: "auto" }, "text", child)`. Null children are skipped. */
export function el(selector, attributes = {}, ...children) {
  const [tag, ...classes] = selector.split(".");
  const node = document.createElement(tag);
  if (classes.length) node.className = classes.join(" ");
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

/** Text that only screen readers get. */
export function spoken(text) {
  return el("span.visually-hidden", {}, text);
}

/** A button with an optional icon in front of its words. */
export function button(selector, words, onclick, { iconName = null, ...attributes } = {}) {
  const face = iconName ? [icon(iconName)] : [];
  return el(`button.${selector}`, { type: "button", onclick, ...attributes }, face, el("span", {}, words));
}

/** Fills a node with text; in right-to-left text, numbers and addresses are isolated. */
export function fill(node, text) {
  if (!RTL_LETTERS.test(text)) {
    node.append(text);
    return node;
  }
  text.split(ISOLATED).forEach((part, index) => {
    node.append(index % 2 ? el("bdi", {}, part) : part);
  });
  return node;
}

/** A paragraph whose direction follows its own text. Line breaks in the text are kept. */
export function paragraph(selector, text) {
  return fill(el(selector, { dir: "auto" }), text);
}

/** A link to another site in a new tab; plain text when the address may not be followed. */
export function externalLink(selector, title, url) {
  const href = safeHref(url);
  if (href === null) return el("span", { dir: "auto" }, title);
  return el(
    selector,
    { href, target: "_blank", rel: "noopener noreferrer" },
    el("span", { dir: "auto" }, title),
    // A word joiner keeps the icon on the line of the last word.
    el("span.link-mark", {}, "\u2060", icon("external")),
    spoken(` (${t("opens_new_tab")})`),
  );
}

/** A link that starts a call or a text message, or null when its address may not be followed. */
export function actionLink(selector, iconName, words, address) {
  const href = safeHref(address);
  if (href === null || href.startsWith("https:")) return null;
  return el(selector, { href }, icon(iconName), el("span", {}, words));
}
