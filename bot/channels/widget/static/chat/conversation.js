/** Runs the conversation: sends questions, shows replies, and loses nothing when sending fails. */

import { quickReplies, replyCard } from "./render.js";
import { t } from "./strings.js";
import { TransportError } from "./transport.js";

/** Joins the transport to the parts of the page. */
export class Conversation {
  #transport;
  #log;
  #composer;
  #typing;
  #announcer;
  #rest;
  #session = null;
  #busy = false;
  #turn = 0;
  #lastText = "";

  /** `rest()` moves the focus to where a person goes on from. */
  constructor({ transport, log, composer, typing, announcer, rest }) {
    this.#transport = transport;
    this.#log = log;
    this.#composer = composer;
    this.#typing = typing;
    this.#announcer = announcer;
    this.#rest = rest;
  }

  /** Keeps what the first session told us; a later one only replaces the token. */
  set session(session) {
    this.#session = session;
  }

  // What a card may ask for or know: see `replyCard`.
  get countries() {
    return this.#session?.countries ?? [];
  }

  /** Shows the greeting and the menu of topics. */
  welcome() {
    if (this.#session) this.#show(this.#session.welcome);
  }

  /** Sends a text as the person's own and shows the reply. */
  ask(text) {
    if (this.#busy) {
      this.say(t("composer_wait"));
      return;
    }
    const refocus = this.#log.holdsFocus;
    this.#log.dropChoices();
    if (refocus) this.#rest();
    this.#deliver(text, this.#log.addQuestion(text));
  }

  /** Sends a text without waiting for the answer to an earlier one, which is given up. */
  askAtOnce(text) {
    this.#transport.cancel();
    this.#turn += 1;
    this.#wait(false);
    this.ask(text);
  }

  /** Asks the last question again for another country. */
  showNumbers(country) {
    this.#transport.country = country;
    const name = this.countries.find(({ code }) => code === country)?.name ?? country;
    this.say(t("country_showing", { country: name }));
    this.ask(this.#lastText);
  }

  /** Records feedback. Returns whether it was saved. */
  async rate(replyId, rating, reason) {
    try {
      await this.#transport.rate(replyId, rating, reason);
      return true;
    } catch {
      return false;
    }
  }

  /** Says a short text to screen readers. */
  say(text) {
    this.#announcer.say(text);
  }

  /** Deletes the conversation here and on the server; keeps it when the server could not. */
  async clear() {
    try {
      await this.#transport.forget();
    } catch {
      this.#log.addNote(t("clear_failed"));
      return;
    }
    this.#turn += 1;
    this.#lastText = "";
    this.#log.clear();
    this.#log.addNote(t("cleared"));
    this.welcome();
    this.#wait(false);
    this.#rest();
  }

  async #deliver(text, question) {
    const turn = ++this.#turn;
    this.#lastText = text;
    this.#wait(true);
    try {
      const reply = await this.#transport.send(text);
      // The chat may have been cleared, or help asked for, while this was on its way.
      if (turn === this.#turn) this.#receive(reply);
    } catch (error) {
      if (turn === this.#turn) this.#fail(error, text, question);
    } finally {
      if (turn === this.#turn) this.#wait(false);
    }
  }

  #receive(reply) {
    if (reply.session_ended) {
      this.#transport.drop();
      this.#lastText = "";
      this.#log.clear();
    }
    this.#show(reply);
  }

  #show(reply) {
    this.#log.addReply(replyCard(reply, this), quickReplies(this.#withRetry(reply), this));
  }

  // When the answers are out of reach for a moment, the question need not be typed again.
  #withRetry(reply) {
    if (reply.kind !== "unavailable" || !this.#lastText) return reply;
    const again = { title: t("try_again"), text: this.#lastText };
    return { ...reply, quick_replies: [again, ...(reply.quick_replies ?? [])] };
  }

  #fail(error, text, question) {
    if (!(error instanceof TransportError)) {
      // A reply we cannot draw: report the fault, and still leave the person with a way on.
      reportError(error);
      error = new TransportError("unavailable");
    }
    if (error.kind === "rejected") this.#composer.restore(text);
    const { card, retry } = this.#log.addFailure(error, () => {
      card.remove();
      this.#rest();
      if (this.#log.isLatest(question)) this.#deliver(text, question);
      else this.ask(text);
    });
    if (error.retryAfter) this.#holdBack(retry, error.retryAfter);
  }

  #holdBack(retry, seconds) {
    retry.setAttribute("aria-disabled", "true");
    setTimeout(() => {
      retry.setAttribute("aria-disabled", "false");
      if (retry.isConnected) this.say(t("try_again_ready"));
    }, seconds * 1000);
  }

  #wait(busy) {
    this.#busy = busy;
    this.#composer.busy = busy;
    this.#typing.classList.toggle("on", busy);
    this.#typing.querySelector("p").textContent = busy ? t("typing") : "";
  }
}
