// SPDX-License-Identifier: Apache-2.0
// The document's bytes, sixteen a line, where fields can be pointed out.
import { el, grouped } from "./make.js";

const LINE = 16, MOST = 32 * 1024, FIRST = 16;

const hex = (n, width) => n.toString(16).padStart(width, "0");
const shown = (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "·");

function line(bytes, at, from, to) {
  const cells = (draw) => {
    const out = [];
    for (let i = at; i < at + LINE; i++) {
      const inside = i >= from && i < to && i < bytes.length;
      out.push([i < bytes.length ? draw(bytes[i], i) : draw(null, i), inside]);
    }
    const nodes = [];
    for (const [text, inside] of out) {
      const last = nodes[nodes.length - 1];
      if (last && last.inside === inside) last.text += text;
      else nodes.push({ text, inside });
    }
    return nodes.map((node) => (node.inside ? el("mark", {}, node.text) : node.text));
  };
  return el("div", { class: "line" }, el("span", { class: "at" }, hex(at, 6)),
    el("span", { class: "cells" }, cells((byte, i) => (byte === null ? "  " : hex(byte, 2)) + ((i - at) % LINE === 7 ? "  " : " "))),
    el("span", { class: "signs" }, cells((byte) => (byte === null ? " " : shown(byte)))));
}

/** { node, reaches(at), mark(at, length, name) } */
export function drawBytes(bytes) {
  const most = Math.min(bytes.length, MOST);
  const body = el("div", { class: "dump", tabindex: "0", role: "region", "aria-label": "Bytes of the document" });
  const note = el("p", { class: "dim", role: "status" });
  let marked = [0, 0];
  const draw = (lines) => {
    body.replaceChildren();
    for (let i = 0; i < lines * LINE && i < most; i += LINE) body.append(line(bytes, i, marked[0], marked[1]));
  };
  const all = Math.ceil(most / LINE);
  const more = el("button", { type: "button", class: "quiet", onclick: () => { draw(all); more.remove(); } }, `Show all ${grouped(bytes.length)} bytes`);
  draw(FIRST);
  const node = el("div", {}, note, body, all > FIRST && more,
    bytes.length > MOST && el("p", { class: "dim" }, `Of ${grouped(bytes.length)} bytes the first ${grouped(MOST)} are drawn.`));
  return {
    node,
    reaches: (at) => at < most,
    mark: (at, length, name) => {
      marked = [at, at + length];
      draw(all);
      more.remove();
      note.textContent = `${name}: ${length} bytes at ${at} (0x${hex(at, 1)})`;
      const first = body.querySelector("mark");
      if (first) first.scrollIntoView({ block: "center" });
      body.focus({ preventScroll: true });
    },
  };
}
