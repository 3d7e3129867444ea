/** The options panel: country, topics, clearing the chat, the notice. */

import { button, el } from "./dom.js";
import { icon } from "./icons.js";
import { t } from "./strings.js";

/** A modal `<dialog>`: the browser keeps the focus inside, closes on Escape and gives it back. */
export class Options {
  #dialog;
  #actions;
  #country;
  #topics;
  #sure;

  /**
   * `actions`: `country()`, `chooseCountry(code)`, `loadTopics()`, `ask(text)`, `clear()`,
   * `showNotice()`, `say(text)`.
   */
  constructor(dialog, opener, actions) {
    this.#dialog = dialog;
    this.#actions = actions;
    this.#country = dialog.querySelector("#options-country");
    this.#topics = dialog.querySelector("#options-topics");
    this.#sure = dialog.querySelector("#clear-sure");
    opener.addEventListener("click", () => this.#open());
    this.#on("#options-close", () => dialog.close());
    this.#on("#options-notice", () => this.#leave(() => actions.showNotice()));
    this.#on("#clear", () => this.#askSure(true));
    this.#on("#clear-no", () => this.#askSure(false));
    this.#on("#clear-yes", () => this.#leave(() => actions.clear()));
    this.#topics.addEventListener("toggle", () => this.#showTopics());
    this.#country.addEventListener("change", () => {
      actions.chooseCountry(this.#country.value || null);
      actions.say(t("options_country_saved"));
    });
  }

  /** Fills the list of countries. */
  setCountries(countries) {
    this.#country.replaceChildren(
      el("option", { value: "" }, t("options_country_none")),
      ...countries.map(({ code, name }) => el("option", { value: code }, name)),
    );
  }

  #on(selector, action) {
    this.#dialog.querySelector(selector).addEventListener("click", action);
  }

  #open() {
    this.#askSure(false);
    this.#country.value = this.#actions.country() ?? "";
    this.#dialog.showModal();
  }

  #leave(action) {
    this.#dialog.close();
    action();
  }

  #askSure(asking) {
    const held = this.#dialog.contains(document.activeElement);
    this.#sure.hidden = !asking;
    this.#dialog.querySelector("#clear").hidden = asking;
    if (held) this.#dialog.querySelector(asking ? "#clear-no" : "#clear").focus();
  }

  async #showTopics() {
    if (!this.#topics.open) return;
    const list = this.#topics.querySelector(".topics");
    if (list.childElementCount) return;
    const status = this.#topics.querySelector("[role=status]");
    status.textContent = t("options_topics_loading");
    try {
      const topics = await this.#actions.loadTopics();
      status.textContent = "";
      list.append(...topics.map((topic) => this.#topic(topic)));
    } catch {
      status.textContent = t("options_topics_failed");
    }
  }

  #topic({ title, entries }) {
    const questions = entries.map(({ question }) =>
      el("li", {}, button("topic-question", question, () => this.#ask(question))),
    );
    return el(
      "details.more",
      {},
      el("summary", {}, icon("chevron"), el("span", { dir: "auto" }, title)),
      el("ul", {}, questions),
    );
  }

  #ask(question) {
    this.#leave(() => this.#actions.ask(question));
  }
}
