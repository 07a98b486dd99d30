// SPDX-License-Identifier: Apache-2.0
// Requests to this verifier and no other. The API key lives in this tab alone.

/** Where the page stands: a proxy may serve it below a prefix. */
export const PLACE = new URL(".", document.baseURI).href;

const listeners = [];
/** Called when something was verified, or the key changed. */
export const onFresh = (listener) => listeners.push(listener);
export const fresh = () => listeners.forEach((listener) => listener());

const KEY = "selfsame-key", TENANT = "selfsame-tenant";
const store = (name, value) => {
  try {
    if (value) sessionStorage.setItem(name, value);
    else sessionStorage.removeItem(name);
  } catch { /* not kept beyond this page then */ }
};
const stored = (name) => { try { return sessionStorage.getItem(name) || ""; } catch { return ""; } };
let key = stored(KEY), tenant = stored(TENANT);
export const access = {
  get key() { return key; },
  set key(value) { key = value; store(KEY, value); },
  get tenant() { return tenant; },
  set tenant(value) { tenant = value; store(TENANT, value); },
};

const pause = (ms) => new Promise((done) => { setTimeout(done, ms); });

/** { ok, status, body }; body is a problem when not ok. Busy services are asked again. */
export async function ask(path, body) {
  const url = new URL(path, PLACE);
  if (tenant) url.searchParams.set("tenant", tenant);
  const headers = { accept: "application/json" };
  if (key) headers.authorization = "Bearer " + key;
  if (body !== undefined) headers["content-type"] = "application/json";
  for (let tries = 0; ; tries++) {
    try {
      const answer = await fetch(url, { method: body === undefined ? "GET" : "POST", headers, credentials: "omit", cache: "no-store",
        body: body === undefined ? undefined : JSON.stringify(body) });
      if ((answer.status === 429 || answer.status === 503) && tries < 5) {
        await pause(200 * 2 ** tries);
        continue;
      }
      return { ok: answer.ok, status: answer.status, body: await answer.json() };
    } catch (why) {
      return { ok: false, status: 0, body: { class: "io", title: "No answer", detail: `The verifier does not answer: ${why.message}`, remedy: "Look whether it still runs, and try again." } };
    }
  }
}
