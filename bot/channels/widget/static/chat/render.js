/** Draws one reply of the API as a card of the conversation. */

import { bannerNote } from "./banners.js";
import { el, externalLink, paragraph, spoken } from "./dom.js";
import { contactsCard, emergencyCard, isCalm } from "./emergency.js";
import { feedbackRow } from "./feedback.js";
import { icon } from "./icons.js";
import { shortDate, t } from "./strings.js";

const SOURCES_SHOWN = 2;

/**
 * The card for a reply.
 *
 * `chat` is what a card may ask of the conversation: `ask(text)`, `showNumbers(country)`,
 * `rate(replyId, rating, reason)`, `say(text)`, and the `countries` and `country` of the session.
 */
export function replyCard(reply, chat) {
  return el(
    cardSelector(reply),
    { lang: reply.locale, dir: reply.dir, "data-kind": reply.kind, "data-code": reply.code },
    spoken(`${t("bot_said")}: `),
    reply.emergency ? emergencyCard(reply, chat) : answerBody(reply, chat),
    contactsCard(reply.contacts ?? []),
    linkList(reply.links ?? []),
    reply.disclaimer ? paragraph("p.disclaimer", reply.disclaimer) : null,
    reply.feedback ? feedbackRow(reply.reply_id, chat) : null,
  );
}

/** The quick replies of a reply as a group of buttons, or null when it has none. */
export function quickReplies(reply, chat) {
  const choices = reply.quick_replies ?? [];
  if (!choices.length) return null;
  const buttons = choices.map(({ title, text }) =>
    el("button.choice", { type: "button", dir: "auto", onclick: () => chat.ask(text) }, title),
  );
  return el(
    "div.choices",
    { role: "group", "aria-label": t("answer_choices"), lang: reply.locale, dir: reply.dir },
    buttons,
  );
}

function cardSelector({ emergency }) {
  if (!emergency) return "div.message.from-bot";
  return isCalm({ emergency }) ? "div.message.from-bot.alarm.calm" : "div.message.from-bot.alarm";
}

function answerBody(reply, chat) {
  const level = reply.entry ? "h3" : "h2";
  return [
    reply.call_now ? callNowStrip(reply.call_now) : null,
    // With a menu they would stand twice: all of them are on top of the chat.
    reply.entry ? relatedBanners(reply.banners ?? [], chat) : null,
    (reply.preface ?? []).map((text) => paragraph("p.preface", text)),
    reply.entry ? paragraph("h2.question", reply.entry.question) : null,
    reply.text ? paragraph("p.answer", reply.text) : null,
    // The fact comes first, the claim after it: what is read first is what is remembered.
    reply.myth ? mythBadge(reply.myth) : null,
    careBox(reply, level),
    moreDetails(reply.details ?? []),
    reply.conflict ? conflictNote(reply.conflict) : null,
    sourceList(reply, level),
    reply.review ? reviewLine(reply.review) : null,
  ].flat();
}

function callNowStrip(text) {
  return el("div.call-now", { role: "alert" }, icon("phone"), paragraph("p", text));
}

function relatedBanners(banners, chat) {
  const names = (code) => chat.countries.find((one) => one.code === code)?.name ?? code;
  return banners.map((banner) => bannerNote(banner, names));
}

function mythBadge({ claim, rating }) {
  return el(
    "p.myth",
    { dir: "auto" },
    el("span.myth-label", {}, t("myth_label")),
    " ",
    el("q", {}, claim),
    " \u2014 ",
    el("strong", {}, t(`myth_${rating}`)),
  );
}

function careBox(reply, level) {
  const urgent = reply.urgency?.action ?? null;
  if (!urgent && !reply.seek_care) return null;
  return el(
    "section.care",
    {},
    el(level, {}, icon("care"), t("answer_care")),
    urgent ? paragraph("p.care-now", urgent) : null,
    reply.seek_care && reply.seek_care !== urgent ? paragraph("p", reply.seek_care) : null,
  );
}

function moreDetails(details) {
  if (!details.length) return null;
  return el(
    "details.more.details",
    {},
    el("summary", {}, icon("chevron"), el("span", {}, t("answer_more"))),
    el("ul", {}, details.map((text) => paragraph("li", text))),
  );
}

function conflictNote(text) {
  return el("div.conflict", {}, icon("balance"), paragraph("p", text));
}

function sourceList(reply, level) {
  const sources = onePublisherEachFirst(reply.sources ?? []);
  if (!sources.length) return null;
  return el(
    "section.sources",
    {},
    el(level, {}, t("answer_sources")),
    sourceCards(sources.slice(0, SOURCES_SHOWN), reply.locale),
    moreSources(sources.slice(SOURCES_SHOWN), reply.locale),
  );
}

// Keeps the order, but lets nobody's second page push another publisher's first one out of sight.
function onePublisherEachFirst(sources) {
  const isFirst = ({ publisher }, index) =>
    sources.findIndex((other) => other.publisher === publisher) === index;
  const first = sources.filter(isFirst);
  return [...first, ...sources.filter((source) => !first.includes(source))];
}

function moreSources(sources, locale) {
  if (!sources.length) return null;
  const words = t("answer_sources_more", { count: sources.length });
  return el(
    "details.more",
    {},
    el("summary", {}, icon("chevron"), el("span", {}, words)),
    sourceCards(sources, locale),
  );
}

function sourceCards(sources, locale) {
  return el("ul.source-cards", {}, sources.map((source) => sourceCard(source, locale)));
}

function sourceCard(source, locale) {
  const dated = shortDate(source.source_date, locale);
  const read = shortDate(source.checked_on, locale);
  const facts = [
    source.section,
    dated && t("source_dated", { date: dated }),
    read && t("source_read", { date: read }),
  ].filter(Boolean);
  return el(
    "li.source",
    {},
    publisherMark(source.publisher),
    el(
      "div.source-text",
      {},
      externalLink("a.source-link", source.title, source.url),
      facts.length ? el("p.source-facts", {}, facts.map((fact) => el("bdi", {}, fact))) : null,
    ),
  );
}

function publisherMark(publisher) {
  return el("span.publisher", {}, publisher, spoken(":"));
}

function reviewLine({ text }) {
  return el("p.review", { dir: "auto" }, icon("check"), el("span", {}, text));
}

function linkList(links) {
  if (!links.length) return null;
  return el(
    "ul.links",
    { "aria-label": t("answer_links") },
    links.map(({ title, url, publisher }) =>
      el("li.source", {}, publisherMark(publisher), externalLink("a.source-link", title, url)),
    ),
  );
}

