/**
 * Puts the chat on any page with one script tag:
 *
 *   <script src="https://HOST/widget.js" data-country="US" data-locale="en" async></script>
 *
 * Attributes, all optional: data-country, data-locale, data-label, data-close-label (the words for
 * closing), data-position ("right" or "left"), data-open ("true" opens the chat at once, except on
 * a phone).
 *
 * It adds a button and, when first opened, a frame with the chat. The frame has an origin of its
 * own: neither page can read the other. All styling goes through element.style, so a strict
 * content security policy needs only HOST in script-src and frame-src.
 */
(() => {
  "use strict";

  const SOURCE = "citewell";
  const PHONE = matchMedia("(max-width: 40rem)");
  const CALM = matchMedia("(prefers-reduced-motion: reduce)");
  const DARK = matchMedia("(prefers-color-scheme: dark)");
  // Above a page's own bars and menus, below nothing that a page raises on purpose.
  const LAYER = "100000";
  const SVG = "http://www.w3.org/2000/svg";
  const SPEECH = "M4 5h16v11H9.5L5 19.5V16H4z";
  const ARROW = "M6 9.5l6 6 6-6";

  const FONT =
    '600 16px/1.3 -apple-system, BlinkMacSystemFont, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';

  const script = document.currentScript;
  if (!script || document.querySelector("[data-citewell]")) return;

  const options = script.dataset;
  const label = options.label || "Ask a health question";
  const side = options.position === "left" ? "left" : "right";
  const chatUrl = new URL("widget/chat", script.src);
  for (const name of ["country", "locale"]) {
    if (options[name]) chatUrl.searchParams.set(name, options[name]);
  }
  chatUrl.searchParams.set("host", location.origin);

  let launcher;
  let shape;
  let panel;
  let frame = null;
  let spare;
  let ready = false;

  /** Sets style properties that a page's own style sheet cannot override. */
  function style(node, properties) {
    for (const [name, value] of Object.entries(properties)) {
      node.style.setProperty(name, value, "important");
    }
  }

  function drawing() {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    style(svg, {
      width: "22px", height: "22px", flex: "none", fill: "none", stroke: "currentColor",
      "stroke-width": "1.9", "stroke-linecap": "round", "stroke-linejoin": "round",
    });
    shape = document.createElementNS(SVG, "path");
    shape.setAttribute("d", SPEECH);
    svg.append(shape);
    return svg;
  }

  function makeLauncher() {
    launcher = document.createElement("button");
    launcher.type = "button";
    launcher.dataset.citewell = "launcher";
    launcher.setAttribute("aria-expanded", "false");
    launcher.setAttribute("aria-controls", "citewell-panel");
    style(launcher, {
      all: "initial", position: "fixed", bottom: "20px", [side]: "20px", "z-index": LAYER,
      "box-sizing": "border-box", display: "inline-flex", "align-items": "center", gap: "10px",
      "min-height": "52px", "min-width": "52px", "max-width": "calc(100vw - 40px)",
      padding: "12px 20px", border: "2px solid #fff", "border-radius": "26px",
      background: "#0b5c6b", color: "#fff", cursor: "pointer", "user-select": "none",
      font: FONT,
      "box-shadow": "0 4px 16px rgb(10 30 36 / 28%)", "-webkit-tap-highlight-color": "transparent",
    });
    const words = document.createElement("span");
    words.textContent = label;
    words.dir = "auto";
    launcher.append(drawing(), words);
    launcher.addEventListener("click", () => (panel.open ? close() : open()));
    // A style sheet would say :focus-visible and :hover; element.style cannot.
    launcher.addEventListener("focus", () => ring(launcher.matches(":focus-visible")));
    launcher.addEventListener("blur", () => ring(false));
    launcher.addEventListener("pointerenter", () => style(launcher, { background: "#084752" }));
    launcher.addEventListener("pointerleave", () => style(launcher, { background: "#0b5c6b" }));
  }

  function ring(on) {
    // Two bands, one dark and one light, so that the ring shows on any page.
    style(launcher, {
      outline: on ? "3px solid #084752" : "none",
      "outline-offset": "3px",
      "box-shadow": on ? "0 0 0 3px #fff, 0 0 0 9px #fff" : "0 4px 16px rgb(10 30 36 / 28%)",
    });
  }

  function makePanel() {
    panel = document.createElement("dialog");
    panel.id = "citewell-panel";
    panel.dataset.citewell = "panel";
    panel.setAttribute("aria-label", label);
    style(panel, { all: "initial", display: "none" });
    panel.addEventListener("cancel", (event) => {
      event.preventDefault();
      close();
    });
  }

  function layOut() {
    const dark = DARK.matches;
    const common = {
      position: "fixed", display: panel.open ? "block" : "none", "box-sizing": "border-box",
      margin: "0", padding: "0", overflow: "hidden", "z-index": LAYER,
      background: dark ? "#0e181c" : "#f3f6f7",
    };
    if (PHONE.matches) {
      style(panel, {
        ...common, inset: "0", width: "100%", height: "100dvh", "max-width": "none",
        "max-height": "none", border: "0", "border-radius": "0", "box-shadow": "none",
      });
    } else {
      style(panel, {
        ...common, inset: "auto", bottom: "88px", [side]: "20px",
        width: "420px", height: "680px", "max-width": "calc(100vw - 40px)",
        "max-height": "calc(100vh - 108px)", border: `1px solid ${dark ? "#2d3e46" : "#c5d1d5"}`,
        "border-radius": "16px", "box-shadow": "0 12px 40px rgb(10 30 36 / 24%)",
      });
    }
  }

  /** A way out while the chat has not answered: on a phone it covers the page. */
  function makeSpareClose() {
    spare = document.createElement("button");
    spare.type = "button";
    spare.textContent = options.closeLabel || "Close";
    style(spare, {
      all: "initial", display: "block", "box-sizing": "border-box", position: "absolute",
      bottom: "16px", left: "16px", right: "16px", "min-height": "48px", "text-align": "center",
      border: "1.5px solid currentColor", "border-radius": "8px", cursor: "pointer",
      font: FONT, color: DARK.matches ? "#e9f0f2" : "#14252b",
    });
    spare.addEventListener("click", close);
    spare.addEventListener("focus", () => style(spare, { outline: "3px solid currentColor" }));
    spare.addEventListener("blur", () => style(spare, { outline: "none" }));
    panel.append(spare);
  }

  function makeFrame() {
    frame = document.createElement("iframe");
    frame.title = label;
    frame.referrerPolicy = "origin";
    style(frame, {
      all: "initial", display: "block", width: "100%", height: "100%", border: "0",
      "color-scheme": "light dark",
    });
    frame.src = chatUrl.href;
    panel.append(frame);
    makeSpareClose();
  }

  /** Shows the panel: beside the page, or on a phone as a modal that covers it. */
  function show() {
    if (PHONE.matches) panel.showModal();
    // show() would take the focus, also when the chat opens by itself.
    else panel.open = true;
    layOut();
  }

  function open({ takeFocus = true } = {}) {
    if (!frame) makeFrame();
    show();
    launcher.setAttribute("aria-expanded", "true");
    shape.setAttribute("d", ARROW);
    if (!CALM.matches) {
      panel.animate(
        [{ opacity: 0, transform: "translateY(12px)" }, { opacity: 1, transform: "none" }],
        { duration: 160, easing: "ease-out" },
      );
    }
    if (takeFocus) greet();
  }

  function close() {
    panel.close();
    layOut();
    launcher.setAttribute("aria-expanded", "false");
    shape.setAttribute("d", SPEECH);
    launcher.focus({ preventScroll: true });
  }

  /** Moves the focus into the chat, once it is there to take it. */
  function greet() {
    frame.focus({ preventScroll: true });
    if (ready) frame.contentWindow.postMessage({ source: SOURCE, type: "open" }, chatUrl.origin);
  }

  function onMessage(event) {
    if (!frame || event.origin !== chatUrl.origin || event.source !== frame.contentWindow) return;
    if (event.data?.source !== SOURCE) return;
    if (event.data.type === "close" && panel.open) close();
    if (event.data.type === "ready") {
      ready = true;
      spare.remove();
      if (document.activeElement === frame) greet();
    }
  }

  /** Turning a phone on its side changes which kind of panel fits. */
  function onResize() {
    if (panel.open) {
      const inside = document.activeElement === frame;
      panel.close();
      show();
      if (inside) greet();
    }
    layOut();
  }

  function onKey(event) {
    // Inside the frame the chat listens for itself; this is for the launcher.
    if (event.key === "Escape" && panel.open && document.activeElement === launcher) close();
  }

  function start() {
    makeLauncher();
    makePanel();
    layOut();
    document.body.append(launcher, panel);
    addEventListener("message", onMessage);
    launcher.addEventListener("keydown", onKey);
    PHONE.addEventListener("change", onResize);
    DARK.addEventListener("change", layOut);
    if (options.open === "true" && !PHONE.matches) open({ takeFocus: false });
  }

  if (document.body) start();
  else document.addEventListener("DOMContentLoaded", start, { once: true });
})();
