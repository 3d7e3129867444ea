/** "Did this help?" under an answer. A choice can be changed at any time. */

import { button, el } from "./dom.js";
import { t } from "./strings.js";

const REASONS = ["not_my_question", "unclear", "outdated", "felt_unsafe"];

/** The row of buttons for a reply. */
export function feedbackRow(replyId, chat) {
  const thanks = el("p.thanks");
  const reasons = reasonGroup((reason) => save("not_helpful", reason));
  const yes = button("rate", t("feedback_yes"), () => save("helpful"), pressable("up"));
  const no = button("rate", t("feedback_no"), () => save("not_helpful"), pressable("down"));

  async function save(rating, reason = null) {
    show(rating, reason);
    const saved = await chat.rate(replyId, rating, reason);
    if (!saved) show(null, null);
    thanks.textContent = t(saved ? "feedback_thanks" : "feedback_failed");
    chat.say(thanks.textContent);
  }

  function show(rating, reason) {
    yes.setAttribute("aria-pressed", String(rating === "helpful"));
    no.setAttribute("aria-pressed", String(rating === "not_helpful"));
    reasons.hidden = rating !== "not_helpful";
    for (const choice of reasons.querySelectorAll("button")) {
      choice.setAttribute("aria-pressed", String(choice.dataset.reason === reason));
    }
  }

  return el(
    "div.feedback",
    // Silent inside the log: what is said about a choice is said once, by the announcer.
    { role: "group", "aria-label": t("feedback_question"), "aria-live": "off" },
    el("div.feedback-row", {}, el("span", {}, t("feedback_question")), yes, no),
    reasons,
    thanks,
  );
}

function pressable(iconName) {
  return { iconName, "aria-pressed": "false" };
}

function reasonGroup(choose) {
  const buttons = REASONS.map((reason) =>
    button("reason", t(`feedback_${reason}`), () => choose(reason), {
      "aria-pressed": "false",
      "data-reason": reason,
    }),
  );
  const question = t("feedback_reason_question");
  return el(
    "div.reasons",
    { role: "group", "aria-label": question, hidden: true },
    el("span", {}, question),
    buttons,
  );
}
