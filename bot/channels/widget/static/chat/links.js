/** Which addresses a reply may make clickable: https pages, phone calls and text messages. */

const PHONE = /^tel:[+\d][\d\-.()*#,;]*$/i;
const TEXT_MESSAGE = /^sms:\+?\d[\d\-]*([?&]body=\S*)?$/i;

/**
 * Returns the address when it is safe to follow, else null.
 * Relative addresses, other schemes and addresses that carry a login are refused.
 */
export function safeHref(value) {
  if (typeof value !== "string") return null;
  const address = value.trim();
  if (PHONE.test(address) || TEXT_MESSAGE.test(address)) return address;
  let url;
  try {
    url = new URL(address);
  } catch {
    return null;
  }
  if (url.protocol !== "https:" || url.username || url.password) return null;
  return url.href;
}
