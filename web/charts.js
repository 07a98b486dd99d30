// SPDX-License-Identifier: Apache-2.0
// Outcomes as bars: by class, and by minute. Numbers stand beside every bar.
import { el, svg, grouped } from "./make.js";
import { CLASSES } from "./words.js";

const PLACES = ["ok", "bad-signature", "mismatch", "stale", "bad-chain", "tcb", "denied", "unbound"];
const hue = (name) => `hue${PLACES.includes(name) ? PLACES.indexOf(name) : PLACES.length}`;
const sum = (list) => list.reduce((a, b) => a + b, 0);

/** Accepted first, then by how many. */
export function ordered(classes) {
  return Object.entries(classes).map(([name, minutes]) => ({ name, minutes, total: sum(minutes) }))
    .sort((a, b) => (a.name === "ok" ? -1 : b.name === "ok" ? 1 : b.total - a.total));
}

export function drawByClass(rows) {
  const most = Math.max(1, ...rows.map((row) => row.total));
  const all = sum(rows.map((row) => row.total));
  return el("table", { class: "bars" },
    el("caption", {}, "By class, in the last hour"),
    el("thead", { class: "hidden" }, el("tr", {}, el("th", { scope: "col" }, "Class"), el("th", { scope: "col" }, "Share"), el("th", { scope: "col" }, "Verdicts"))),
    el("tbody", {}, rows.map((row) => el("tr", {},
      el("th", { scope: "row" }, row.name, el("span", { class: "why" }, CLASSES[row.name] || "")),
      el("td", { class: "bar-cell" }, svg("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
        svg("rect", { class: `fill ${hue(row.name)}`, x: 0, y: 0, width: Math.max(0.8, (100 * row.total) / most), height: 10, rx: 1 }))),
      el("td", { class: "number" }, grouped(row.total), el("span", { class: "dim" }, ` ${Math.round((100 * row.total) / all)} %`))))));
}

const clock = (ms) => new Date(ms).toISOString().slice(11, 16);

/** Stacked, a column each minute. */
export function drawByMinute(rows, from, count) {
  const W = 720, H = 200, LEFT = 44, BELOW = 24, TOP = 10;
  const totals = Array.from({ length: count }, (_, i) => sum(rows.map((row) => row.minutes[i])));
  const most = Math.max(1, ...totals);
  const step = 10 ** Math.floor(Math.log10(most));
  const top = Math.ceil(most / step) * step;
  const wide = (W - LEFT) / count, high = H - TOP - BELOW;
  const start = Date.parse(from);
  const parts = [];
  for (const share of [0, 0.5, 1]) {
    const y = TOP + high * (1 - share);
    parts.push(svg("line", { class: "grid", x1: LEFT, x2: W, y1: y, y2: y }),
      Number.isInteger(top * share) && svg("text", { class: "axis", x: LEFT - 6, y: y + 4, "text-anchor": "end" }, grouped(top * share)));
  }
  for (let i = 0; i < count; i++) {
    let y = TOP + high;
    for (const row of rows) {
      const h = (high * row.minutes[i]) / top;
      if (h === 0) continue;
      y -= h;
      parts.push(svg("rect", { class: `fill ${hue(row.name)}`, x: (LEFT + i * wide + 1).toFixed(2), y: y.toFixed(2), width: (wide - 2).toFixed(2), height: h.toFixed(2) },
        svg("title", {}, `${clock(start + i * 60000)} ${row.name}: ${row.minutes[i]}`)));
    }
    if ((i + 1) % 15 === 0) parts.push(svg("text", { class: "axis", x: i + 1 === count ? W : LEFT + (i + 0.5) * wide, y: H - 6, "text-anchor": i + 1 === count ? "end" : "middle" }, clock(start + i * 60000)));
  }
  const busiest = totals.indexOf(Math.max(...totals));
  return el("figure", {},
    el("figcaption", {}, "By minute, in the last hour (UTC)"),
    svg("svg", { class: "minutes", viewBox: `0 0 ${W} ${H}`, role: "img",
      "aria-label": `${sum(totals)} verdicts in an hour; most at ${clock(start + busiest * 60000)}, ${totals[busiest]}` }, parts),
    el("ul", { class: "legend" }, rows.map((row) => el("li", {},
      svg("svg", { viewBox: "0 0 10 10", "aria-hidden": "true" }, svg("rect", { class: `fill ${hue(row.name)}`, width: 10, height: 10, rx: 2 })), row.name))));
}
