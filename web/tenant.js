// SPDX-License-Identifier: Apache-2.0
// What a key opens: the tenant's policies, its recent verdicts, how they ended.
import { access, ask, onFresh } from "./ask.js";
import { drawByClass, drawByMinute, ordered } from "./charts.js";
import { el, sign, grouped } from "./make.js";
import { CLASSES, TEES } from "./words.js";

const $ = (id) => document.getElementById(id);
const TONES = { affirming: "good", warning: "warn", contraindicated: "bad", none: "none" };

function row(entry) {
  const tone = TONES[entry.status] || "none";
  return el("tr", {},
    el("td", {}, el("time", { datetime: entry.at }, String(entry.at || "").replace("T", " ").replace(/\.\d+Z$|Z$/, ""))),
    el("td", { class: `state ${tone}` }, sign(tone), entry.status || "none"),
    el("td", {}, el("span", {}, entry.class || ""), entry.class && entry.class !== "ok" && el("span", { class: "why" }, CLASSES[entry.class] || "")),
    el("td", {}, TEES[entry.tee] || entry.tee || "unknown"),
    el("td", {}, String(entry.policy || "").replace(/@sha256:.*/, "")),
    el("td", {}, entry.release || "–"),
    el("td", {}, el("code", { class: "short" }, String(entry.request || ""))));
}

function drawRecent(rows) {
  if (rows.length === 0) return el("p", { class: "dim" }, "No verdicts yet.");
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Recent verdicts" },
    el("table", { class: "recent" }, el("caption", {}, `The last ${grouped(rows.length)} verdicts, the newest first (UTC)`),
      el("thead", {}, el("tr", {}, ["When", "Status", "Class", "Hardware", "Policy", "Release", "Request"].map((name) => el("th", { scope: "col" }, name)))),
      el("tbody", {}, rows.map(row))));
}

function drawOutcomes(outcomes) {
  const rows = ordered(outcomes.classes);
  if (rows.length === 0) return el("p", { class: "dim" }, "No verdicts in the last hour.");
  return el("div", { class: "charts" }, drawByMinute(rows, outcomes.from, outcomes.minutes), drawByClass(rows));
}

export function startTenant({ say, policies }) {
  const body = $("tenant-body");
  const refuse = (text) => body.replaceChildren(el("p", { class: "bad word" }, text));

  async function load() {
    const tenant = await ask("v1/tenant");
    if (!tenant.ok) {
      refuse(tenant.body.detail || "The verifier does not answer.");
      policies([], null);
      return;
    }
    const { version, issuer, tenants } = tenant.body;
    $("version").textContent = version;
    $("issuer").textContent = issuer;
    $("forget").hidden = !access.key;
    if (tenants.length > 0 && !tenants.includes(access.tenant)) {
      access.tenant = tenants.includes("default") ? "default" : tenants[0];
      await load();
      return;
    }
    $("tenant-pick").hidden = tenants.length === 0;
    $("tenant-name").replaceChildren(...tenants.map((name) => new Option(name, name, false, name === access.tenant)));
    policies(tenant.body.policies, tenant.body.policy);
    if (!access.key) {
      body.replaceChildren();
      return;
    }
    const [recent, outcomes] = await Promise.all([ask("v1/recent?max=100"), ask("v1/outcomes")]);
    if (!recent.ok || !outcomes.ok) {
      refuse((recent.ok ? outcomes : recent).body.detail);
      return;
    }
    body.replaceChildren(
      el("p", {}, "Tenant ", el("strong", {}, tenant.body.tenant || "of the service"), ", key ", el("strong", {}, tenant.body.key), ` (${tenant.body.role}), `,
        tenant.body.policies.length === 1 ? "1 policy. " : `${tenant.body.policies.length} policies. `,
        el("button", { type: "button", class: "quiet", onclick: () => load().then(() => say("refreshed")) }, "Refresh")),
      drawOutcomes(outcomes.body), drawRecent(recent.body.rows));
  }

  $("key-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    access.key = $("api-key").value.trim() || access.key;
    access.tenant = "";
    $("api-key").value = "";
    await load();
    say(body.textContent.slice(0, 160));
  });
  $("forget").addEventListener("click", async () => {
    access.key = "";
    access.tenant = "";
    await load();
    say("the key is forgotten");
  });
  $("tenant-name").addEventListener("change", () => { access.tenant = $("tenant-name").value; load(); });
  let waiting = false;
  onFresh(() => {
    if (waiting) return;
    waiting = true;
    setTimeout(() => { waiting = false; load(); }, 200);
  });
  load();
}
