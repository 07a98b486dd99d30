// SPDX-License-Identifier: Apache-2.0
// usage: node verifier_openapi_peer.cjs DOCUMENT URL KEY...
// Validates the description with @apidevtools/swagger-parser, then asks each operation that can
// be asked and holds what is answered against the description (ajv), for each key and for none.
const fs = require("fs");
const SwaggerParser = require("@apidevtools/swagger-parser").default || require("@apidevtools/swagger-parser");
const Ajv = require("ajv/dist/2020").default || require("ajv/dist/2020");

const [file, url, ...keys] = process.argv.slice(2);
let bad = 0;
function check(name, good, why) {
    console.log((good ? "ok - " : "not ok - ") + name + (good ? "" : ": " + why));
    if (!good) bad = 1;
}

const bodies = {
    verify: [{ evidence: "AAAA", policy: "web" }, {}], explain: [{ document: "AAAA" }], issueX509Svid: [{ evidence: "AAAA", csr: "AAAA" }],
    issueJwtSvid: [{ evidence: "AAAA", audience: "a" }], releaseSecret: [{ evidence: "AAAA", key: "AAAA" }], kbsAuth: [{}], kbsAttest: [{}],
    putTenantSettings: [{ policy: "web" }, { public: 1 }], putPolicy: [{ selfsame_policy: 1 }], putRelease: [{}],
    putKey: [{ role: "auditor", sha256: "ab".repeat(32) }, { role: "auditor", certificate: "cd".repeat(32) }, {}],
    putAudience: [{ alg: "RS256" }, { alg: "none" }], putIdentity: [{ release: "a.example/b", spiffe_id: "spiffe://127.0.0.1/b" }, {}],
    putSecret: [{ policies: ["web"], value: "aGVsbG8=" }, {}], putFollow: [{}], makeKey: [{ role: "auditor" }, { role: "root" }],
    dryRunPolicy: [{ selfsame_policy: 1 }, { policy: { selfsame_policy: 1 }, evidence: "AAAA" }], submitEvidence: [{}], newSession: [null], makeNonce: [null],
};

async function main() {
    const text = fs.readFileSync(file, "utf8");
    let api;
    try {
        api = await SwaggerParser.validate(JSON.parse(text), { dereference: { circular: "ignore" } });
        check("swagger-parser validates it", true);
    } catch (e) {
        check("swagger-parser validates it", false, e.message);
        return;
    }
    const ajv = new Ajv({ strict: false, validateFormats: false });
    const asked = new Set(), wrong = [], statuses = {};
    const fill = { tenant: ["default", "other", "nobody"], name: ["web", "mark", "none"], id: ["AAAA"], file: ["index.html"], repository: ["a"], type: ["b"], tag: ["c"] };

    async function ask(method, path, operation, key, body) {
        const headers = key ? { Authorization: "Bearer " + key } : {};
        if (body) headers["Content-Type"] = "application/json";
        const r = await fetch(url + path, { method, headers, body: body ? JSON.stringify(body) : undefined });
        const answer = await r.text();
        const id = operation.operationId;
        asked.add(id);
        statuses[r.status] = (statuses[r.status] || 0) + 1;
        const said = operation.responses[r.status] || operation.responses[String(r.status)[0] + "XX"];
        const type = (r.headers.get("content-type") || "").split(";")[0];
        if (!said) { wrong.push(`${id}: status ${r.status} is not described: ${answer.slice(0, 100)}`); return; }
        if (!said.content) { if (answer) wrong.push(`${id}: ${r.status} with a body`); return; }
        const media = said.content[type] || said.content["*/*"];
        if (!media) { wrong.push(`${id}: ${r.status} as ${type} is not described`); return; }
        if (!/json$/.test(type) || !media.schema) return;
        const valid = ajv.compile(media.schema);
        if (!valid(JSON.parse(answer))) wrong.push(`${id}: ${r.status}: ${ajv.errorsText(valid.errors)}: ${answer.slice(0, 200)}`);
    }

    function* ways(path) {
        const name = (path.match(/\{(\w+)\}/) || [])[1];
        if (!name) { yield path; return; }
        for (const value of fill[name] || ["x"]) yield* ways(path.replace(`{${name}}`, value));
    }

    // The service's admin last: what it writes is there for nobody but itself.
    for (const method of ["get", "post", "put", "get", "delete"])
        for (const [path, item] of Object.entries(api.paths)) {
            const operation = item[method];
            if (!operation) continue;
            for (const key of [...keys, null])
                for (const way of ways(path)) {
                    if (method === "delete" && /tenants\/(default|other)$/.test(way)) continue;
                    const query = operation.operationId === "dryRunPolicy" ? "?dry_run=1" : "";
                    for (const body of bodies[operation.operationId] || [null]) await ask(method.toUpperCase(), way + query, operation, key, body);
                    if (method === "get" && /\{name\}/.test(path)) {
                        await ask("GET", way + "?history=1", operation, key, null);
                        await ask("GET", way + "?version=1", operation, key, null);
                    }
                }
        }
    for (const w of [...new Set(wrong)].slice(0, 20)) console.log("# " + w);
    console.log("# statuses: " + JSON.stringify(statuses));
    const all = Object.values(api.paths).flatMap(i => Object.values(i).map(o => o.operationId));
    check("every operation was asked", all.every(o => asked.has(o)), all.filter(o => !asked.has(o)).join(" "));
    check(`${Object.values(statuses).reduce((a, b) => a + b, 0)} answers are as described`, wrong.length === 0, wrong.length + " are not");
    check("none of them is 5xx", Object.keys(statuses).every(s => s < 500), JSON.stringify(statuses));
}
main().then(() => process.exit(bad), e => { console.log("not ok - " + e.stack); process.exit(1); });
