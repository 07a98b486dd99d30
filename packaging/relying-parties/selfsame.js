/* SPDX-License-Identifier: Apache-2.0 */
/* For nginx with njs: lets a request in that bears a token of a verifier (nginx.conf shows
 * how). Looks at the signature, issuer, audience, times, and at what the verdict was. */
const LEEWAY_S = 60;

function bytes(text) {
    return Buffer.from(text, "base64url");
}

function der(tag, parts) {
    const body = Buffer.concat(parts);
    const n = body.length;
    const len = n < 128 ? [n] : n < 256 ? [0x81, n] : [0x82, n >> 8, n & 255];
    return Buffer.concat([Buffer.from([tag].concat(len)), body]);
}

function integer(b) {
    return der(2, b[0] & 0x80 ? [Buffer.from([0]), b] : [b]);
}

/* SubjectPublicKeyInfo of an RSA key in JWK (RFC 7518 6.3.1, RFC 8017 A.1.1). */
function spki(jwk) {
    const rsa = Buffer.from("300d06092a864886f70d0101010500", "hex");
    const key = der(0x30, [integer(bytes(jwk.n)), integer(bytes(jwk.e))]);
    return der(0x30, [rsa, der(3, [Buffer.from([0]), key])]);
}

async function signed(r, parts, head) {
    if (head.alg !== "RS256")
        return false; /* the algorithm is ours to choose, never the token's */
    const reply = await r.subrequest("/_selfsame_jwks");
    if (reply.status !== 200)
        return false;
    const jwk = JSON.parse(reply.responseText).keys.find(k => k.kid === head.kid && k.kty === "RSA" && k.alg === "RS256");
    if (!jwk)
        return false;
    const alg = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
    const key = await crypto.subtle.importKey("spki", spki(jwk), alg, false, ["verify"]);
    return crypto.subtle.verify(alg, key, bytes(parts[2]), Buffer.from(parts[0] + "." + parts[1]));
}

function wanted(v, c) {
    const now = Date.now() / 1000;
    const aud = Array.isArray(c.aud) ? c.aud : [c.aud];
    return c.iss === v.selfsame_issuer && aud.indexOf(v.selfsame_audience) >= 0 &&
        typeof c.exp === "number" && c.exp + LEEWAY_S > now && typeof c.nbf === "number" && c.nbf - LEEWAY_S < now &&
        v.selfsame_status.split(" ").indexOf(c.ear_status) >= 0 &&
        typeof c.sub === "string" && c.sub.startsWith(v.selfsame_subject);
}

async function check(r) {
    let good = false;
    try {
        const m = /^Bearer +([A-Za-z0-9_.-]+)$/.exec(r.headersIn.Authorization || "");
        const parts = m ? m[1].split(".") : [];
        if (parts.length === 3) {
            const head = JSON.parse(bytes(parts[0]).toString());
            const claims = JSON.parse(bytes(parts[1]).toString());
            good = wanted(r.variables, claims) && await signed(r, parts, head);
        }
    } catch (e) {
        r.error("selfsame: " + e.message);
        good = false;
    }
    r.return(good ? 204 : 401);
}

export default { check };
