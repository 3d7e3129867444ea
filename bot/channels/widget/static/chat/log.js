/** The conversation on the page. Messages are only ever added at its end. */

import { button, el, externalLink, fill, spoken } from "./dom.js";
import { t } from "./strings.js";

// Where a person can read on when the answers cannot be reached.
const CDC = "https://www.cdc.gov/";
const WHO = "https://www.who.int/";
const GAP_PX = 12;

/** Draws messages into a `role=log` element that is on the page from the start. */
export class Log {
  #node;
  #lastQuestion = null;

  constructor(node) {
    this.#node = node;
  }

  /** Adds what the person wrote. */
  addQuestion(text) {
    this.#lastQuestion = el(
      "div.message.from-person",
      {},
      spoken(`${t("you_said")}: `),
      fill(el("p.bubble", { dir: "auto" }), text),
    );
    this.#add(this.#lastQuestion);
    return this.#lastQuestion;
  }

  /** Adds a reply and, below it, its quick replies if it has any. */
  addReply(card, choices = null) {
    this.#add(card);
    if (choices) this.#node.append(choices);
    this.#scroll();
  }

  /** Adds a short line of the page's own. */
  addNote(text) {
    this.#add(el("p.note", {}, text));
  }

  /** Adds the card that says why there is no answer, and offers to try again. */
  addFailure(error, onRetry, titleKey = "failed_title") {
    const retry = button("choose", t("try_again"), () => {
      if (retry.getAttribute("aria-disabled") !== "true") onRetry();
    });
    const card = el(
      "div.message.from-bot.failure",
      {},
      el("h2", {}, t(titleKey)),
      el("p", {}, t(`failed_${error.kind}`, { seconds: error.retryAfter ?? "" })),
      error.kind === "rejected" ? null : retry,
      el("p.failure-urgent", {}, t("failed_urgent")),
      el(
        "ul.links",
        { "aria-label": t("answer_links") },
        el("li.source", {}, externalLink("a.source-link", t("failed_cdc"), CDC)),
        el("li.source", {}, externalLink("a.source-link", t("failed_who"), WHO)),
      ),
    );
    this.#add(card);
    return { card, retry };
  }

  /** Takes away quick replies that belong to an earlier turn. */
  dropChoices() {
    for (const choices of this.#node.querySelectorAll(".choices")) choices.remove();
  }

  /** Whether this is the newest question, with nothing but its own failure card after it. */
  isLatest(question) {
    return question === this.#lastQuestion && question.isConnected;
  }

  /** Empties the conversation. */
  clear() {
    this.#node.replaceChildren();
    this.#lastQuestion = null;
  }

  /** Gives the focus to the conversation as a whole. */
  focus() {
    this.#node.focus({ preventScroll: true });
  }

  /** Whether an element of the conversation has the focus. */
  get holdsFocus() {
    return this.#node.contains(document.activeElement) && this.#node !== document.activeElement;
  }

  #add(message) {
    this.#node.append(message);
    this.#scroll();
  }

  // Brings the newest question to the top, so that a long answer is read from its first line.
  // Scrolls this page alone: scrollIntoView would also move a page that embeds the chat.
  #scroll() {
    if (this.#lastQuestion === null) return;
    const top = this.#lastQuestion.getBoundingClientRect().top - GAP_PX;
    // In a low window the log does not scroll: the page does.
    if (getComputedStyle(this.#node).overflowY === "visible") window.scrollBy({ top });
    else this.#node.scrollBy({ top: top - this.#node.getBoundingClientRect().top });
  }
}
