#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Administering a verifier: over HTTP and by command, by every role, of every tenant.
# usage: verifier_admin.sh [postgres]   with that for a registry
set -u
. "$(dirname "$0")/shell.sh"
. "$(dirname "$0")/verifier_world.sh"
. "$(dirname "$0")/postgres.sh"
case $root in /*) ;; *) root=$PWD/$root ;; esac
case $selfsame in /*) ;; *) selfsame=$PWD/$selfsame sim=$PWD/$sim ;; esac

server=
pids=
cleanup() {
    for p in $server $pids; do kill "$p" 2> /dev/null; done
    pg_stop
    wait
}
if [ "${1:-}" = postgres ]; then
    if pg_missing; then skipped "PostgreSQL is not here"; finish; fi
    pg_init
    pg_start
    registry=$pg_url
fi
world_init
jq '.follow_s = 1' "$dir/verifier.json" > "$tmp/verifier.json" && cp "$tmp/verifier.json" "$dir/verifier.json"
world_serve
cd "$tmp" || exit 1
tenants=/v1/admin/tenants
admin_of_other=$(api_key other boss admin)
admin_of_default=$(api_key default boss admin)
auditor=$(api_key default eye auditor)
sleep 2 # what a command writes, a running service sees within a second
put() { # PATH BODY [curl's arguments]
    path=$1 body=$2; shift 2
    ask -X PUT --data-binary "$body" "$@" "http://$at$path"
}
remove() { ask -X DELETE "http://$at$1"; }
peer() { # what...
    if python3 "$root/tests/verifier_admin_peer.py" "$at" "$@"; then :; else bad=1; fi
}

# ---- who may ----
key=; get $tenants; is "without a key nothing" 401 "$status"
key=ssk_nobody; get $tenants; is "nor with nobody's" 401 "$status"
key=$attester; get $tenants; is "an attester administers nothing" 403 "$status"
key=$relying; get $tenants/default/policies; is "nor a relying party" 403 "$status"
key=$auditor
get $tenants/default/policies/web; is "an auditor reads policies" 200 "$status"
is "as they were set" "$(cat "$tmp/web.json")" "$(cat "$tmp/body")"
get $tenants/default/audit; is "and the audit" 200 "$status"
get $tenants/default/keys; is "and who has keys" 200 "$status"
not_said_body sha256
put $tenants/default/policies/web "@$tmp/web.json"; is "and writes nothing" 403 "$status"
key=$admin_of_default
get /v1/admin/status; is "the whole service is not a tenant's" 403 "$status"
put $tenants/fresh '{}'; is "a tenant makes no tenants" 403 "$status"
remove $tenants/default; is "nor removes itself" 403 "$status"
get $tenants; is "it sees itself" '["default"]' "$(jq -c '[.items[].name]' "$tmp/body")"
key=$admin
get /v1/admin/status; is "who runs the service sees it" 200 "$status"
is "and how much there is" 2 "$(member tenants)"
peer isolation "$admin" "$admin_of_other" "$admin_of_default" "$auditor" "$attester" "$relying"

# ---- tenants ----
put $tenants/fresh '{"public":true,"policy":"web","token_life_s":60}'; is "a tenant is made" 201 "$status"
tag=$(reply_header ETag)
put $tenants/fresh '{"public":false}' -H "If-Match: $tag"; is "changed by whoever knows its version" 200 "$status"
put $tenants/fresh '{"public":true}' -H "If-Match: $tag"; is "and not by whoever knows an older one" 412 "$status"
put $tenants/fresh '{"public":true}' -H 'If-None-Match: *'; is "nor made again" 412 "$status"
put $tenants/nothing '{}' -H 'If-Match: *'; is "nor changed when it is not there" 412 "$status"
get "$tenants/fresh?version=1"; is "what it was can be read" true "$(jq .public "$tmp/body")"
get "$tenants/fresh?history=1"; is "who changed it as well" '["-/admin","-/admin"]' "$(jq -c '[.versions[].author]' "$tmp/body")"
put $tenants/-x '{}'; is "a name is a name" 404 "$status"
remove $tenants/fresh; is "removed" 204 "$status"
get $tenants/fresh; is "it is gone" 404 "$status"
get "$tenants/fresh?history=1"; is "but not what it was" true "$(jq '.versions[0].removed' "$tmp/body")"

# ---- policies ----
put $tenants/default/policies/strict "@$tmp/hardware.json"; is "a policy is set" 201 "$status"
said_body '"warnings":["binding'
put $tenants/default/policies/strict '{"selfsame_policy":1,
"tee":{"nitro":{"nothing":1}}}'; is "a bad one is not" 400 "$status"
said_body "line 2"
ask --data-binary "@$tmp/web.json" "http://$at$tenants/default/policies/strict?dry_run=1"; is "tried" 200 "$status"
is "it would be another" true "$(member changes)"
is "without evidence there is no verdict" null "$(jq .verdict "$tmp/body")"
get $tenants/default/policies/strict; is "nothing was written" "$(cat "$tmp/hardware.json")" "$(cat "$tmp/body")"
nonce=$(new_nonce)
evidence "$nonce"
form() { # POLICY NONCE
    python3 -c '
import base64, json, sys
print(json.dumps({"policy": json.load(open(sys.argv[1])), "nonce": sys.argv[2], "key": sys.argv[3],
    "evidence": base64.b64encode(open(sys.argv[4], "rb").read()).decode()}))' "$1" "$2" "$key64" "$tmp/evidence"
}
form "$tmp/web.json" "$nonce" > "$tmp/form"
ask --data-binary "@$tmp/form" "http://$at$tenants/default/policies/strict?dry_run=1"; is "tried on evidence" 200 "$status"
is "the verdict that would be" ok "$(member verdict.result)"
form "$tmp/hardware.json" "$nonce" > "$tmp/form"
ask --data-binary "@$tmp/form" "http://$at$tenants/default/policies/strict?dry_run=1"
is "and of another policy" denied "$(member verdict.result)"
get $tenants/default/audit; is "a trial is no verdict" 0 "$(jq '.rows | length' "$tmp/body")"
ask_verify "policy=web&nonce=$nonce&key=$key64&tenant=default"; is "nor uses it up the nonce" 200 "$status"
get $tenants/default/audit; is "which is one" 1 "$(jq '.rows | length' "$tmp/body")"
ask --data-binary "@$tmp/web.json" "http://$at$tenants/default/policies/strict"; is "POST alone does nothing" 400 "$status"
put $tenants/default/policies/strict "@$tmp/web.json"; is "what is written holds at once" 200 "$status"
nonce=$(new_nonce)
evidence "$nonce"
ask_verify "policy=strict&nonce=$nonce&key=$key64&tenant=default"; is "evidence is verified by it" warning "$(claim ear_status)"
remove $tenants/default/policies/strict
nonce=$(new_nonce)
ask_verify "policy=strict&nonce=$nonce&key=$key64&tenant=default"; is "and so does a removal" 400 "$status"
peer race "$admin" default

# ---- keys ----
ask -d '{"role":"auditor"}' "http://$at$tenants/default/keys/made"; is "a key is made" 201 "$status"
made=$(member key)
for p in "$tenants/default/keys" "$tenants/default/keys/made" "$tenants/default/keys/made?history=1"; do
    get "$p"; is "it is not told again: $p" 200 "$status"
    not_said_body "${made#ssk_}"
done
key=$made; get $tenants/default/policies; is "it works at once" 200 "$status"
key=$admin
ask -d '{"role":"auditor"}' "http://$at$tenants/default/keys/made"; is "it is not made twice" 409 "$status"
ask -d '{"role":"root"}' "http://$at$tenants/default/keys/x"; is "roles are known" 400 "$status"
ask -d '{"role":"admin","expires":1}' "http://$at$tenants/default/keys/x"; is "it ends in the future" 400 "$status"
ask -d "{\"role\":\"auditor\",\"expires\":$(($(date +%s) + 2))}" "http://$at$tenants/default/keys/short"
key=$(member key); get $tenants/default/policies; is "a key that ends" 200 "$status"
sleep 3; get $tenants/default/policies; is "has ended" 401 "$status"
key=$admin; remove $tenants/default/keys/made
key=$made; get $tenants/default/policies; is "a removed key is nobody's" 401 "$status"
key=$admin

# ---- names that do not fit into a path ----
put "$tenants/default/audiences/-?name=https%3A%2F%2Fsts.amazonaws.com" '{"alg":"EdDSA"}'; is "what a cloud does not take is refused" 400 "$status"
put "$tenants/default/audiences/-?name=https%3A%2F%2Fsts.amazonaws.com" '{"alg":"RS256"}'; is "an audience that is a URL" 201 "$status"
get $tenants/default/audiences; said_body '"name":"https://sts.amazonaws.com"'
remove "$tenants/default/audiences/-?name=https%3A%2F%2Fsts.amazonaws.com"; is "is removed as well" 204 "$status"
put $tenants/default/audiences/a%2Fb '{}'; is "an encoded '/' is none of HTTP's" 400 "$status"

# ---- secrets ----
put $tenants/default/secrets/db/password '{"policies":["web"],"value":"b3BlbiBzZXNhbWU="}'; is "a secret is set" 201 "$status"
get $tenants/default/secrets/db/password; is "what it is, but for the secret" '["web"]' "$(jq -c .policies "$tmp/body")"
is "its size" 11 "$(member size)"
not_said_body sealed
not_said_body b3BlbiBzZXNhbWU
put $tenants/default/secrets/x '{"policies":["web"],"sealed":"AAAA","value":"AAAA"}'; is "nobody sets what is sealed" 400 "$status"
put $tenants/default/secrets/x '{"value":"AAAA"}'; is "a secret has policies" 400 "$status"
if grep -rqF 'open sesame' "$dir" "$tmp/serve.log" || grep -rqF b3BlbiBzZXNhbWU "$dir" "$tmp/serve.log"; then
    not_ok "the secret stands nowhere in the clear"; else ok "the secret stands nowhere in the clear"; fi

# ---- broken requests ----
peer broken "$admin"
get /healthz; is "the service goes on" 200 "$status"

# ---- the same by command, over HTTP ----
printf '%s\n' "$admin" > admin.key
chmod 600 admin.key
far() { # KIND VERB TENANT...
    kind=$1; shift
    "$selfsame" verifier "$kind" "$@" --url "http://$at/" --key-file admin.key
}
near() { # KIND VERB TENANT...
    kind=$1 verb=$2; shift 2
    "$selfsame" verifier "$kind" "$verb" "$dir" "$@"
}
cp admin.key open.key; chmod 644 open.key
expect 2 "a key that others can read" "$selfsame" verifier policy list default --url "http://$at" --key-file open.key
expect 2 "a key has to be given" "$selfsame" verifier policy list default --url "http://$at"
expect 2 "in a file of a key" "$selfsame" verifier policy list default --url "http://$at" --key-file "$tmp/web.json"
expect 2 "and only to this machine without TLS" "$selfsame" verifier policy list default --url http://192.0.2.1 --key-file admin.key
expect 2 "with --url there is no directory" far policy list "$dir" default web web.json extra
for how in near far; do
    expect 0 "$how: a tenant" $how tenant set made-$how
    expect 0 "$how: tenants" $how tenant list
    said made-$how
    expect 0 "$how: a policy is tried" $how policy set made-$how p "$tmp/web.json" --dry-run
    said "would be another version"
    expect 0 "$how: on evidence" $how policy set made-$how p "$tmp/web.json" --dry-run --evidence "$tmp/evidence" --nonce "$(nonce_hex "$nonce")" --key "$tmp/pub.pem"
    said "the verdict would be:"
    expect 0 "$how: set" $how policy set made-$how p "$tmp/web.json" --expect 0
    said "warning: binding"
    expect 15 "$how: not as new again" $how policy set made-$how p "$tmp/hardware.json" --expect 0
    expect 0 "$how: as the next version" $how policy set made-$how p "$tmp/hardware.json" --expect 1
    expect 0 "$how: shown" $how policy show made-$how p
    is "$how: as it is" "$(cat "$tmp/hardware.json")" "$(cat "$tmp/out")"
    expect 0 "$how: its history" $how policy history made-$how p --json
    is "$how: two versions" 2 "$(jq '.versions | length' "$tmp/out")"
    expect 0 "$how: a key" $how key new made-$how k auditor --expires 1d
    grep -q '^ssk_' "$tmp/out" || not_ok "$how: the key is printed"
    expect 2 "$how: not twice" $how key new made-$how k auditor
    expect 0 "$how: keys" $how key list made-$how --json
    is "$how: its role" auditor "$(jq -r '.items[0].role' "$tmp/out")"
    printf 'open sesame' | expect 0 "$how: a secret" $how secret set made-$how db/password - --policy p --release example.com/a
    expect 0 "$how: shown without its text" $how secret show made-$how db/password
    is "$how: its conditions" '["example.com/a"]' "$(jq -c .releases "$tmp/out")"
    echo '{"alg":"RS256"}' | expect 0 "$how: an audience" $how audience set made-$how https://sts.amazonaws.com -
    expect 0 "$how: listed" $how audience list made-$how
    said https://sts.amazonaws.com
    echo '{"release":"example.com/a","spiffe_id":"https://a"}' | expect 2 "$how: an identity is a SPIFFE id" $how identity set made-$how i -
    expect 2 "$how: nothing unsigned" $how release set made-$how r "$tmp/web.json"
    expect 2 "$how: no such tenant" $how policy list nobody
    expect 2 "$how: the service itself has keys alone" $how policy set - p "$tmp/web.json"
    expect 0 "$how: removed" $how policy remove made-$how p
    expect 2 "$how: gone" $how policy show made-$how p
    expect 0 "$how: the tenant and all it has" $how tenant remove made-$how
done

# ---- releases: nothing unsigned ----
serve() { # name, command...: $url
    ready=$tmp/$1.ready; shift
    : > "$ready"
    "$@" --listen 127.0.0.1:0 --json > "$ready" 2> "$ready.err" &
    pids="$pids $!"
    for _ in $(seq 200); do [ ! -s "$ready" ] || break; sleep 0.05; done
    log_url=http://$(jq -r .listen "$ready")
}
for who in author stranger rebuilder; do "$selfsame" keygen --out $who.key > /dev/null; done
"$selfsame" log init log --origin log.example/releases > /dev/null
for who in author stranger rebuilder; do cp $who.key.pub log/publishers/$who.pem; done
printf 'log %s\nquorum none\n' "$(cat log/log.vkey)" > log/policy.txt
serve log "$selfsame" log serve log
printf 'log %s %s/\nquorum none\n' "$(cat log/log.vkey)" "$log_url" > trust.txt
mkdir -p app
cp /bin/true app/true
cat > app/selfsame.json <<'JSON'
{"selfsame_recipe": 1, "name": "example.com/app", "version": "1.0.0", "tee": ["nitro"], "entrypoint": ["/true"]}
JSON
expect 0 "an image" "$selfsame" build app --out one
from="--source git+https://example.com/app --commit 4b825dc642cb6eb9a060e54bf8d69288fbee4904"
"$selfsame" publish one --key author.key --sequence 1 $from --trust trust.txt --out 1.proof > /dev/null || not_ok "publish"
"$selfsame" publish one --key stranger.key --sequence 2 $from --trust trust.txt --out stranger.proof > /dev/null || not_ok "publish"
"$selfsame" publish index example.com/app --key author.key --current 1.proof --trust trust.txt --out index.proof > /dev/null 2>&1 || not_ok "publish index"
spki=$(openssl pkey -pubin -in author.key.pub -outform DER | base64 -w0)
jq -n --arg key "$spki" --rawfile trust trust.txt '{selfsame_policy: 1, tee: {nitro: {}}, freshness: {nonce: true}, binding: "key",
    insecure: ["simulated"], releases: [{name: "example.com/app", publisher: $key, trust: $trust}]}' > app.json
put $tenants/default/releases/app@1.0.0 @1.proof; is "without a policy that names it, no release" 400 "$status"
put $tenants/default/policies/app @app.json; is "the policy that names it" 201 "$status"
said_body "the log alone may show everybody other"
put $tenants/default/releases/app@1.0.0 @1.proof; is "a release that opens under it" 201 "$status"
is "which policy is said" app "$(member policy)"
is "and which release" "example.com/app 1.0.0 1" "$(member release) $(member release_version) $(member sequence)"
put $tenants/default/releases/stranger @stranger.proof; is "another's is refused" 400 "$status"
said_body PUBLISHER_SIG
put $tenants/default/releases/index @index.proof; is "an index is taken" 201 "$status"
sed 's/^c2sp.org/C2sp.org/' 1.proof > broken.proof
put $tenants/default/releases/broken @broken.proof; is "a broken one is refused" 400 "$status"
jq -c . one/statement.json > unsigned.json
put $tenants/default/releases/unsigned @unsigned.json; is "a statement that nobody signed is refused" 400 "$status"
expect 2 "by command as well" near release set default unsigned unsigned.json
expect 0 "a proof is taken by command" near release set default app@1 1.proof
get $tenants/default/releases/app@1.0.0; is "it is given back as it came" "$(cat 1.proof)" "$(cat "$tmp/body")"
pcrs=$(jq -c '[.measurements[] | select(.tee == "nitro")][0] | {measurements: [{tee: "nitro", pcr: .pcr}]}' one/measurements.json 2> /dev/null)
echo "$pcrs" > "$tmp/measurements.json"
nonce=$(new_nonce)
evidence "$nonce"
ask_verify "policy=app&nonce=$nonce&key=$key64&tenant=default"; is "evidence of the release is accepted" ok "$(claim verdict_class)"
remove $tenants/default/releases/app@1.0.0
remove $tenants/default/releases/app@1
nonce=$(new_nonce)
evidence "$nonce"
ask_verify "policy=app&nonce=$nonce&key=$key64&tenant=default"; is "and without it is not" contraindicated "$(claim ear_status)"

# ---- releases followed from a log ----
follow_text() { # URL NAME
    jq -n --arg log "$1" --arg name "$2" --rawfile trust trust.txt --rawfile key author.key.pub \
        '{log: $log, release: $name, trust: $trust, publishers: [$key], keep: 2}'
}
remove $tenants/default/releases/index
key=$admin_of_default
put $tenants/default/follows/app "$(follow_text "$log_url" example.com/app)"; is "a tenant has nothing asked of this machine" 403 "$status"
put $tenants/default/follows/app "$(follow_text file:///etc example.com/app)"; is "nor a file" 400 "$status"
put $tenants/default/follows/far "$(follow_text https://log.invalid/x example.com/app)"; is "but of the network" 201 "$status"
remove $tenants/default/follows/far
key=$admin
put $tenants/default/follows/app "$(follow_text "$log_url" example.com/app)"; is "a log is followed" 201 "$status"
followed() { # how many: until there are as many
    for _ in $(seq 60); do
        get $tenants/default/releases
        [ "$(jq '.items | length' "$tmp/body")" -ne "$1" ] || break
        sleep 0.25
    done
    jq -c '[.items[].name | split("+")[0]]' "$tmp/body"
}
is "its release and index are taken" '["example.com/app@1.0.0","example.com/app@index"]' "$(followed 2)"
is "by the follow" '["follow/app","follow/app"]' "$(jq -c '[.items[].author]' "$tmp/body")"
sed -i 's/"1\.0\.0"/"1.1.0"/' app/selfsame.json
expect 0 "the next image" "$selfsame" build app --out two
"$selfsame" publish two --key author.key --sequence 2 $from --trust trust.txt --out 2.proof > /dev/null || not_ok "publish"
"$selfsame" publish two --key stranger.key --sequence 3 $from --trust trust.txt --out x.proof > /dev/null || not_ok "publish"
is "so is the next one, and no stranger's" '["example.com/app@1.0.0","example.com/app@1.1.0","example.com/app@index"]' "$(followed 3)"
sleep 1.2
nonce=$(new_nonce)
evidence "$nonce"
ask_verify "policy=app&nonce=$nonce&key=$key64&tenant=default"; is "evidence of it is accepted" ok "$(claim verdict_class)"
world_stop
world_serve
sleep 2
is "after a start it is as it was" 3 "$(get $tenants/default/releases; jq '.items | length' "$tmp/body")"

# ---- releases of one tenant are nobody else's ----
key=$admin
put $tenants/other/policies/app @app.json; is "another tenant's policy" 201 "$status"
nonce=$(new_nonce)
evidence "$nonce"
ask_verify "policy=app&nonce=$nonce&key=$key64&tenant=other"; is "has not the releases of the first" contraindicated "$(claim ear_status)"
for key in "$admin_of_other" "$other"; do
    get $tenants/default/releases/example.com/app@1.1.0; is "nobody of another tenant reads them" 403 "$status"
done
key=$admin_of_other
get $tenants/other/releases; is "nor sees them in its own" 0 "$(jq '.items | length' "$tmp/body")"
key=$relying
ask_verify "policy=app&nonce=$nonce&key=$key64&tenant=other"; is "nor verifies for it" 403 "$status"

# ---- over TLS ----
world_stop
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout tls.key -out tls.pem -days 2 -subj /CN=127.0.0.1 \
    -addext subjectAltName=IP:127.0.0.1 > /dev/null 2>&1
chmod 600 tls.key
jq --arg c "$tmp/tls.pem" --arg k "$tmp/tls.key" '.tls = {certificate: $c, key: $k}' "$dir/verifier.json" > verifier.json && cp verifier.json "$dir/verifier.json"
world_serve
expect 0 "by command over TLS" "$selfsame" verifier policy list default --url "https://$at" --key-file admin.key --ca tls.pem
said web
expect 3 "not to whom no authority knows" "$selfsame" verifier policy list default --url "https://$at" --key-file admin.key
finish
