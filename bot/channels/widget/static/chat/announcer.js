/** Short news for screen readers, kept apart from the conversation. */

// Long enough for a screen reader to notice that the region was emptied in between.
const PAUSE_MS = 120;

/** Speaks through a `role=status` element that is on the page from the start. */
export class Announcer {
  #region;
  #timer = null;

  constructor(region) {
    this.#region = region;
  }

  /** Says a text, also when it is the same text as before. */
  say(text) {
    clearTimeout(this.#timer);
    this.#region.textContent = "";
    this.#timer = setTimeout(() => {
      this.#region.textContent = text;
    }, PAUSE_MS);
  }
}
