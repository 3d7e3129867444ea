/**
 * The chat's side of the HTTP API. It knows nothing of the page.
 *
 * The session token lives in this object only: it is gone when the page is, and on a shared
 * computer the next person finds nothing.
 */

const TIMEOUT_MS = 10_000;
const DEFAULT_WAIT_SECONDS = 30;

/**
 * A request that brought no reply.
 * `kind`: expired, rate_limited, rejected, unavailable, offline, timeout or cancelled.
 */
export class TransportError extends Error {
  constructor(kind, retryAfter = null) {
    super(kind);
    this.kind = kind;
    this.retryAfter = retryAfter;
  }
}

/** One conversation with the server. */
export class Transport {
  #base;
  #locale;
  #drill;
  #token = null;
  #inFlight = null;

  /** `base` is the address of the API, ending in a slash. */
  constructor({ base, locale, country = null, drill = null }) {
    this.#base = base;
    this.#locale = locale;
    this.#drill = drill;
    this.country = country;
  }

  /** Opens a session and returns what the server says of it. */
  async start() {
    const body = { locale: this.#locale, country: this.country };
    // A pass of the content team, with which it sees its drills.
    if (this.#drill) body.drill = this.#drill;
    let session;
    try {
      session = await this.#request("POST", "sessions", body);
    } catch (error) {
      if (error.kind !== "rejected" || this.country === null) throw error;
      // A site may carry a country we have no numbers for; the person can still choose one.
      this.country = null;
      session = await this.#request("POST", "sessions", { ...body, country: null });
    }
    this.#token = session.session;
    this.country = session.country ?? this.country;
    return session;
  }

  /** Sends a message and returns the reply. A session that ran out is replaced without a word. */
  async send(text) {
    const body = { text };
    if (this.country) body.country = this.country;
    if (this.#token === null) await this.start();
    let reply;
    try {
      reply = await this.#request("POST", "messages", body, { cancellable: true });
    } catch (error) {
      if (error.kind !== "expired") throw error;
      await this.start();
      reply = await this.#request("POST", "messages", body, { cancellable: true });
    }
    if (!reply?.kind) throw new TransportError("unavailable");
    return reply;
  }

  /** Records whether a reply helped, and why not. */
  async rate(replyId, rating, reason = null) {
    await this.#request("POST", "feedback", { reply_id: replyId, rating, reason });
  }

  /** The topics and questions that have answers. */
  async topics() {
    const query = new URLSearchParams({ locale: this.#locale });
    return (await this.#request("GET", `topics?${query}`)).topics;
  }

  /** What everybody is told now, and after how many seconds to ask again. */
  async banners() {
    const query = this.country ? `?${new URLSearchParams({ country: this.country })}` : "";
    try {
      return await this.#request("GET", `banners${query}`);
    } catch (error) {
      if (error.kind !== "expired") throw error;
      // The next message opens a new session; until then what everybody sees is enough.
      this.drop();
      return this.#request("GET", `banners${query}`);
    }
  }

  /** Gives up on the reply that is on its way, if any. */
  cancel() {
    this.#inFlight?.abort("cancelled");
  }

  /** Deletes the conversation on the server. One that ran out there counts as deleted. */
  async forget() {
    this.cancel();
    if (this.#token === null) return;
    try {
      await this.#request("DELETE", "sessions/current");
    } catch (error) {
      if (error.kind !== "expired") throw error;
    }
    this.drop();
  }

  /** Lets go of the session; the next message opens a new one. */
  drop() {
    this.#token = null;
  }

  async #request(method, path, body = null, { cancellable = false } = {}) {
    const abort = new AbortController();
    if (cancellable) this.#inFlight = abort;
    const timer = setTimeout(() => abort.abort("timeout"), TIMEOUT_MS);
    try {
      const response = await fetch(this.#base + path, {
        method,
        headers: this.#headers(body),
        body: body && JSON.stringify(body),
        credentials: "omit",
        cache: "no-store",
        referrerPolicy: "no-referrer",
        signal: abort.signal,
      });
      if (!response.ok) throw refusal(response);
      return response.status === 204 ? null : await response.json();
    } catch (error) {
      if (error instanceof TransportError) throw error;
      if (abort.signal.aborted) throw new TransportError(abort.signal.reason);
      // fetch() reports a failed connection as a TypeError; unreadable JSON is the server's fault.
      throw new TransportError(error instanceof SyntaxError ? "unavailable" : "offline");
    } finally {
      clearTimeout(timer);
    }
  }

  #headers(body) {
    const headers = { Accept: "application/json" };
    if (body) headers["Content-Type"] = "application/json";
    if (this.#token) headers.Authorization = `Bearer ${this.#token}`;
    return headers;
  }
}

function refusal(response) {
  if (response.status === 401) return new TransportError("expired");
  if (response.status === 429) {
    const seconds = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
    return new TransportError("rate_limited", seconds > 0 ? seconds : DEFAULT_WAIT_SECONDS);
  }
  return new TransportError(response.status < 500 ? "rejected" : "unavailable");
}
