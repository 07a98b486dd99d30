// SPDX-License-Identifier: Apache-2.0
// Bytes as people paste them, and values that should have been the same.

const squeezed = (text) => text.replace(/\s+/g, "");

export function fromBase64(text) {
  const plain = squeezed(text).replace(/-/g, "+").replace(/_/g, "/").replace(/=+$/, "");
  if (plain === "" || /[^A-Za-z0-9+/]/.test(plain) || plain.length % 4 === 1) return null;
  const raw = atob(plain + "===".slice((plain.length + 3) % 4));
  return Uint8Array.from(raw, (c) => c.charCodeAt(0));
}

export function fromHex(text) {
  const plain = squeezed(text);
  if (plain === "" || plain.length % 2 !== 0 || /[^0-9a-f]/i.test(plain)) return null;
  return Uint8Array.from(plain.match(/../g), (pair) => parseInt(pair, 16));
}

/** Hex first: what is both was meant as hex. */
export const fromText = (text) => fromHex(text) || fromBase64(text);

export function toBase64(bytes, url) {
  let raw = "";
  for (let i = 0; i < bytes.length; i += 4096)
    raw += String.fromCharCode(...bytes.subarray(i, i + 4096));
  const text = btoa(raw);
  return url ? text.replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "") : text;
}

export const toHex = (bytes) => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");

/** The bytes of the first PEM block of this kind; null: there is none. */
export function fromPem(text, kind) {
  const found = text.match(new RegExp(`-----BEGIN ${kind}-----([^-]*)-----END ${kind}-----`));
  return found ? fromBase64(found[1]) : null;
}

/** A file as the service takes it: text as it is, anything else as base64. */
export function asDocument(buffer) {
  const bytes = new Uint8Array(buffer);
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    if (!/[\0-\x08\x0e-\x1f]/.test(text)) return text;
  } catch { /* not text */ }
  return toBase64(bytes).replace(/.{76}/g, "$&\n");
}

export const looksHex = (text) => /^(?:[0-9a-f]{2}){4,}$/.test(text);

/** Printable ASCII that hex stands for, with its zeros at the end cut; null: it is none. */
export function asciiOf(hex) {
  const bytes = fromHex(hex);
  let end = bytes ? bytes.length : 0;
  while (end > 0 && bytes[end - 1] === 0) end--;
  if (end < 4) return null;
  const text = String.fromCharCode(...bytes.subarray(0, end));
  return /^[\x20-\x7e]+$/.test(text) ? text : null;
}

/**
 * [text, differs] pieces of `a` beside `b`: pair by pair of hex digits where both are of one
 * length, else what is between the common beginning and the common end.
 */
export function pieces(a, b) {
  const out = [];
  const add = (text, differs) => {
    if (text === "") return;
    if (out.length > 0 && out[out.length - 1][1] === differs) out[out.length - 1][0] += text;
    else out.push([text, differs]);
  };
  if (looksHex(a) && looksHex(b) && a.length === b.length) {
    for (let i = 0; i < a.length; i += 2) add(a.slice(i, i + 2), a.slice(i, i + 2) !== b.slice(i, i + 2));
    return out;
  }
  const least = Math.min(a.length, b.length);
  let head = 0, tail = 0;
  while (head < least && a[head] === b[head]) head++;
  while (tail < least - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  add(a.slice(0, head), false);
  add(a.slice(head, a.length - tail), true);
  add(a.slice(a.length - tail), false);
  return out;
}

/** Where these bytes stand in the document, when they stand there once; else -1. */
export function placeOf(document, bytes) {
  let found = -1;
  for (let i = 0; i + bytes.length <= document.length; i++) {
    let n = 0;
    while (n < bytes.length && document[i + n] === bytes[n]) n++;
    if (n < bytes.length) continue;
    if (found >= 0) return -1;
    found = i;
  }
  return found;
}
