// SPDX-License-Identifier: Apache-2.0
// A verdict: the headline, the twelve checks, the chain, what is missing, what it means.
import { pieces } from "./bytes.js";
import { el, sign, copyButton } from "./make.js";
import { CHECKS, CLASSES, INSECURE, TEES, VECTOR, tierOf } from "./words.js";

const TONES = { pass: "good", fail: "bad", na: "none", skipped: "warn", missing: "bad" };
const OUTCOMES = { pass: "holds", fail: "fails", na: "does not apply", skipped: "not looked at", missing: "not made" };

export const toneOf = (verdict) =>
  verdict.status === "affirming" ? "good" : verdict.status === "warning" ? "warn" : "bad";

/** What is seen first. `noPolicy`: nothing was demanded, so nothing can be accepted. */
export function headline(verdict, noPolicy) {
  if (verdict.status === "affirming") return "Accepted";
  if (verdict.status === "warning") return "Accepted, with warnings";
  if (verdict.status === "none") return "Not judged";
  const genuine = ["parse", "chain", "revocation", "signature"].every((name) => {
    const check = verdict.checks.find((k) => k.name === name);
    return check && (check.outcome === "pass" || check.outcome === "na");
  });
  if (noPolicy && genuine) return (verdict.simulated ? "Simulated" : "Genuine") + ", and judged by no policy";
  return "Refused";
}

function warnings(verdict) {
  const out = [];
  if (verdict.simulated) out.push("Made by the simulator: no hardware stands behind it.");
  if (verdict.trust_anchor === "caller") out.push("Verified against roots of the caller, not the vendor's.");
  if (verdict.as_of) out.push(`Judged as of ${verdict.as_of}, and not as of now.`);
  for (const word of verdict.insecure)
    if (!(word === "simulated" && verdict.simulated))
      out.push(`The policy is weakened: ${INSECURE[word] || word}.`);
  return out;
}

/** The page's own way where the service speaks of its command's options. */
const remedyOf = (verdict) => ((verdict.needs || []).length > 0
  ? "Fetch what is missing, listed below, drop it here, and explain again." : verdict.error.remedy);

const chip = (name, value) => el("li", {}, el("span", { class: "dim" }, name, " "), el("strong", {}, value));

export function drawHero(answer) {
  const verdict = answer.verdict;
  const noPolicy = answer.policy.kind === "none";
  const head = headline(verdict, noPolicy);
  const genuine = head.endsWith("by no policy");
  const tone = genuine ? "warn" : toneOf(verdict);
  const said = verdict.error && !genuine ? verdict.error.message :
    genuine ? (verdict.simulated ? "The simulator signed it, and no hardware. " : "The hardware's vendor vouches for it. ") +
      "Whether the code inside is the right one only a policy can say; without one everything is refused." :
    "Every check of the policy holds.";
  const list = warnings(verdict);
  return el("section", { class: `hero ${tone}`, "aria-labelledby": "headline" },
    el("div", { class: "hero-sign" }, sign(tone)),
    el("div", { class: "hero-words" },
      el("h2", { id: "headline", tabindex: "-1" }, head),
      el("p", { class: "said" }, said),
      verdict.error && el("p", { class: "remedy" }, el("strong", {}, "What to do: "),
        genuine ? "Choose a policy of the tenant, or write a one-off policy, and explain it again." : remedyOf(verdict)),
      list.length > 0 && el("ul", { class: "warnings" }, list.map((text) => el("li", {}, sign("warn"), text)))),
    el("ul", { class: "chips" },
      chip("hardware", verdict.tee ? TEES[verdict.tee] || verdict.tee : "unknown"),
      chip("verdict", verdict.status),
      chip("class", verdict.result),
      chip("policy", answer.policy.name || (noPolicy ? "none" : "one-off")),
      chip("judged", answer.judged_at.replace("T", " ").replace("Z", " UTC"))));
}

/** One square for each check, in order: the whole verdict at a glance. */
export function drawStrip(verdict) {
  return el("nav", { "aria-label": "Checks at a glance" },
    el("ol", { class: "strip" }, verdict.checks.map((check) => {
      const tone = TONES[check.outcome] || "bad";
      const words = CHECKS[check.name] || [check.name];
      return el("li", {}, el("a", {
        class: `pip ${tone}`, href: `#check-${check.name}`,
        onclick: (event) => {
          event.preventDefault();
          const details = document.getElementById(`check-${check.name}`);
          details.open = true;
          details.querySelector("summary").focus();
          details.scrollIntoView({ block: "nearest" });
        },
      }, sign(tone), el("span", { class: "pip-name" }, words[0]),
        el("span", { class: "hidden" }, ": " + (OUTCOMES[check.outcome] || check.outcome))));
    })));
}

/** "pcr.0=… pcr.1=…" as names and values; null where it is one value. */
function named(text) {
  if (!/^[a-z][\w.\-]*=/i.test(text)) return null;
  const out = new Map();
  for (const part of text.split(" ")) {
    const at = part.indexOf("=");
    if (at < 1) return null;
    out.set(part.slice(0, at), part.slice(at + 1));
  }
  return out;
}

function marked(value, other) {
  const code = el("code", { class: "hex" });
  const parts = other === undefined ? [[value, false]] : pieces(value, other);
  const hex = /^[0-9a-f]+$/.test(value) && value.length >= 8;
  let at = 0, group = null;
  for (const [text, differs] of parts) {
    // Four bytes stay together, whatever is marked of them.
    for (let i = 0; i < text.length;) {
      if (!hex || at % 8 === 0) {
        group = el("span", {});
        code.append(group);
      }
      const piece = text.slice(i, i + (hex ? 8 - (at % 8) : text.length));
      group.append(differs ? el("mark", {}, piece) : piece);
      i += piece.length;
      at += piece.length;
    }
  }
  code.classList.toggle("flow", !hex);
  return code;
}

function values(title, value, other, fails) {
  const mine = named(value), theirs = other !== null && named(other);
  const body = mine && (theirs || other === null)
    ? el("dl", { class: "named" }, [...mine].map(([name, v]) => [el("dt", {}, name),
      el("dd", {}, marked(v, fails && theirs && theirs.has(name) ? theirs.get(name) : undefined))]))
    : marked(value, fails && other !== null ? other : undefined);
  return el("div", { class: "compared" }, el("h4", {}, title), body);
}

function drawCompared(check) {
  if (check.expected === null && check.got === null) return null;
  if (check.expected === check.got) return values("Expected, and got", check.expected, null, false);
  const fails = check.outcome === "fail";
  const both = check.expected !== null && check.got !== null;
  return el("div", { class: "pair" },
    check.expected !== null && values("Expected", check.expected, check.got, fails),
    check.got !== null && values(fails && both ? "Got (marked where it differs)" : "Got", check.got, check.expected, fails));
}

function drawCheck(check, verdict, answer) {
  const tone = TONES[check.outcome] || "bad";
  const words = CHECKS[check.name] || [check.name, ""];
  const first = verdict.error && verdict.checks.find((k) => k.outcome === "fail") === check;
  const facts = [];
  if (check.class) facts.push(["Class", `${check.class}: ${CLASSES[check.class] || ""}`]);
  if (check.source) facts.push(["Held against", check.source]);
  if (check.spec) facts.push(["By", check.spec]);
  return el("details", { class: `check ${tone}`, id: `check-${check.name}`, open: check.outcome === "fail" && (first || answer.policy.kind !== "none") },
    el("summary", {}, sign(tone), el("span", { class: "check-name" }, words[0]),
      el("span", { class: "check-asks" }, words[1]),
      el("span", { class: "outcome" }, OUTCOMES[check.outcome] || check.outcome)),
    el("div", { class: "check-body" },
      check.detail && el("p", { class: "detail" }, check.detail),
      drawCompared(check),
      first && el("p", { class: "remedy" }, el("strong", {}, "What to do: "), remedyOf(verdict)),
      facts.length > 0 && el("dl", { class: "facts" }, facts.map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]))));
}

export function drawChecks(answer) {
  const verdict = answer.verdict;
  return el("section", { class: "card", "aria-labelledby": "checks-title" },
    el("h2", { id: "checks-title" }, "Checks"),
    el("p", { class: "dim" }, "In the order in which they decide: the first that fails gives the class."),
    verdict.checks.map((check) => drawCheck(check, verdict, answer)));
}

/** What would let it be judged again, and where the vendor has it. */
export function drawNeeds(verdict, say) {
  const needs = verdict.needs || [];
  if (needs.length === 0) return null;
  return el("section", { class: "card", "aria-labelledby": "needs-title" },
    el("h2", { id: "needs-title" }, "What is missing"),
    el("p", {}, "The vendor publishes what this evidence lacks. Fetch it, drop it here beside the evidence, and explain again."),
    el("ul", { class: "needs" }, needs.map((need) => el("li", {}, el("strong", {}, need.name), " ",
      need.url ? [el("code", { class: "url" }, need.url), copyButton(need.url, "address", say)] : "the machine's provider has it"))));
}

const commonName = (name) => (name && (name.match(/CN=((?:\\,|[^,])*)/) || [])[1]) || name || "not an X.509 certificate";
const day = (time) => (time || "").replace("T", " ").replace("Z", " UTC");

function certificate(cert, i, count, answer, say) {
  const verdict = answer.verdict;
  const at = Date.parse(answer.judged_at);
  const from = Date.parse(cert.not_before), to = Date.parse(cert.not_after);
  const valid = Number.isNaN(from) || (from <= at && at <= to);
  const role = i === count - 1 ? "leaf" : i === 0 && cert.subject === cert.issuer ? "root" : "intermediate";
  const ok = verdict.checks.find((k) => k.name === "chain").outcome === "pass";
  const pinned = i === 0 && (role === "root" || ok) && (!ok ? "claims to be above" :
    verdict.trust_anchor === "caller" ? "given by the caller" : verdict.simulated ? "the simulator's, pinned here" : "pinned in this program");
  return el("li", { class: `cert ${ok && valid ? "good" : "bad"}` },
    el("div", { class: "cert-head" }, el("span", { class: "role" }, role), el("strong", { class: "cn" }, commonName(cert.subject)),
      pinned && el("span", { class: "badge" }, pinned)),
    el("dl", { class: "facts" },
      cert.subject && [el("dt", {}, "Subject"), el("dd", {}, cert.subject)],
      cert.issuer && [el("dt", {}, "Issuer"), el("dd", {}, cert.issuer === cert.subject ? "itself" : cert.issuer)],
      cert.not_before && [el("dt", {}, "Valid"), el("dd", {}, `${day(cert.not_before)} to ${day(cert.not_after)} `,
        el("span", { class: `word ${valid ? "good" : "bad"}` }, valid ? "valid then" : at < from ? "not yet valid" : "expired"))],
      el("dt", {}, "SHA-256"), el("dd", {}, marked(cert.sha256), " ", copyButton(cert.sha256, "fingerprint", say))));
}

export function drawChain(answer, say) {
  const verdict = answer.verdict;
  const check = verdict.checks.find((k) => k.name === "chain");
  const chain = verdict.chain || [];
  return el("section", { class: "card", "aria-labelledby": "chain-title" },
    el("h2", { id: "chain-title" }, "Certificate chain"),
    el("p", { class: check.outcome === "pass" ? "dim" : "bad word" },
      chain.length === 0 ? "None: no certificate could be read." :
        check.outcome === "pass" ? "Each certificate is signed by the one above." :
          "This chain did not verify: nobody vouches for these names. " + (check.detail || "")),
    chain.length > 0 && el("ol", { class: "chain" }, chain.map((cert, i) => certificate(cert, i, chain.length, answer, say))));
}

export function drawVector(verdict) {
  const names = Object.keys(verdict.trust_vector || {});
  if (names.length === 0 && !verdict.identity) return null;
  return el("section", { class: "card", "aria-labelledby": "vector-title" },
    el("h2", { id: "vector-title" }, "What was found"),
    verdict.identity && el("p", {}, "It runs ", el("strong", {}, `${verdict.identity.release} ${verdict.identity.version || ""}`), "."),
    el("p", { class: "dim" }, "The trust vector of AR4SI, as tokens carry it."),
    el("ul", { class: "vector" }, names.map((name) => {
      const [tone, word] = tierOf(verdict.trust_vector[name]);
      return el("li", { class: tone }, sign(tone), el("span", {}, el("strong", {}, name), el("span", { class: "why" }, VECTOR[name] || "")),
        el("span", { class: "outcome" }, `${word} (${verdict.trust_vector[name]})`));
    })));
}
