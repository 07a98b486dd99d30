// SPDX-License-Identifier: Apache-2.0
// Elements. All that evidence says is a stranger's text: it becomes text nodes, never markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, props, children) {
  for (const [name, value] of Object.entries(props || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "text") node.textContent = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(9)) {
    if (child === undefined || child === null || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}

export const el = (tag, props, ...children) => fill(document.createElement(tag), props, children);
export const svg = (tag, props, ...children) => fill(document.createElementNS(SVG, tag), props, children);

const SIGNS = {
  good: "M4 12.5l5 5L20 6.5",
  bad: "M6 6l12 12M18 6L6 18",
  warn: "M12 4v10M12 18.5v1",
  none: "M6 12h12",
};

/** A sign beside words that say the same. */
export const sign = (tone) =>
  svg("svg", { class: "sign", viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" },
    svg("path", { d: SIGNS[tone] || SIGNS.none }));

/** A button that copies, and says so. */
export function copyButton(text, what, said) {
  const button = el("button", { type: "button", class: "copy", "aria-label": "Copy " + what }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(typeof text === "function" ? text() : text);
      button.textContent = "Copied";
      said(what + " copied");
    } catch {
      button.textContent = "Not allowed";
      said("the browser does not allow copying");
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1600);
  });
  return button;
}

export const grouped = (n) => n.toLocaleString("en-US");
