// SPDX-License-Identifier: Apache-2.0
// Drives the verifier's page in headless Chromium: node page.mjs ORIGIN FOLDER [SHOTS].
// FOLDER has what verifier_page.sh made; MODULES (environment) where npm's packages are.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [origin, folder, shots] = process.argv.slice(2);
const modules = process.env.MODULES;
const { chromium } = await import(pathToFileURL(path.join(modules, "playwright-core/index.mjs")));
const axe = fs.readFileSync(path.join(modules, "axe-core/axe.min.js"), "utf8");
const read = (name) => fs.readFileSync(path.join(folder, name), "utf8").trim();
const at = (name) => path.join(folder, name);

let bad = 0, made = 0;
const ok = (what, holds, more) => {
  made++;
  if (!holds) bad++;
  console.log(`${holds ? "ok" : "not ok"} - page: ${what}${holds || more === undefined ? "" : `: ${typeof more === "string" ? more : JSON.stringify(more)}`}`);
};
const is = (what, wanted, got) => ok(what, wanted === got, `expected ${wanted}, got ${got}`);

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
const strangers = [], complaints = [], violations = [], dialogs = [];

/** A page of a context of its own; all that it asks and complains of is kept. */
async function open(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, colorScheme: "light", ...options });
  await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin }).catch(() => {});
  const page = await context.newPage();
  page.setDefaultTimeout(8000);
  page.on("request", (request) => { if (!/^(data:|blob:)/.test(request.url()) && new URL(request.url()).origin !== origin) strangers.push(request.url()); });
  page.on("console", (message) => {
    // A refusal of the service is an answer, and Chromium lists it.
    if (["error", "warning"].includes(message.type()) && !/the server responded with a status of 4\d\d/.test(message.text())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("dialog", (dialog) => { dialogs.push(dialog.message()); dialog.dismiss(); });
  await page.exposeFunction("violated", (what) => violations.push(what));
  await page.addInitScript(() => document.addEventListener("securitypolicyviolation", (event) => window.violated(`${event.violatedDirective} ${event.blockedURI}`)));
  await page.goto(origin + "/");
  await page.waitForSelector("[data-example]");
  return page;
}
/** The content policy lets no function of a text in, which waitForFunction needs. */
async function until(page, holds, arg) {
  for (let i = 0; i < 160; i++) {
    if (await page.evaluate(holds, arg)) return;
    await new Promise((done) => { setTimeout(done, 50); });
  }
  throw new Error(`in 8 s it never held: ${holds}`);
}
const settled = async (page) => {
  await page.waitForSelector("#headline");
  await page.waitForSelector("#result[aria-busy=false]");
};
const explain = async (page) => {
  await page.evaluate(() => document.getElementById("result").replaceChildren());
  await page.click("#go");
  await settled(page);
};
const paste = async (page, text) => { await page.fill("#document", text); await explain(page); };
const example = async (page, name) => {
  await page.evaluate(() => document.getElementById("result").replaceChildren());
  await page.click(`[data-example="${name}"]`);
  await settled(page);
};
const head = (page) => page.textContent("#headline");
const shoot = async (page, name) => { if (shots) await page.screenshot({ path: path.join(shots, name + ".png"), fullPage: true }); };

/** No violation of axe's rules that is serious or worse. */
async function accessible(page, what) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  const grave = found.violations.filter((v) => ["serious", "critical"].includes(v.impact));
  ok(`axe finds nothing serious: ${what}`, grave.length === 0, grave.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => n.target.join(" ")).join(", ")}`));
}
const narrow = async (page, what) => {
  const [wide, has] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
  ok(`nothing is wider than the window: ${what}`, wide <= has, `${wide} > ${has}`);
};

// ---- as it opens ----
{
  const page = await open();
  is("it has a title", "selfsame: evidence explorer", await page.title());
  is("one main landmark", 1, await page.locator("main").count());
  is("one level-one heading", 1, await page.locator("h1").count());
  await accessible(page, "as it opens");
  await shoot(page, "empty");
  await page.click("#go");
  ok("without a document it asks for one", (await page.evaluate(() => document.activeElement.id)) === "document");

  // ---- the four, and what was done to them ----
  for (const [name, wanted] of [["nitro/100-happy.vec", "Accepted, with warnings"], ["snp/100-milan.vec", "Accepted, with warnings"],
    ["sgx/100-version-3.vec", "Accepted, with warnings"], ["tdx/100-version-4.vec", "Accepted, with warnings"],
    ["nitro/400-bad-signature.vec", "Refused"], ["nitro/500-wrong-nonce.vec", "Refused"], ["nitro/600-debug.vec", "Refused"],
    ["snp/310-revoked.vec", "Refused"], ["snp/700-other-measurement.vec", "Refused"], ["sgx/633-out-of-date.vec", "Refused"],
    ["tdx/400-bad-signature.vec", "Refused"]]) {
    await example(page, name);
    is(name, wanted, await head(page));
    is(`${name}: twelve checks`, 12, await page.locator("details.check").count());
    if (!name.includes("/1")) continue;
    await page.click("text=Open all");
    const plain = await page.locator(".tree .leaf[data-plain]").evaluateAll((all) => all.map((n) => n.dataset.name));
    ok(`${name}: a sentence for every field`, plain.length === 0, plain.join(" "));
    ok(`${name}: fields are drawn`, (await page.locator(".tree .leaf").count()) > 25);
  }

  // ---- what a refusal says ----
  await example(page, "snp/700-other-measurement.vec");
  const check = page.locator("#check-measurement");
  ok("the failing check is open", await check.evaluate((n) => n.open));
  ok("differing bytes are marked", (await check.locator("mark").count()) > 0);
  ok("it says what to do", (await page.textContent(".hero .remedy")).includes("What to do"));
  ok("the title says it", (await page.title()).startsWith("Refused"));
  await until(page, () => document.getElementById("said").textContent.startsWith("Refused"));
  ok("the result is announced", true);
  await accessible(page, "refused, light");
  await shoot(page, "refused-light");
  await example(page, "tdx/400-bad-signature.vec");
  ok("the chain is drawn with its fingerprints", (await page.locator(".cert .hex").count()) >= 2);

  // ---- bytes ----
  await example(page, "nitro/100-happy.vec");
  const find = page.locator('button[aria-label="Show the bytes of nonce"]');
  await find.click();
  is("a field is found among the bytes", "30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66".replace(/ /g, ""),
    (await page.locator(".dump .cells mark").allTextContents()).join("").replace(/ /g, ""));
  await page.fill("#tree-filter", "user_data");
  is("fields are filtered", 1, await page.locator(".tree .leaf:visible").count());
  await page.fill("#tree-filter", "");
  await accessible(page, "accepted, light");
  await shoot(page, "accepted-light");
  await page.context().close();
}

// ---- paste, drop, choose ----
{
  const page = await open();
  await paste(page, read("good.b64"));
  ok("pasted base64 is judged by no policy", (await head(page)).endsWith("by no policy"), await head(page));
  await paste(page, read("good.hex"));
  ok("pasted hex as well", (await head(page)).endsWith("by no policy"));
  await paste(page, read("cmw.json"));
  ok("and a CMW in JSON", (await head(page)).endsWith("by no policy"));
  await paste(page, read("tampered.b64"));
  is("tampered evidence is refused", "Refused", await head(page));
  ok("for its signature", (await page.textContent(".chips")).includes("bad-signature"));
  await paste(page, "This is no evidence at all.");
  is("a text is no evidence", "Cannot be read", await head(page));
  ok("it says what would be", (await page.textContent(".hero .remedy")).includes("Nitro"));
  await paste(page, read("cut.b64"));
  ok("a cut wrapper cannot be read", (await head(page)) === "Cannot be read" && (await page.textContent(".chips")).includes("malformed"));
  await paste(page, read("certificate.pem"));
  ok("a certificate is decoded", (await head(page)).startsWith("Decoded"));
  await page.selectOption("#policy", "own");
  await page.fill("#policy-text", '{"selfsame_policy":1,');
  await paste(page, read("good.b64"));
  ok("a policy that is none is told", (await page.textContent(".hero .said")).includes("policy_text"));

  await page.setInputFiles("#files", [at("good.cmw"), at("policy.json"), at("key.pem")]);
  await until(page, () => document.getElementById("key").value !== "" && document.getElementById("policy-text").value.includes("measurements"));
  await settled(page);
  ok("files find their places", (await page.inputValue("#document")).length > 100);
  const drop = async (names) => {
    const files = names.map((name) => [name, fs.readFileSync(at(name)).toString("base64")]);
    const transfer = await page.evaluateHandle((list) => {
      const data = new DataTransfer();
      for (const [name, text] of list) data.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], name));
      return data;
    }, files);
    await page.evaluate(() => document.getElementById("result").replaceChildren());
    await page.dispatchEvent("#drop", "drop", { dataTransfer: transfer });
    await settled(page);
  };
  await page.click("#clear");
  await page.selectOption("#policy", "none");
  await drop(["good.raw"]);
  ok("a dropped file is judged", (await head(page)).endsWith("by no policy"), await head(page));
  await drop(["sgx.evidence", ...fs.readdirSync(at("collateral")).map((name) => "collateral/" + name)]);
  ok("collateral that is dropped with evidence is used", (await page.locator("#check-tcb .outcome").textContent()) !== "fails" || !(await page.textContent("#check-tcb")).includes("no TCB info"),
    await page.textContent("#check-tcb"));
  ok("and listed", (await page.locator("#collateral li").count()) >= 3);
  await page.context().close();
}

// ---- strangers' texts ----
{
  const page = await open();
  for (const name of ["markup.b64", "markup.json", "markup.pem", "markup-cmw.json"]) {
    await paste(page, read(name));
    if (await page.locator("text=Open all").count()) await page.click("text=Open all");
    ok(`${name}: markup is text`, (await page.textContent("#result")).includes("<img src"), (await page.textContent("#result")).slice(0, 200));
    is(`${name}: and no element`, 0, await page.locator("#result img, #result script, #result iframe").count());
  }
  await page.selectOption("#policy", "own");
  await page.fill("#policy-text", '{"selfsame_policy":1,"<img src=x onerror=window.pwned=1>":2}');
  await paste(page, read("good.b64"));
  ok("nor in an error", (await page.textContent("#result")).includes("<img"), await page.textContent("#result"));
  is("nothing of it ran", "undefined", await page.evaluate(() => typeof window.pwned));
  await page.context().close();
}

// ---- a tenant ----
{
  const page = await open();
  is("policies are not shown to strangers", 2, await page.locator("#policy option").count());
  await page.fill("#api-key", "ssk_nobody");
  await page.click("#key-form button[type=submit]");
  await page.waitForSelector("#tenant-body .bad");
  ok("a key that is nobody's is refused", (await page.textContent("#tenant-body")).includes("API key"));
  await page.fill("#api-key", read("key.txt"));
  await page.click("#key-form button[type=submit]");
  await page.waitForSelector("#tenant-body .recent");
  ok("with a key the policies are there", (await page.locator("#policy option").allTextContents()).join().includes("policy web"));
  is("the tenant's own is chosen", "name:web", await page.inputValue("#policy"));
  const before = await page.locator(".recent tbody tr").count();
  ok("and the verdicts", before >= 3, before);
  ok("and the charts", (await page.locator("svg.minutes rect.fill").count()) >= 2 && (await page.locator(".bars tbody tr").count()) >= 2);
  await accessible(page, "with a key");
  await page.fill("#document", read("good.b64"));
  await page.evaluate(() => { document.getElementById("expected").open = true; });
  await page.fill("#nonce", read("nonce.txt"));
  await page.fill("#key", read("key.pem"));
  await explain(page);
  is("by the tenant's policy it is accepted", "Accepted, with warnings", await head(page));
  await page.selectOption("#policy", "name:web-too");
  await page.click("text=Refresh");
  await page.waitForTimeout(400);
  is("the policy that was chosen stays", "name:web-too", await page.inputValue("#policy"));
  await explain(page);
  is("explaining writes nothing down", before, await page.locator(".recent tbody tr").count());
  await page.click("text=Verify, and get the token");
  await page.waitForSelector(".token .tree");
  ok("the token is decoded", (await page.textContent(".token .tree")).includes(origin));
  await page.click(".token button.copy >> nth=0");
  await page.waitForTimeout(200);
  ok("and copied", /^ey[\w-]+\.[\w-]+\.[\w-]+$/.test(await page.evaluate(() => navigator.clipboard.readText())));
  await until(page, (n) => document.querySelectorAll(".recent tbody tr").length === n, before + 1);
  ok("the verdict is among the recent ones", (await page.textContent(".recent tbody tr >> nth=0")).includes("web-too"));
  is("and the policy stays chosen", "name:web-too", await page.inputValue("#policy"));
  await shoot(page, "tenant-light");
  is("the key is in no lasting store", null, await page.evaluate(() => JSON.stringify(localStorage).match(/ssk_/)));
  await page.click("#forget");
  await until(page, () => document.getElementById("tenant-body").textContent === "");
  is("forgotten, it is gone", null, await page.evaluate(() => JSON.stringify(sessionStorage).match(/ssk_/)));
  await page.context().close();
}

// ---- dark, chosen, narrow, magnified, still ----
{
  const page = await open({ colorScheme: "dark", reducedMotion: "reduce" });
  const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await paper();
  await example(page, "sgx/633-out-of-date.vec");
  await accessible(page, "refused, dark");
  await shoot(page, "refused-dark");
  await example(page, "tdx/100-version-4.vec");
  await accessible(page, "accepted, dark");
  is("who wants no motion sees none", "auto", await page.evaluate(() => getComputedStyle(document.documentElement).scrollBehavior));
  await page.click(".theme label:has(input[value=light])");
  const light = await paper();
  ok("the switch overrules the system", dark !== light, light);
  await page.reload();
  await page.waitForSelector("[data-example]");
  is("and is remembered", light, await paper());
  await page.context().close();

  const small = await open({ viewport: { width: 320, height: 640 } });
  await narrow(small, "320 px, as it opens");
  for (const name of ["nitro/100-happy.vec", "snp/700-other-measurement.vec", "tdx/100-version-4.vec"]) {
    await example(small, name);
    await small.click("text=Open all");
    await narrow(small, `320 px, ${name}`);
  }
  await accessible(small, "320 px");
  await example(small, "nitro/100-happy.vec");
  is("the result has the focus there", "headline", await small.evaluate(() => document.activeElement.id));
  await shoot(small, "narrow");
  await small.context().close();

  const large = await open({ viewport: { width: 640, height: 450 }, deviceScaleFactor: 2 });
  await example(large, "nitro/500-wrong-nonce.vec");
  await narrow(large, "200 % of 1280 px");
  await large.context().close();
}

// ---- keyboard alone ----
{
  const page = await open();
  const focus = () => page.evaluate(() => ({ id: document.activeElement.id, text: document.activeElement.textContent.slice(0, 40), outline: getComputedStyle(document.activeElement).outlineStyle }));
  await page.keyboard.press("Tab");
  is("first comes the way past the rest", "Skip to the result", (await focus()).text);
  const seen = [];
  for (let i = 0; i < 12 && (await focus()).id !== "document"; i++) {
    await page.keyboard.press("Tab");
    seen.push(await focus());
  }
  is("the document is reached", "document", (await focus()).id);
  ok("where the focus is can be seen", seen.filter((f) => f.id !== "" || f.text !== "").every((f) => f.outline !== "none" || f.id === ""), seen);
  await page.keyboard.insertText(read("tampered.b64"));
  await page.keyboard.press("Control+Enter");
  await settled(page);
  is("Ctrl and Enter explain", "Refused", await head(page));
  await page.focus(".pip >> nth=1");
  await page.keyboard.press("Enter");
  ok("a check is opened from the strip", await page.locator("#check-chain").evaluate((n) => n.open));
  is("and has the focus", "SUMMARY", await page.evaluate(() => document.activeElement.tagName));
  await page.keyboard.press("Space");
  ok("and closed again", !(await page.locator("#check-chain").evaluate((n) => n.open)));
  await page.focus('[data-example="tdx/100-version-4.vec"]');
  await page.keyboard.press("Enter");
  await until(page, () => document.getElementById("headline").textContent.startsWith("Accepted"));
  ok("an example is chosen", true);
  await page.context().close();
}

await browser.close();
is("no request left the origin", 0, strangers.length);
ok("nothing broke the content policy", violations.length === 0, violations);
ok("the console has no complaint", complaints.length === 0, complaints.slice(0, 5));
is("no dialog", 0, dialogs.length);
console.log(`page: ${made - bad} of ${made} hold`);
process.exit(bad === 0 ? 0 : 1);
