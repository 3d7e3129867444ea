/** Starts the chat page and joins its parts. */

import { Announcer } from "./chat/announcer.js";
import { Banners } from "./chat/banners.js";
import { Composer } from "./chat/composer.js";
import { Conversation } from "./chat/conversation.js";
import { Host } from "./chat/host.js";
import { icon } from "./chat/icons.js";
import { Log } from "./chat/log.js";
import { Options } from "./chat/options.js";
import { loadStrings, t } from "./chat/strings.js";
import { Transport, TransportError } from "./chat/transport.js";

const $ = (id) => document.getElementById(id);
const parameters = new URLSearchParams(location.search);
const TOUCH = matchMedia("(hover: none) and (pointer: coarse)");
const locale = document.documentElement.lang;

/** The page's two views: the notice to agree to, and the conversation. */
class Page {
  #agreed = false;

  constructor() {
    const country = (parameters.get("country") ?? "").trim().toUpperCase();
    this.transport = new Transport({
      base: new URL("../api/v1/", location).href,
      locale,
      country: /^[A-Z]{2}$/.test(country) ? country : null,
      drill: parameters.get("drill"),
    });
    this.announcer = new Announcer($("announcer"));
    this.log = new Log($("log"));
    const say = (text) => this.announcer.say(text);
    this.composer = new Composer($("composer"), { onSend: (text) => this.talk.ask(text), say });
    this.talk = new Conversation({
      transport: this.transport,
      log: this.log,
      composer: this.composer,
      typing: $("typing"),
      announcer: this.announcer,
      rest: () => this.#rest(),
    });
    this.options = new Options($("options"), $("options-open"), {
      country: () => this.transport.country,
      chooseCountry: (code) => (this.transport.country = code),
      loadTopics: () => this.transport.topics(),
      ask: (text) => this.talk.ask(text),
      clear: () => this.talk.clear(),
      showNotice: () => this.#show("notice", true),
      say,
    });
    this.banners = new Banners($("banners"), {
      load: () => this.transport.banners(),
      names: (code) => this.talk.countries.find((one) => one.code === code)?.name ?? code,
      say,
    });
    this.host = new Host(parameters.get("host"), () => this.#focus());
    this.#wire();
  }

  /** Opens a session and shows its notice, or says kindly that it did not work. */
  async start() {
    this.announcer.say(t("page_starting"));
    try {
      const session = await this.transport.start();
      this.talk.session = session;
      this.composer.limit = session.max_message_characters;
      this.options.setCountries(session.countries);
      this.#fillNotice(session.notice, session);
      this.#show("notice");
      this.announcer.say("");
      this.banners.look();
    } catch (error) {
      if (!(error instanceof TransportError)) reportError(error);
      this.#showStartFailure();
    }
  }

  #wire() {
    $("agree").addEventListener("click", () => this.#agree());
    $("finish-notice").addEventListener("click", () => this.#show("notice", true));
    $("help-now").addEventListener("click", () => this.#help());
    $("close").hidden = !this.host.embedded;
    $("chat").classList.toggle("embedded", this.host.embedded);
    $("close").addEventListener("click", () => this.host.close());
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.isComposing || event.defaultPrevented) return;
      // An open dialog takes Escape for itself.
      if (!$("options").open) this.host.close();
    });
  }

  // Help comes before agreeing to anything; typing a question comes after.
  #help() {
    this.#show("conversation");
    this.talk.askAtOnce(t("help_now_text"));
  }

  #agree() {
    const first = !this.#agreed;
    this.#agreed = true;
    this.#show("conversation");
    if (first) this.talk.welcome();
    this.#rest();
  }

  // On a touch screen the box would raise the keyboard over the answer.
  #rest() {
    if (TOUCH.matches) this.log.focus();
    else this.composer.focus();
  }

  #show(view, focus = false) {
    const notice = view === "notice";
    $("notice").hidden = !notice;
    $("conversation").hidden = notice;
    $("composer").hidden = notice || !this.#agreed;
    $("finish-notice").hidden = notice || this.#agreed;
    $("options-open").hidden = !this.#agreed;
    $("chat").dataset.view = view;
    if (notice && focus) this.#focus();
  }

  #focus() {
    if (!$("notice").hidden) $("notice-title").focus({ preventScroll: true });
    else if (!$("composer").hidden) this.#rest();
    else this.log.focus();
  }

  #fillNotice(notice, { locale: language, dir }) {
    $("notice").lang = language;
    $("notice").dir = dir;
    $("notice-title").textContent = notice.title;
    $("notice-text").textContent = notice.text;
    $("agree").textContent = notice.agree;
    const points = notice.points.map((text) => {
      const item = document.createElement("li");
      item.append(icon("check"), text);
      return item;
    });
    $("notice-points").replaceChildren(...points);
  }

  #showStartFailure() {
    this.#show("conversation");
    $("finish-notice").hidden = true;
    this.log.addFailure({ kind: "start" }, () => {
      this.log.clear();
      this.start();
    });
  }
}

function fillWords() {
  for (const node of document.querySelectorAll("[data-text]")) {
    node.textContent = t(node.dataset.text);
  }
  for (const node of document.querySelectorAll("[data-label]")) {
    node.setAttribute("aria-label", t(node.dataset.label));
    if (node.localName === "button") node.title = t(node.dataset.label);
  }
  for (const node of document.querySelectorAll("[data-placeholder]")) {
    node.placeholder = t(node.dataset.placeholder);
  }
  for (const node of document.querySelectorAll("[data-icon]")) {
    node.prepend(icon(node.dataset.icon));
  }
}

async function boot() {
  await loadStrings(new URL(`strings.json?${new URLSearchParams({ locale })}`, location));
  fillWords();
  const page = new Page();
  $("out-of-reach").remove();
  $("chat").hidden = false;
  await page.start();
  page.host.ready();
}

boot().catch(() => {
  // The page already holds the words for this; they need no script.
  $("out-of-reach")?.classList.add("now");
});
