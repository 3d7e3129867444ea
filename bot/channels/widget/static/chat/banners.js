/** What everybody is told in a crisis, on top of the chat: shown within seconds, gone by itself. */

import { button, el, externalLink, paragraph } from "./dom.js";
import { t } from "./strings.js";

const FIRST_WAIT_SECONDS = 3;
const LONGEST_WAIT_SECONDS = 60;

/** A banner as a note: `names(code)` gives the name of a country. */
export function bannerNote({ text, link, country, is_drill: isDrill }, names, extra = null) {
  const place = [isDrill ? t("banner_drill") : null, country ? names(country) : null]
    .filter(Boolean)
    .join(", ");
  return el(
    "div.banner",
    {},
    el(
      "p",
      { dir: "auto" },
      place ? el("strong", {}, `${place}: `) : null,
      text,
    ),
    el("p", {}, externalLink("a.banner-link", link.title, link.url)),
    extra,
  );
}

/** Keeps the region on top of the chat true. */
export class Banners {
  #region;
  #load;
  #names;
  #say;
  #hidden = new Set();
  #known = new Set();
  #shown = "";
  #timer = null;

  /** `load()` asks the server; `names(code)` gives a country's name; `say(text)` speaks. */
  constructor(region, { load, names, say }) {
    this.#region = region;
    this.#load = load;
    this.#names = names;
    this.#say = say;
    document.addEventListener("visibilitychange", () => this.look());
  }

  /** Looks now, and again and again while the page can be seen. */
  async look() {
    clearTimeout(this.#timer);
    if (document.hidden) return;
    let seconds = FIRST_WAIT_SECONDS;
    try {
      const { banners, look_again_seconds: again } = await this.#load();
      this.#show(banners);
      seconds = again;
      this.failures = 0;
    } catch {
      // Off the network: what is shown stays, and the server is not pressed.
      this.failures = (this.failures ?? 0) + 1;
      seconds = Math.min(FIRST_WAIT_SECONDS * 2 ** this.failures, LONGEST_WAIT_SECONDS);
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.look(), seconds * 1000);
  }

  #show(banners) {
    const open = banners.filter(({ banner_id: id }) => !this.#hidden.has(id));
    const now = JSON.stringify(open);
    if (now === this.#shown) return;
    this.#shown = now;
    this.#region.replaceChildren(...open.map((banner) => this.#note(banner)));
    this.#region.hidden = !open.length;
    const fresh = open.filter(({ banner_id: id }) => !this.#known.has(id));
    for (const { banner_id: id } of fresh) this.#known.add(id);
    if (fresh.length) this.#say(fresh.map(({ text }) => text).join(" "));
  }

  #note(banner) {
    const hide = button("banner-hide", t("banner_hide"), () => {
      this.#hidden.add(banner.banner_id);
      this.#show(JSON.parse(this.#shown));
      document.getElementById("question")?.focus();
    });
    return bannerNote(banner, this.#names, hide);
  }
}
