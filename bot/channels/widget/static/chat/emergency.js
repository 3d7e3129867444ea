/** The emergency card, and the card of people one can talk to. */

import { actionLink, button, el, externalLink, paragraph } from "./dom.js";
import { icon } from "./icons.js";
import { shortDate, t } from "./strings.js";

// People in these situations are met with calm; the way to help is as plain as in the others.
const CALM = ["self_harm", "abuse"];

/** Whether a reply asks for a calm card. */
export function isCalm(reply) {
  return CALM.includes(reply.emergency.category);
}

/** The card that puts the way to help before everything else. */
export function emergencyCard(reply, chat) {
  const { emergency } = reply;
  return el(
    "section.emergency",
    { "data-category": emergency.category },
    // The only part that interrupts a screen reader; the rest is read in turn.
    el(
      "div.emergency-lead",
      { role: "alert" },
      isCalm(reply)
        ? el("h2", {}, icon("care"), t("emergency_title_calm"))
        : el("h2", {}, icon("alert"), t("emergency_title")),
      reply.call_now && reply.call_now !== reply.text ? paragraph("p", reply.call_now) : null,
      paragraph("p", reply.text),
    ),
    emergency.country_hint ? countryAsk(reply, chat) : null,
    lineList(emergency.lines ?? [], reply.locale),
    stepList(emergency.steps ?? []),
    (reply.preface ?? []).map((text) => paragraph("p.emergency-note", text)),
    emergency.country_hint ? null : elsewhere(emergency.country, reply, chat),
  );
}

/** People and places to talk to, each with a phone number or a page; null when there are none. */
export function contactsCard(contacts) {
  if (!contacts.length) return null;
  return el(
    "section.contacts",
    {},
    el("h2", {}, t("contacts_title")),
    el("ul", {}, contacts.map(contactRow)),
  );
}

function contactRow({ name, phone, tel, url, hours }) {
  return el(
    "li.contact",
    {},
    el("p.line-name", { dir: "auto" }, el("span", {}, name), hoursMark(hours)),
    phone && tel ? callLink("a.call", phone, tel) : null,
    url ? externalLink("a.line-page", t("emergency_visit", { name }), url) : null,
  );
}

function lineList(lines, locale) {
  if (!lines.length) return null;
  return el(
    "ul.lines",
    { "aria-label": t("emergency_lines") },
    lines.map((line) => lineRow(line, locale)),
  );
}

function lineRow({ name, number, tel, sms, url, hours, publisher, checked_on: checkedOn }, locale) {
  const checked = shortDate(checkedOn, locale);
  const facts = [publisher, checked && t("emergency_checked", { date: checked })].filter(Boolean);
  return el(
    "li.line",
    {},
    el("p.line-name", { dir: "auto" }, el("span", {}, name), hoursMark(hours)),
    number && tel ? callLink("a.call", number, tel) : null,
    sms ? actionLink("a.text-line", "message", sms.label, sms.href) : null,
    url ? externalLink("a.line-page", t("emergency_visit", { name }), url) : null,
    facts.length ? el("p.line-facts", {}, facts.map((fact) => el("bdi", {}, fact))) : null,
  );
}

function callLink(selector, number, tel) {
  // The number is isolated so that it keeps its order inside right-to-left words.
  const isolated = `\u2068${number}\u2069`;
  const link = actionLink(selector, "phone", t("emergency_call", { number: isolated }), tel);
  return link ?? el("p.call-number", {}, el("bdi", {}, number));
}

function hoursMark(hours) {
  return hours ? el("bdi.hours", {}, hours) : null;
}

function stepList(steps) {
  if (!steps.length) return null;
  return el(
    "ol.steps",
    { "aria-label": t("emergency_steps") },
    steps.map((text) => paragraph("li", text)),
  );
}

function countryAsk(reply, chat) {
  return el(
    "div.country-ask",
    {},
    paragraph("p", reply.emergency.country_hint),
    countryForm(reply, chat),
  );
}

function elsewhere(code, reply, chat) {
  const here = chat.countries.find((country) => country.code === code);
  if (!here || chat.countries.length < 2) return null;
  return el(
    "details.more",
    {},
    el(
      "summary",
      {},
      icon("chevron"),
      el("span", {}, t("emergency_elsewhere", { country: here.name })),
    ),
    countryForm(reply, chat),
  );
}

function countryForm(reply, chat) {
  if (!chat.countries.length) return null;
  const id = `country-${reply.reply_id}`;
  const select = el(
    "select",
    { id, required: true },
    el("option", { value: "" }, t("country_choose")),
    chat.countries.map(({ code, name }) => el("option", { value: code }, name)),
  );
  const show = button("choose", t("country_show"), () => {
    if (select.value) chat.showNumbers(select.value);
    else select.focus();
  });
  return el(
    "div.country-form",
    {},
    el("label", { for: id }, icon("pin"), t("country_label")),
    el("div.country-row", {}, select, show),
  );
}
