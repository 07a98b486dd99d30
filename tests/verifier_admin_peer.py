#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What tests/verifier_admin.sh asks of the administrator's front that a shell cannot.

usage: verifier_admin_peer.py AT race KEY TENANT       two writers, one version each
       verifier_admin_peer.py AT broken KEY            broken requests: never 5xx, never a stall
       verifier_admin_peer.py AT isolation ADMIN OTHER THEIRS...   nothing of another tenant
"""
import http.client, json, sys, threading, urllib.parse

at, what, rest = sys.argv[1], sys.argv[2], sys.argv[3:]
bad = []
KINDS = ["policies", "releases", "keys", "audiences", "identities", "secrets", "follows"]


def ask(method, path, key, body=None, headers=()):
    c = http.client.HTTPConnection(at, timeout=20)
    h = dict(headers)
    if key:
        h["Authorization"] = "Bearer " + key
    c.request(method, path, body=body, headers=h)
    r = c.getresponse()
    data = r.read()
    c.close()
    return r.status, data, r.headers


def check(name, good):
    print(("ok - " if good else "not ok - ") + name)
    if not good:
        bad.append(name)


def race():
    key, tenant = rest
    path = f"/v1/admin/tenants/{tenant}/audiences/raced"
    status, _, head = ask("PUT", path, key, b'{"alg":"ES256"}', {"If-None-Match": "*"})
    check("there is one to race for", status == 201)
    tag, rounds, won = head["ETag"], 20, 0
    for i in range(rounds):
        results = []

        def write(n):
            results.append(ask("PUT", path, key, json.dumps({"life_s": 60 + 10 * i + n}).encode(), {"If-Match": tag}))

        writers = [threading.Thread(target=write, args=(n,)) for n in range(4)]
        for t in writers:
            t.start()
        for t in writers:
            t.join()
        statuses = sorted(r[0] for r in results)
        won += statuses == [200, 412, 412, 412]
        tag = next(r[2]["ETag"] for r in results if r[0] == 200)
    check(f"of four writers one wins, {rounds} times", won == rounds)
    history = json.loads(ask("GET", path + "?history=1", key)[1])["versions"]
    check("and each round is one version", len(history) == rounds + 1)
    check("of which every one can be read", all(
        ask("GET", f"{path}?version={v['version']}", key)[0] == 200 for v in history))


def broken():
    (key,) = rest
    good = {"policies": b'{"selfsame_policy":1}', "releases": b"c2sp.org/tlog-proof@v1\n", "keys": b'{"role":"admin"}',
            "audiences": b'{"alg":"RS256"}', "identities": b'{"release":"a.example/b"}', "secrets": b'{"policies":["a"]}',
            "follows": b'{"log":"https://a.example"}'}
    bodies = [b"", b"{", b"{}", b"[]", b"null", b"1", b'"x"', b"\xff\xfe", b"\0" * 64, b"{" * 5000, b"[" * 5000,
              b'{"a":1,"a":2}', b'{"alg":{"b":[]}}', b'{"value":' + b"9" * 4000 + b"}", b'{"policies":[' + b'"a",' * 5000 + b'"a"]}',
              b'{"role":"admin","sha256":"\\u0000"}', b'{"expires":1e400}', b'{"expires":99999999999999999999}',
              b"-----BEGIN", b"\xf0\x9f\x92\xa9", b'{"policy":{"selfsame_policy":1},"evidence":"AAAA"}',
              b'{"policy":7,"evidence":7,"nonce":7}', b"x" * 100000]
    names = ["a", "%20", "%F0%9F%92%A9", "-?name=", "-?name=%00", "-?name=" + "n" * 300, "-?name=%0a", "a/b/c", "a?dry_run=1",
             "a?expect=x", "a?expect=0", "a?version=0", "a?version=99999999999999999999", "a?limit=0", "-?name=%F0%9F%92%A9",
             "a?history=1"]
    tenants = ["default", "-", "--", "none", "A", "a" * 64, "%41", "default?tenant=other", ""]
    count, worst = 0, []
    for kind in KINDS:
        for method in ("PUT", "POST"):
            for body in bodies + [good[kind]]:
                s, data, _ = ask(method, f"/v1/admin/tenants/default/{kind}/x?dry_run=1", key, body)
                count += 1
                if not 400 <= s < 500 and not (s in (200, 201) and (body == good[kind] or kind == "audiences" and body == b"{}")):
                    worst.append((method, kind, body[:40], s, data[:100]))
        for method in ("GET", "DELETE", "PUT", "POST"):
            for name in names:
                s, data, _ = ask(method, f"/v1/admin/tenants/default/{kind}/{name}", key, b"{}" if method[0] == "P" else None)
                count += 1
                if s >= 500:
                    worst.append((method, kind, name, s, data[:100]))
    for tenant in tenants:
        for method in ("GET", "PUT", "DELETE", "POST"):
            for tail in ("", "/", "/audit", "/policies", "/nothing", "/policies/a"):
                if method == "DELETE" and tail == "":
                    continue
                s, data, _ = ask(method, f"/v1/admin/tenants/{tenant}{tail}", key, b"{}" if method[0] == "P" else None)
                count += 1
                if s >= 500 or s < 200:
                    worst.append((method, tenant, tail, s, data[:100]))
    for body in bodies:
        s, data, _ = ask("PUT", "/v1/admin/tenants/broken", key, body)
        count += 1
        if s >= 500 or (s < 400 and body != b"{}"):
            worst.append(("PUT", "tenant", body[:40], s, data[:100]))
    for w in worst[:10]:
        print("#", w)
    check(f"{count} broken requests: none of them 5xx, none taken", not worst)
    s, _, _ = ask("PUT", "/v1/admin/tenants/default/policies/x", key, b"x" * (3 << 20))
    check("too large a body is 413", s == 413)
    s, data, head = ask("PUT", "/v1/admin/tenants/default/policies/x", key, b"{}")
    problem = json.loads(data)
    check("a refusal is a problem (RFC 9457)", head["Content-Type"].startswith("application/problem+json") and
          problem["status"] == s == 400 and problem["class"] == "usage" and problem["request_id"] == head["X-Request-Id"])


def isolation():
    """ADMIN of the service; OTHER: admin of "other"; THEIRS: keys of tenant "default" of each role."""
    admin, other, theirs = rest[0], rest[1], rest[2:]
    pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAiojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb8EN9k/4nwlQ=\n-----END PUBLIC KEY-----\n"
    follow = {"log": "https://log.invalid", "release": "example.com/hello", "publishers": [pem],
              "trust": "log log.example/releases+fc403f36+AddNQSqCvPjBXXQ9ty8GHOWCdnnmsVFJeO7ElbNMElNY\nquorum none\n"}
    bodies = {"policies": None, "keys": {"role": "admin", "sha256": "ab" * 32}, "audiences": {"alg": "RS256"},
              "identities": {"release": "example.com/hello", "spiffe_id": "spiffe://127.0.0.1/other/hello"},
              "secrets": {"policies": ["mark"], "value": "bWFyaw=="}, "follows": follow}
    with open("web.json", "rb") as f:
        policy = f.read()

    def everything():
        """All that the registry says of tenant other, by its own admin."""
        return {k: ask("GET", f"/v1/admin/tenants/other/{k}", other)[1] for k in KINDS} | {
            "tenant": ask("GET", "/v1/admin/tenants/other", other)[1]}

    for kind, body in bodies.items():
        data = policy if body is None else json.dumps(body).encode()
        s, answer, _ = ask("PUT", f"/v1/admin/tenants/other/{kind}/mark", other, data)
        check(f"its own admin writes to {kind}", s == 201)
        if s != 201:
            print("#", s, answer)
    before = everything()
    told, changed, statuses = [], [], set()
    for key in theirs:
        for kind in KINDS:
            for tenant in ("other", "nobody"):
                for name in ("mark", "none"):
                    for method in ("GET", "PUT", "DELETE", "POST"):
                        body = (policy if bodies.get(kind) is None else json.dumps(bodies[kind]).encode()) if method[0] == "P" else None
                        for query in ("", "?history=1", "?version=1", "?dry_run=1", "?tenant=other"):
                            s, data, _ = ask(method, f"/v1/admin/tenants/{tenant}/{kind}/{name}{query}", key, body)
                            statuses.add((s, json.loads(data)["detail"]))
                            if s != 403 and not (s == 400 and "tenant" in query):
                                told.append((method, tenant, kind, name, query, s))
                s, data, _ = ask("GET", f"/v1/admin/tenants/{tenant}/{kind}", key)
                if s != 403:
                    told.append(("GET", tenant, kind, s))
        for tenant in ("other", "nobody", "-"):
            for path in ("", "/audit", "/keys", "/none", "/none/x"):
                for method in ("GET", "PUT", "DELETE"):
                    s, data, _ = ask(method, f"/v1/admin/tenants/{tenant}{path}", key, b"{}" if method == "PUT" else None)
                    if s != 403:
                        told.append((method, tenant, path, s))
        s, data, _ = ask("GET", "/v1/admin/tenants", key)
        if s == 200 and [t["name"] for t in json.loads(data)["items"]] != ["default"]:
            told.append(("GET", "tenants", data))
        s, data, _ = ask("GET", "/v1/admin/status", key)
        if s != 403:
            told.append(("GET", "status", s))
        if everything() != before:
            changed.append(key)
    for t in told[:10]:
        print("#", t)
    check("nothing of another tenant is told, nor whether there is one", not told)
    check("nothing of it is changed", not changed)
    details = {d for s, d in statuses if s == 403}
    print("#", sorted(details))
    check("and what is there is refused in the same words as what is not", len(details) <= 2)
    for kind in bodies:
        s, _, _ = ask("DELETE", f"/v1/admin/tenants/other/{kind}/mark", other)
        check(f"its own admin removes from {kind}", s == 204)
    # certificates are public: a tenant cannot claim another's
    certificate = json.dumps({"role": "attester", "certificate": "cd" * 32}).encode()
    check("no tenant takes certificates", ask("PUT", "/v1/admin/tenants/other/keys/c", other, certificate)[0] == 403)
    check("the service does", ask("PUT", "/v1/admin/tenants/other/keys/c", admin, certificate)[0] == 201)
    check("each for one tenant", ask("PUT", "/v1/admin/tenants/default/keys/c", admin, certificate)[0] == 409)
    check("a removed one may move", ask("DELETE", "/v1/admin/tenants/other/keys/c", admin)[0] == 204 and
          ask("PUT", "/v1/admin/tenants/default/keys/c", admin, certificate)[0] == 201)


{"race": race, "broken": broken, "isolation": isolation}[what]()
sys.exit(1 if bad else 0)
