/**
 * The bridge to the page that embeds the chat.
 *
 * Messages go to one named origin and are taken only from that origin and from the parent window.
 * The loader names its own origin in the address of the frame; a page that lies about it only
 * cuts itself off.
 */

const SOURCE = "citewell";

function embeddingOrigin(value) {
  if (window.parent === window || !value) return null;
  try {
    const url = new URL(value);
    return ["https:", "http:"].includes(url.protocol) && url.origin === value ? value : null;
  } catch {
    return null;
  }
}

/** Talks to the loader when there is one; otherwise does nothing. */
export class Host {
  #origin;

  /** `onOpen` is called each time the person opens the chat from the page around it. */
  constructor(origin, onOpen) {
    this.#origin = embeddingOrigin(origin);
    if (!this.embedded) return;
    window.addEventListener("message", (event) => {
      if (event.origin !== this.#origin || event.source !== window.parent) return;
      if (event.data?.source === SOURCE && event.data.type === "open") onOpen();
    });
  }

  /** Whether a loader can close this chat. */
  get embedded() {
    return this.#origin !== null;
  }

  /** Tells the loader that the chat can take messages now. */
  ready() {
    this.#post("ready");
  }

  /** Asks the loader to close the chat. */
  close() {
    this.#post("close");
  }

  #post(type) {
    if (this.embedded) window.parent.postMessage({ source: SOURCE, type }, this.#origin);
  }
}
