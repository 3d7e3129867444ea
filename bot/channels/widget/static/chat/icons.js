/** Line icons, drawn as SVG elements so that they take the color of the text around them. */

const SVG = "http://www.w3.org/2000/svg";

const PATHS = {
  phone: ["M6.5 3.5h3l1.6 4.2-2 1.7a12 12 0 0 0 5.5 5.5l1.7-2 4.2 1.6v3a2 2 0 0 1-2.2 2A16.5 16.5 0 0 1 4.5 5.7a2 2 0 0 1 2-2.2z"],
  message: ["M4 5h16v11H9.5L5 19.5V16H4z"],
  external: ["M13.5 4.5h6v6", "M19 5l-8.5 8.5", "M17.5 13.5v6h-13v-13h6"],
  options: ["M4 7.5h9", "M17 7.5h3", "M4 16.5h3", "M11 16.5h9", "M15 5.5v4", "M9 14.5v4"],
  close: ["M6 6l12 12", "M18 6L6 18"],
  send: ["M12 19V5.5", "M6 11.5l6-6 6 6"],
  up: ["M7.5 11v8.5h-3V11z", "M7.5 11.5l4-7.5c1.7 0 2.6 1.2 2.3 2.8l-.6 3.2h5a1.8 1.8 0 0 1 1.8 2.2l-1.3 5.8a1.9 1.9 0 0 1-1.9 1.5H7.5"],
  down: ["M7.5 13V4.5h-3V13z", "M7.5 12.5l4 7.5c1.7 0 2.6-1.2 2.3-2.8l-.6-3.2h5a1.8 1.8 0 0 0 1.8-2.2l-1.3-5.8a1.9 1.9 0 0 0-1.9-1.5H7.5"],
  check: ["M5 12.5l4.5 4.5L19 7.5"],
  care: ["M12 20s-7.5-4.6-7.5-10A4.2 4.2 0 0 1 12 7.3 4.2 4.2 0 0 1 19.5 10c0 5.4-7.5 10-7.5 10z"],
  alert: ["M12 4l9 15.5H3z", "M12 10v4.5", "M12 17v.1"],
  balance: ["M12 4.5v15", "M8 19.5h8", "M5 7.5h14", "M5 7.5l-2.5 6h5z", "M19 7.5l-2.5 6h5z"],
  pin: ["M12 20.5s6.5-6 6.5-11a6.5 6.5 0 0 0-13 0c0 5 6.5 11 6.5 11z", "M12 11.5a2 2 0 1 0 0-4 2 2 0 0 0 0 4z"],
  chevron: ["M7 10l5 5 5-5"],
};

/** Draws the named icon. It is decoration: the text beside it carries the meaning. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("focusable", "false");
  for (const line of PATHS[name]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", line);
    svg.append(path);
  }
  return svg;
}
