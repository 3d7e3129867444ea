/** The words of the page, loaded once before anything is drawn. */

let words = {};

/** Loads the words from an address. Throws when they cannot be had. */
export async function loadStrings(url) {
  const response = await fetch(url, { signal: AbortSignal.timeout(10_000) });
  if (!response.ok) throw new Error(`strings: ${response.status}`);
  words = await response.json();
}

/** The words for a key, with `{name}` places filled in. */
export function t(key, values = {}) {
  const text = words[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (place, name) => String(values[name] ?? place));
}

/** A date such as 5 Aug 2026, or Sep 2026 when only the month is known; null for anything else. */
export function shortDate(value, locale) {
  const parts = /^(\d{4})-(\d{2})(?:-(\d{2}))?/.exec(value ?? "");
  if (!parts) return null;
  const [, year, month, day] = parts;
  const options = { year: "numeric", month: "short", timeZone: "UTC" };
  if (day) options.day = "numeric";
  const format = new Intl.DateTimeFormat(locale, options);
  const date = Date.UTC(year, month - 1, day ?? 1);
  if (!/^en\b/.test(locale)) return format.format(date);
  // English readers differ on the order of figures; day, month in letters, year suits them all.
  const named = new Map(format.formatToParts(date).map(({ type, value: text }) => [type, text]));
  return ["day", "month", "year"].map((part) => named.get(part)).filter(Boolean).join(" ");
}
