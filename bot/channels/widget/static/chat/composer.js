/** The box a question is typed in. */

import { t } from "./strings.js";

const COUNT_FROM = 0.8;
const MAX_HEIGHT_PX = 160;

/** Grows with its text, counts near the limit and never throws typed text away. */
export class Composer {
  #box;
  #counter;
  #send;
  #limit = 1000;
  #onSend;
  #busy = false;

  /** `onSend(text)` is called with each question; `say(text)` reaches screen readers. */
  constructor(form, { onSend, say }) {
    this.#box = form.querySelector("textarea");
    this.#counter = form.querySelector(".counter");
    this.#send = form.querySelector("button[type=submit]");
    this.#onSend = onSend;
    this.say = say;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#box.addEventListener("keydown", (event) => {
      // A composing keyboard uses Enter to pick a word.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#submit();
    });
    this.#box.addEventListener("input", () => this.#refresh());
    this.#refresh();
  }

  set limit(characters) {
    this.#limit = characters;
    this.#refresh();
  }

  /** While an answer is on its way, typing goes on and sending waits. */
  set busy(value) {
    this.#busy = value;
    this.#refresh();
  }

  /** Gives the focus back to the box. */
  focus() {
    this.#box.focus({ preventScroll: true });
  }

  /** Puts a text in the box if the person has not begun another one. */
  restore(text) {
    if (this.#box.value.trim()) return;
    this.#box.value = text;
    this.#refresh();
  }

  #submit() {
    const text = this.#box.value.trim();
    if (!text) return;
    if (this.#busy) {
      this.say(t("composer_wait"));
      return;
    }
    if (this.#left < 0) {
      this.say(this.#counter.textContent);
      return;
    }
    this.#box.value = "";
    this.#refresh();
    this.#onSend(text);
  }

  get #left() {
    // Counted as the server counts: by character, not by UTF-16 unit.
    return this.#limit - [...this.#box.value.trim()].length;
  }

  #refresh() {
    const left = this.#left;
    const over = left < 0;
    this.#counter.hidden = left > this.#limit * (1 - COUNT_FROM);
    this.#counter.textContent = t(over ? "composer_over" : "composer_left", {
      count: Math.abs(left),
    });
    this.#counter.classList.toggle("over", over);
    this.#box.setAttribute("aria-invalid", String(over));
    const idle = this.#busy || over || !this.#box.value.trim();
    this.#send.setAttribute("aria-disabled", String(idle));
    this.#box.style.height = "auto";
    const border = this.#box.offsetHeight - this.#box.clientHeight;
    this.#box.style.height = `${Math.min(this.#box.scrollHeight + border, MAX_HEIGHT_PX)}px`;
  }
}
