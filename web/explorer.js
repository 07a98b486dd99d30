// SPDX-License-Identifier: Apache-2.0
// The evidence explorer: documents in, what they say and how they would be judged out.
import { asDocument, fromPem, fromText, placeOf, toBase64 } from "./bytes.js";
import { el, sign, copyButton, grouped } from "./make.js";
import { ask, fresh, PLACE } from "./ask.js";
import { drawTree } from "./tree.js";
import { drawToken } from "./token.js";
import { startTenant } from "./tenant.js";
import { drawChain, drawChecks, drawHero, drawNeeds, drawStrip, drawVector, headline } from "./verdict.js";
import { drawBytes } from "./dump.js";

const $ = (id) => document.getElementById(id);
const state = { collateral: [], asked: 0 };
const say = (text) => { $("said").textContent = ""; setTimeout(() => { $("said").textContent = text; }, 30); };

const EXAMPLES = [
  ["AWS Nitro", [["nitro/100-happy.vec", "as a device makes it"], ["nitro/400-bad-signature.vec", "altered"],
    ["nitro/500-wrong-nonce.vec", "replayed"], ["nitro/600-debug.vec", "debug mode"]]],
  ["AMD SEV-SNP", [["snp/100-milan.vec", "Milan"], ["snp/700-other-measurement.vec", "other code"], ["snp/310-revoked.vec", "revoked"]]],
  ["Intel SGX", [["sgx/100-version-3.vec", "an enclave"], ["sgx/633-out-of-date.vec", "old firmware"]]],
  ["Intel TDX", [["tdx/100-version-4.vec", "a TD"], ["tdx/400-bad-signature.vec", "altered"]]],
];

// ---- what is asked ----

const isCmw = (text) => /^\s*[[{]/.test(text);

/** The request, from the fields; only what is filled in. */
function gather() {
  const out = { evidence: $("document").value };
  const text = (id) => $(id).value.trim();
  if (state.collateral.length > 0) out.collateral = state.collateral.map((file) => file.text);
  if ($("policy").value === "own") out.policy_text = $("policy-text").value;
  else if ($("policy").value.startsWith("name:")) out.policy = $("policy").value.slice(5);
  if (text("nonce")) out.nonce = text("nonce");
  if (text("key")) out.key = text("key");
  if (text("report-data")) out.report_data = text("report-data");
  if (text("at")) out.at = text("at");
  return out;
}

function sized() {
  const n = $("document").value.length;
  $("size").textContent = n > 0 ? `${grouped(n)} characters` : "";
}

function drawCollateral() {
  const n = state.collateral.length;
  $("collateral-box").hidden = n === 0;
  $("collateral-title").textContent = n === 1 ? "1 piece of collateral" : `${n} pieces of collateral`;
  $("collateral").replaceChildren(...state.collateral.map((file, i) => el("li", {},
    el("span", {}, el("strong", {}, file.name), " ", el("span", { class: "dim" }, file.kind || "collateral")),
    el("button", { type: "button", class: "quiet", "aria-label": `Remove ${file.name}`, onclick: () => {
      state.collateral.splice(i, 1);
      drawCollateral();
    } }, "Remove"))));
}

function ownPolicy(text) {
  let pretty = text;
  try { pretty = JSON.stringify(JSON.parse(text), null, 2); } catch { /* as it is: the service says what is wrong */ }
  $("policy-text").value = pretty;
  $("policy").value = "own";
  $("own").hidden = false;
}

function clear() {
  for (const id of ["document", "policy-text", "nonce", "key", "report-data", "at"]) $(id).value = "";
  state.collateral = [];
  if ($("policy").value === "own") $("policy").value = state.usual || "none";
  $("own").hidden = true;
  drawCollateral();
  sized();
}

// ---- files ----

const isVector = (text) => /^expect: /m.test(text) && /^policy: /m.test(text);

/** A test vector: header lines, then evidence and collateral. */
function takeVector(text) {
  const [head, ...bodies] = text.split(/\n\n+/);
  const fields = Object.fromEntries(head.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]));
  clear();
  const documents = bodies.filter((body) => body.trim() !== "");
  $("document").value = documents[0] || "";
  state.collateral = documents.slice(1).map((body, i) => ({ name: `piece ${i + 1}`, text: body }));
  $("nonce").value = fields.nonce || "";
  $("key").value = fields.key || "";
  $("report-data").value = fields["report-data"] || "";
  $("at").value = fields.now || "";
  if (fields.policy) ownPolicy(fields.policy);
  $("expected").open = true;
  drawCollateral();
  sized();
}

/** Where a file belongs is a question of what it is, and the service knows that. */
async function placeFile(name, text) {
  if (isVector(text)) return takeVector(text);
  const answer = await ask("v1/explain", { evidence: text });
  const kind = answer.ok ? answer.body.kind || "" : "";
  if (kind === "policy") ownPolicy(text);
  else if (kind === "public key") $("key").value = text.trim();
  else if (answer.ok && (answer.body.verdict || $("document").value === "")) $("document").value = text;
  else if (!answer.ok && $("document").value === "") $("document").value = text;
  else state.collateral.push({ name, text, kind });
  return undefined;
}

async function takeFiles(list) {
  const files = [...list].slice(0, 40);
  if (files.length === 0) return;
  const tooLarge = files.find((file) => file.size > 700 * 1024);
  if (tooLarge) return showProblem({ title: "Too large", detail: `${tooLarge.name} has ${grouped(tooLarge.size)} bytes: evidence and collateral are smaller than 512 KiB.`,
    remedy: "For images use `selfsame show` and `selfsame measure`." });
  $("document").value = "";
  state.collateral = [];
  busy(true);
  for (const file of files) {
    const text = asDocument(await file.arrayBuffer());
    if (files.length === 1 && !isVector(text)) $("document").value = text;
    else await placeFile(file.name, text);
  }
  drawCollateral();
  sized();
  busy(false);
  await explain();
}

// ---- what comes back ----

function busy(on) {
  $("result").setAttribute("aria-busy", String(on));
  $("go").disabled = on;
  $("go").textContent = on ? "Explaining…" : "Explain";
}

function show(nodes, title) {
  $("result").replaceChildren(...nodes.filter(Boolean));
  document.title = `${title} · selfsame`;
}

function showProblem(problem) {
  show([el("section", { class: "hero bad", "aria-labelledby": "headline" },
    el("div", { class: "hero-sign" }, sign("bad")),
    el("div", { class: "hero-words" },
      el("h2", { id: "headline", tabindex: "-1" }, problem.class === "denied" ? "An API key is needed" : problem.title === "Too large" ? "Too large" : "Cannot be read"),
      el("p", { class: "said" }, problem.detail),
      problem.remedy && el("p", { class: "remedy" }, el("strong", {}, "What to do: "), problem.remedy)),
    problem.class && el("ul", { class: "chips" }, el("li", {}, el("span", { class: "dim" }, "class "), el("strong", {}, problem.class))))],
  "Cannot be read");
  say(`Cannot be read: ${problem.detail}`);
}

/** The pasted bytes themselves, when they are bytes and not a text. */
function pastedBytes() {
  const text = $("document").value;
  const bytes = /-----BEGIN/.test(text) || isCmw(text) ? null : fromText(text);
  return bytes && bytes.length >= 16 ? bytes : null;
}

function drawDecoded(answer, bytes) {
  const dump = bytes && drawBytes(bytes);
  const find = dump && ((hex, name) => {
    const value = fromText(hex);
    if (/^(00|ff)+$/.test(hex) || value.length < 8) return null;
    const at = placeOf(bytes, value);
    if (at < 0 || !dump.reaches(at)) return null;
    return el("button", { type: "button", class: "copy", "aria-label": `Show the bytes of ${name}`, onclick: () => dump.mark(at, value.length, name) }, "Bytes");
  });
  const why = answer.unreadable && answer.unreadable.detail;
  return [el("section", { class: "card", "aria-labelledby": "decoded-title" },
    el("h2", { id: "decoded-title" }, "Decoded"),
    el("p", { class: "dim" }, `${answer.kind || "unknown kind"}, ${grouped(answer.size)} bytes. What it says; only the checks say whether it is true.`),
    el("p", { class: "dim print" }, "SHA-256 ", el("code", { class: "hex" }, el("span", {}, answer.sha256)), copyButton(answer.sha256, "SHA-256", say)),
    why && el("p", { class: "bad word" }, `It could not be decoded: ${why}`),
    answer.decoded && drawTree(strip(answer.decoded), { say, find })),
  dump && el("section", { class: "card", "aria-labelledby": "bytes-title" }, el("h2", { id: "bytes-title" }, "Bytes"), dump.node)];
}

/** The kind is said above the tree. */
function strip(decoded) {
  const { kind: _, ...rest } = decoded;
  return rest;
}

function drawTokenCard(asked, answer) {
  const box = el("div", {});
  const name = answer.policy.kind === "tenant" ? answer.policy.name : null;
  const button = el("button", { type: "button", onclick: () => getToken(asked, name, box, button) }, "Verify, and get the token");
  return el("section", { class: "card", "aria-labelledby": "token-title" },
    el("h2", { id: "token-title" }, "Token"),
    name ? el("p", {}, "What you see is an explanation. A verdict that counts is signed as a token, uses up a nonce of this verifier, and is written into the audit log.")
      : el("p", { class: "dim" }, "Tokens are made by a policy of a tenant alone. Choose one above and explain again."),
    name && button, box);
}

async function getToken(asked, policy, box, button) {
  const bytes = (text) => {
    const found = /-----BEGIN/.test(text) ? fromPem(text, "PUBLIC KEY") : fromText(text);
    return found ? toBase64(found, true) : text;
  };
  const body = { policy };
  const binary = pastedBytes();
  body.evidence = binary ? toBase64(binary) : isCmw(asked.evidence) ? JSON.parse(asked.evidence) : toBase64(new TextEncoder().encode(asked.evidence));
  if (asked.nonce) body.nonce = bytes(asked.nonce);
  if (asked.key) body.key = bytes(asked.key);
  if (asked.report_data) body.report_data = bytes(asked.report_data);
  if (asked.collateral) body.collateral = asked.collateral.map((text) => toBase64(fromText(text) || new TextEncoder().encode(text)));
  button.disabled = true;
  const answer = await ask("v1/verify", body);
  button.disabled = false;
  if (!answer.ok) {
    box.replaceChildren(el("p", { class: "bad word" }, answer.body.detail || "The verifier gave no token."),
      answer.body.remedy && el("p", { class: "remedy" }, el("strong", {}, "What to do: "), answer.body.remedy));
    say("no token");
    return;
  }
  box.replaceChildren(el("p", {}, "Status ", el("strong", {}, answer.body.status), ", class ", el("strong", {}, answer.body.class), "."),
    drawToken(answer.body.token, { say }));
  say(`Token received: ${answer.body.status}`);
  fresh();
}

async function explain(focus) {
  if ($("document").value.trim() === "") {
    $("document").focus();
    say("There is no document yet.");
    return;
  }
  const turn = ++state.asked;
  const asked = gather();
  busy(true);
  const answer = await ask("v1/explain", asked);
  if (turn !== state.asked) return;
  busy(false);
  if (!answer.ok) {
    showProblem(answer.body);
  } else {
    const { body } = answer;
    const bytes = pastedBytes();
    if (body.verdict)
      show([drawHero(body), drawStrip(body.verdict), drawNeeds(body.verdict, say), drawChecks(body), drawChain(body, say),
        drawVector(body.verdict), ...drawDecoded(body, bytes), drawTokenCard(asked, body)], headline(body.verdict, body.policy.kind === "none"));
    else
      show([el("section", { class: "hero none", "aria-labelledby": "headline" }, el("div", { class: "hero-sign" }, sign("none")),
        el("div", { class: "hero-words" }, el("h2", { id: "headline", tabindex: "-1" }, "Decoded: ", body.kind || "a document"),
          el("p", { class: "said" }, "This is no evidence: there is nothing to judge. What it says stands below."))),
      ...drawDecoded(body, bytes)], "Decoded");
    say(`${document.getElementById("headline").textContent}. ${body.verdict && body.verdict.error ? body.verdict.error.message : ""}`);
  }
  if (focus !== false && matchMedia("(max-width: 64rem)").matches) {
    document.getElementById("headline").focus();
    $("result").scrollIntoView({ block: "start" });
  }
}

// ---- the rest of the page ----

function drawExamples() {
  $("examples").replaceChildren(...EXAMPLES.map(([title, list]) => el("div", { class: "example-row" }, el("h3", {}, title),
    el("ul", {}, list.map(([name, what]) => el("li", {}, el("button", { type: "button", class: "chip", "data-example": name, onclick: async () => {
      const answer = await fetch(PLACE + "assets/" + name, { credentials: "omit" });
      if (!answer.ok) return;
      takeVector(await answer.text());
      await explain();
    } }, el("span", { class: "hidden" }, title + ": "), what)))))));
}

function startTheme() {
  const root = document.documentElement;
  for (const input of document.querySelectorAll("input[name=theme]")) {
    input.checked = input.value === (root.dataset.theme || "auto");
    input.addEventListener("change", () => {
      if (input.value === "auto") delete root.dataset.theme;
      else root.dataset.theme = input.value;
      try { localStorage.setItem("theme", input.value); } catch { /* not kept then */ }
    });
  }
}

function start() {
  drawExamples();
  startTheme();
  startTenant({ say, policies: (names, usual) => {
    const before = $("policy").value;
    for (const option of [...$("policy").options]) if (option.value.startsWith("name:")) option.remove();
    names.forEach((name, i) => $("policy").options.add(new Option(`policy ${name}${name === usual ? " (the tenant's own)" : ""}`, "name:" + name), i));
    // What was chosen stays, unless it is gone or another tenant has one of its own.
    const own = names.includes(usual) ? "name:" + usual : "none";
    const stays = before === "own" || names.includes(before.slice(5)) || (before === "none" && own === state.usual);
    $("policy").value = stays ? before : own;
    state.usual = own;
  } });
  $("form").addEventListener("submit", (event) => { event.preventDefault(); explain(); });
  $("document").addEventListener("input", sized);
  $("document").addEventListener("paste", () => setTimeout(() => { sized(); explain(false); }, 0));
  $("document").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); explain(); }
  });
  $("policy").addEventListener("change", () => { $("own").hidden = $("policy").value !== "own"; });
  $("files").addEventListener("change", () => takeFiles($("files").files));
  $("clear").addEventListener("click", () => { clear(); $("document").focus(); });
  for (const name of ["dragover", "dragleave", "drop"])
    document.addEventListener(name, (event) => {
      event.preventDefault();
      $("drop").classList.toggle("over", name === "dragover");
      if (name === "drop") takeFiles(event.dataTransfer.files);
    });
}

start();
