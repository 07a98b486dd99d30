// SPDX-License-Identifier: Apache-2.0
// A real verdict: POST /v1/verify, its token decoded.
import { fromBase64 } from "./bytes.js";
import { el, copyButton } from "./make.js";
import { drawTree } from "./tree.js";

function part(text) {
  const bytes = fromBase64(text);
  return bytes ? JSON.parse(new TextDecoder().decode(bytes)) : null;
}

/** Header and claims of a JWT, or null. The signature is not looked at: relying parties do that. */
export function decodeToken(token) {
  try {
    const [header, claims] = token.split(".").slice(0, 2).map(part);
    return header && claims ? { header, claims } : null;
  } catch {
    return null;
  }
}

export function drawToken(token, ctx) {
  const decoded = decodeToken(token);
  return el("div", { class: "token" },
    el("div", { class: "bar" }, copyButton(token, "token", ctx.say),
      el("span", { class: "dim" }, `${token.length} characters`)),
    el("details", { class: "raw" }, el("summary", {}, "The token as it is sent"),
      el("pre", { tabindex: "0", "aria-label": "The token" }, token.split(".").map((text, i) => el("span", { class: `part${i}` }, (i > 0 ? "." : "") + text)))),
    decoded ? [el("h3", {}, "Claims"), drawTree(decoded.claims, ctx), el("h3", {}, "Header"), drawTree(decoded.header, ctx)]
      : el("p", { class: "dim" }, "It is not a JWT that can be shown here."));
}
