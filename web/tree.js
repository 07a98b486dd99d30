// SPDX-License-Identifier: Apache-2.0
// A decoded document as a tree: names, values, a sentence each; branches open on demand.
import { asciiOf, looksHex } from "./bytes.js";
import { el, copyButton } from "./make.js";
import { explain } from "./words.js";

const DEEPEST = 64;
const MANY = 400; // members drawn at once; the rest by a button

const isBranch = (value) => value !== null && typeof value === "object";
const sizeOf = (value) => (Array.isArray(value) ? value.length : Object.keys(value).length);

/** Hex in groups of four bytes, so that eyes keep their place; copied without the gaps. */
export function hexNode(text) {
  return el("code", { class: "hex" }, text.match(/.{1,8}/g).map((group) => el("span", {}, group)));
}

function stringNode(text) {
  if (looksHex(text)) {
    if (/^0+$/.test(text)) return el("span", { class: "zero" }, `${text.length / 2} bytes, all zero`);
    if (/^(?:ff)+$/.test(text)) return el("span", { class: "zero" }, `${text.length / 2} bytes, all ff`);
    const ascii = asciiOf(text);
    return [hexNode(text), ascii && el("span", { class: "ascii" }, "as text: “", ascii, "”")];
  }
  const cut = text.match(/^((?:[0-9a-f]{2}){16,})(\.\.\. \(\d+ bytes\))$/);
  if (cut) return [hexNode(cut[1]), el("span", { class: "zero" }, cut[2])];
  return el("span", { class: "text" }, text === "" ? "(empty)" : text);
}

function valueNode(value, name) {
  if (value === undefined) return el("span", { class: "zero" }, "none");
  if (value === null) return el("span", { class: "zero" }, "not there");
  if (typeof value === "boolean") return el("span", { class: "word" }, value ? "yes" : "no");
  if (typeof value === "number") {
    if (/(^|_)(ms)$/.test(name) && value > 1e11) return [String(value), el("span", { class: "ascii" }, new Date(value).toISOString())];
    if (/^(iat|nbf|exp)$/.test(name)) return [String(value), el("span", { class: "ascii" }, new Date(value * 1000).toISOString())];
    return el("span", { class: "word" }, String(value));
  }
  return stringNode(value);
}

function leaf(name, value, path, ctx) {
  const words = explain(path);
  const copy = typeof value === "string" && value.length >= 16 && copyButton(value, name, ctx.say);
  const find = ctx.find && typeof value === "string" && looksHex(value) && ctx.find(value, name);
  return el("div", { class: "leaf", "data-name": name, "data-plain": words === "" && typeof path[path.length - 1] === "string" ? "" : undefined },
    el("div", { class: "leaf-name" }, el("span", { class: "name" }, name), words && el("span", { class: "why" }, words)),
    el("div", { class: "leaf-value" }, valueNode(value, name),
      (copy || find) && el("span", { class: "tools" }, find, copy)));
}

function labelOf(value, key) {
  if (!isBranch(value) || Array.isArray(value)) return String(key);
  const said = value.label || value.name || (typeof value.subject === "string" && (value.subject.match(/CN=([^,]*)/) || [])[1]) ||
    (typeof value.type === "string" && value.type);
  return typeof said === "string" && said !== "" ? `${key} · ${said}` : String(key);
}

function branch(name, label, value, path, ctx) {
  const words = explain(path);
  const count = sizeOf(value);
  const details = el("details", { class: "branch", "data-name": name },
    el("summary", {}, el("span", { class: "name" }, label), el("span", { class: "count" }, count === 1 ? "1 member" : `${count} members`),
      words && el("span", { class: "why" }, words)));
  let drawn = false;
  details.fill = () => {
    if (drawn) return;
    drawn = true;
    details.append(members(value, path, ctx));
  };
  details.addEventListener("toggle", () => { if (details.open) details.fill(); });
  return details;
}

function members(value, path, ctx) {
  const list = el("div", { class: "members" });
  const keys = Array.isArray(value) ? value.map((_, i) => i) : Object.keys(value);
  const draw = (from) => {
    for (const key of keys.slice(from, from + MANY)) {
      const inner = value[key], at = path.concat([key]);
      const name = String(key);
      if (isBranch(inner) && path.length >= DEEPEST) list.append(leaf(name, "deeper than is drawn here", at, ctx));
      else if (isBranch(inner) && sizeOf(inner) > 0) list.append(branch(name, Array.isArray(value) ? labelOf(inner, key) : name, inner, at, ctx));
      else list.append(leaf(name, isBranch(inner) ? undefined : inner, at, ctx));
    }
    if (keys.length > from + MANY) {
      const more = el("button", { type: "button", class: "quiet" }, `Show ${Math.min(MANY, keys.length - from - MANY)} more`);
      more.addEventListener("click", () => { more.remove(); draw(from + MANY); });
      list.append(more);
    }
  };
  draw(0);
  return list;
}

/** Opens what people look for first: small trees wholly, else the first two floors. */
function openFirst(root, depth) {
  for (const details of root.querySelectorAll(":scope > .members > details.branch")) {
    if (["chain", "collateral"].includes(details.dataset.name)) continue;
    details.fill();
    details.open = true;
    if (depth > 1) openFirst(details, depth - 1);
  }
}

function setAll(root, open) {
  let budget = 3000;
  const walk = (node) => {
    for (const details of node.querySelectorAll(":scope > .members > details.branch")) {
      if (budget-- <= 0) return;
      if (open) details.fill();
      details.open = open;
      if (details.querySelector(":scope > .members")) walk(details);
    }
  };
  walk(root);
}

/** ctx: { say(sentence), find(hex, name) → button or null } */
export function drawTree(value, ctx) {
  const root = el("div", { class: "tree" });
  root.append(members(value, [], ctx));
  openFirst(root, 4);
  const filter = el("input", { type: "search", id: "tree-filter", placeholder: "Filter fields", "aria-label": "Filter fields", autocomplete: "off" });
  filter.addEventListener("input", () => {
    const want = filter.value.trim().toLowerCase();
    if (want !== "") setAll(root, true);
    const shown = (node) => {
      let any = false;
      for (const child of node.querySelectorAll(":scope > .members > .leaf, :scope > .members > details.branch")) {
        const inner = child.classList.contains("branch") && shown(child);
        const mine = want === "" || child.dataset.name.toLowerCase().includes(want) ||
          (child.classList.contains("leaf") && child.querySelector(".leaf-value").textContent.toLowerCase().includes(want));
        child.hidden = !(mine || inner);
        if (mine && !inner) for (const each of child.querySelectorAll("[hidden]")) each.hidden = false;
        any = any || mine || inner;
      }
      return any;
    };
    ctx.say(shown(root) || want === "" ? "" : "no field fits");
  });
  const bar = el("div", { class: "bar" }, filter,
    el("button", { type: "button", class: "quiet", onclick: () => setAll(root, true) }, "Open all"),
    el("button", { type: "button", class: "quiet", onclick: () => setAll(root, false) }, "Close all"));
  return el("div", {}, bar, root);
}
