#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `selfsame serve`, `connect` and `verify URL`: an unmodified service behind attested TLS,
# whoever else stands there instead, and bad input.
set -u
. "$(dirname "$0")/shell.sh"

cleanup() {
    for p in ${pids:-}; do kill "$p" 2>/dev/null; done
    wait
}
pids=
await() { # what to wait for, command...
    what=$1; shift
    for _ in $(seq 100); do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.1
    done
    not_ok "$what is not there after 10 s"
}
pcr() { printf "%096d" "$1"; }
values() { # third register
    echo "[{\"tee\":\"nitro\",\"pcr\":{\"0\":\"$(pcr 10)\",\"1\":\"$(pcr 11)\",\"2\":\"$(pcr "$1")\"}}]"
}
policy() { # binding, third register, further members
    echo "{\"selfsame_policy\":1,\"tee\":{\"nitro\":{}},\"measurements\":$(values "$2"),
        \"freshness\":{\"nonce\":true},\"binding\":\"$1\"${3:-}}"
}
simulated=',"insecure":["simulated"]'
echo "{\"measurements\":$(values 12)}" > "$tmp/measurements.json"
policy session 12 "$simulated" > "$tmp/policy.json"
policy key 12 "$simulated" > "$tmp/key.json"
policy session 13 "$simulated" > "$tmp/changed.json"
policy session 12 > "$tmp/hardware.json"

# The device, the service, and attested TLS in front of it with a key from outside, so that it can leak.
# Each server takes a free port (0); those that do not say which are looked up.
listening() { # process: the port of 127.0.0.1 or 0.0.0.0 it listens on
    for f in "/proc/$1/fd"/*; do
        inode=$(readlink "$f" | sed -n 's/^socket:\[\([0-9]*\)\]$/\1/p')
        hex=$(awk -v i="${inode:-none}" '$10 == i && $4 == "0A" { print substr($2, 10) }' /proc/net/tcp)
        [ -n "$hex" ] && printf '%d' "0x$hex" && return 0
    done
    return 1
}
sed "s/PORT = 8080/PORT = 0/" "$root/examples/hello/hello.c" > "$tmp/hello.c"
${CC:-cc} -o "$tmp/hello" "$tmp/hello.c" || not_ok "examples/hello compiles"
"$tmp/hello" > /dev/null & service=$!
pids="$pids $service"
await "the service" listening "$service"
at=$(listening "$service")
"$sim" device --listen "unix:$tmp/nsm" --measurements "$tmp/measurements.json" 2> "$tmp/device.err" & pids="$pids $!"
await "the device" test -S "$tmp/nsm"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$tmp/key.pem" -out "$tmp/cert.pem" \
    -days 2 -subj /CN=service -addext subjectAltName=DNS:service.test,IP:127.0.0.1 2>/dev/null
serve() { # file for the ready line, options...
    line=$1; shift
    "$selfsame" serve --listen 127.0.0.1:0 --upstream "127.0.0.1:$at" --device "unix:$tmp/nsm" "$@" \
        > "$line" 2> "$line.err" & served=$!
    pids="$pids $served"
    await "serve" test -s "$line"
}
port() { sed -n 's/^serving 127.0.0.1:\([0-9]*\) .*/\1/p' "$1"; }
serve "$tmp/ready"
ours=$(port "$tmp/ready")
serve "$tmp/ready2" --cert "$tmp/cert.pem" --key "$tmp/key.pem"
named=$(port "$tmp/ready2")
if grep -q 'warning: the TLS key comes from a file' "$tmp/ready2.err"; then ok "a key from outside is warned about"
else not_ok "a key from outside is warned about"; fi

request='GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
ask() { # status, what, options of connect...
    status=$1 about=$2; shift 2
    # shellcheck disable=SC2059
    printf "$request" > "$tmp/in"
    expect "$status" "$about" sh -c 'exec "$0" connect "$@" < "$IN"' "$selfsame" "$@"
}
IN=$tmp/in; export IN
hears() { # nothing on standard output: no byte of the service was let through
    if [ -s "$tmp/out" ]; then not_ok "no byte of the service reaches the user"
    else ok "no byte of the service reaches the user"; fi
}
hello='hello from the selfsame code'
ask 0 "a pipe" "127.0.0.1:$ours" --policy "$tmp/policy.json"
said "$hello"
said "attested session with"
ask 0 "a pipe, challenged over HTTP" "https://127.0.0.1:$ours/" --policy "$tmp/policy.json" --http
said "$hello"
ask 0 "policy by flags" "127.0.0.1:$ours" --tee nitro --measurements "$tmp/measurements.json" --insecure-simulated
said "$hello"
ask 0 "the certificate's name is checked as well" "127.0.0.1:$named" --policy "$tmp/policy.json" --ca "$tmp/cert.pem" --name service.test
said "$hello"
ask 12 "another name than the certificate's" "127.0.0.1:$named" --policy "$tmp/policy.json" --ca "$tmp/cert.pem" --name other.test
hears
ask 12 "a certificate of nobody known" "127.0.0.1:$ours" --policy "$tmp/policy.json" --ca "$tmp/cert.pem"
hears
ask 19 "other code than the policy names" "127.0.0.1:$ours" --policy "$tmp/changed.json"
hears
ask 21 "the simulator where hardware is asked for" "127.0.0.1:$ours" --policy "$tmp/hardware.json"
hears
ask 3 "nobody there" "127.0.0.1:1" --policy "$tmp/policy.json"
ask 2 "no address" "nowhere" --once --policy "$tmp/policy.json"
ask 2 "no policy" "127.0.0.1:$ours"

for p in policy key; do
    expect 0 "verify URL, $p" "$selfsame" verify "https://127.0.0.1:$ours/" --policy "$tmp/$p.json"
    expect 19 "verify URL, other code" "$selfsame" verify "https://127.0.0.1:$ours/" --policy "$tmp/changed.json"
done
expect 0 "verify URL, JSON" "$selfsame" verify "https://127.0.0.1:$ours/" --policy "$tmp/policy.json" --json
said '"result":"ok"'
expect 2 "verify http://" "$selfsame" verify "http://127.0.0.1:$ours/" --policy "$tmp/policy.json"

# A TLS server with the genuine key that has no enclave at all; and one that relays to the enclave.
openssl s_server -accept 0 -cert "$tmp/cert.pem" -key "$tmp/key.pem" -tls1_3 -alpn h2 -www \
    > "$tmp/s_server" 2>&1 & pids="$pids $!"
await "s_server" grep -q ACCEPT "$tmp/s_server"
bare=$(sed -n 's/^ACCEPT .*:\([0-9]*\)$/\1/p' "$tmp/s_server")
ask 16 "the genuine key without attested TLS" "127.0.0.1:$bare" --policy "$tmp/policy.json" --ca "$tmp/cert.pem"
hears
"$build/examples/thief" "$tmp/cert.pem" "$tmp/key.pem" 0 "$named" > "$tmp/thief" 2>&1 & thief=$!
pids="$pids $thief"
await "the thief's port" listening "$thief"
stolen=$(listening "$thief")
await "the thief" sh -c "openssl s_client -connect 127.0.0.1:$stolen -alpn http/1.1 </dev/null"
for p in policy key; do
    ask 16 "the genuine key, the challenge relayed to the enclave ($p)" "127.0.0.1:$stolen" --policy "$tmp/$p.json" --ca "$tmp/cert.pem"
    hears
done

# The local proxy, with curl as any client.
"$selfsame" connect "127.0.0.1:$ours" --policy "$tmp/policy.json" --listen 127.0.0.1:0 2> "$tmp/proxy" & pids="$pids $!"
await "the local proxy" grep -q listening "$tmp/proxy"
local=$(sed -n 's/.*listening on 127.0.0.1:\([0-9]*\) .*/\1/p' "$tmp/proxy")
for i in 1 2 3; do
    expect 0 "curl through the local proxy, $i" curl -sS "http://127.0.0.1:$local/"
    said "$hello"
done
is "a session for each connection" 3 "$(grep -c 'attested session' "$tmp/proxy")"
"$selfsame" connect "127.0.0.1:$ours" --policy "$tmp/changed.json" --listen 127.0.0.1:0 --once 2> "$tmp/proxy2" & once=$!
await "the second proxy" grep -q listening "$tmp/proxy2"
local=$(sed -n 's/.*listening on 127.0.0.1:\([0-9]*\) .*/\1/p' "$tmp/proxy2")
curl -sS "http://127.0.0.1:$local/" > "$tmp/out" 2>/dev/null && not_ok "curl gets nothing from other code"
hears
wait $once; is "the class of the one connection" 19 $?

# Browsers and curl: evidence about the key, then the pinned key.
nonce=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8
expect 0 "GET /.well-known/attestation" curl -ksS "https://127.0.0.1:$ours/.well-known/attestation?nonce=$nonce" -o "$tmp/evidence.json"
openssl s_client -connect "127.0.0.1:$ours" -alpn http/1.1 < /dev/null 2>/dev/null | openssl x509 -pubkey -noout > "$tmp/pub.pem"
expect 0 "it verifies for the key of that server" "$selfsame" verify "$tmp/evidence.json" --policy "$tmp/key.json" \
    --key "$tmp/pub.pem" --nonce $nonce
expect 16 "and is no evidence about a session" "$selfsame" verify "$tmp/evidence.json" --policy "$tmp/policy.json" \
    --key "$tmp/pub.pem" --nonce $nonce
expect 16 "nor about another key" "$selfsame" verify "$tmp/evidence.json" --policy "$tmp/key.json" --key "$tmp/cert.pem" --nonce $nonce
pin=$(sed -n 's/.* key \(sha256.*\)$/\1/p' "$tmp/ready")
expect 0 "curl with the pinned key" curl -ksS --pinnedpubkey "$pin" "https://127.0.0.1:$ours/"
said "$hello"

# One peer may hold so many connections, and no more.
serve "$tmp/ready3" --max-per-peer 1
narrow=$(port "$tmp/ready3")
mkfifo "$tmp/open"
openssl s_client -connect "127.0.0.1:$narrow" -alpn http/1.1 < "$tmp/open" > "$tmp/held" 2>&1 & pids="$pids $!"
exec 8> "$tmp/open"
await "a connection" grep -q 'Verify return code' "$tmp/held"
if curl -ksS -m 10 "https://127.0.0.1:$narrow/" > "$tmp/out" 2> "$tmp/err"; then not_ok "a second connection of a peer that may have one"
else ok "a second connection of a peer that may have one"; fi
hears
if grep -q '127.0.0.1 holds 1 connections' "$tmp/ready3.err"; then ok "it is logged"; else not_ok "it is logged"; fi
echo Q >&8; exec 8>&-
await "an end" sh -c "curl -ksSf 'https://127.0.0.1:$narrow/'"
ok "when the first has ended the peer may connect again"

# Servers that are not attested: the remedy says so, and does not speak of evidence of others.
ask 3 "the service itself, which speaks no TLS" "127.0.0.1:$at" --policy "$tmp/policy.json"
said "Check that this port speaks TLS"
hears
cat > "$tmp/plain.py" <<'PY'
import http.server, ssl, sys
s = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
c.load_cert_chain(sys.argv[1], sys.argv[2])
c.set_alpn_protocols(["http/1.1"])
s.socket = c.wrap_socket(s.socket, server_side=True)
print(s.server_port, flush=True)
s.serve_forever()
PY
(cd "$tmp" && exec python3 plain.py cert.pem key.pem > plain.port 2> /dev/null) & pids="$pids $!"
await "a web server" test -s "$tmp/plain.port"
ask 16 "a web server" "127.0.0.1:$(cat "$tmp/plain.port")" --policy "$tmp/policy.json"
said "this server has no evidence: HTTP status 501"
said "no attested service answers there"
if grep -q "belongs to another key" "$tmp/err"; then not_ok "there is no evidence that could be another's"; fi
hears
ask 3 "nothing at all" "127.0.0.1:1" --policy "$tmp/policy.json"
is "the address is said once" 1 "$(grep -o '127\.0\.0\.1:1' "$tmp/err" | wc -l)"

# Bad input, and the end.
expect 2 "serve without upstream" "$selfsame" serve --listen 127.0.0.1:0 --device "unix:$tmp/nsm"
expect 2 "serve for no peer" "$selfsame" serve --upstream 127.0.0.1:1 --max-per-peer 0
said "max-per-peer"
expect 2 "serve with half an identity" "$selfsame" serve --upstream 127.0.0.1:1 --cert "$tmp/cert.pem"
expect 10 "serve with something else than a key" "$selfsame" serve --listen 127.0.0.1:0 --upstream 127.0.0.1:1 \
    --device "unix:$tmp/nsm" --cert "$tmp/cert.pem" --key "$tmp/policy.json"
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$tmp/other.pem" 2>/dev/null
expect 2 "serve with the key of another certificate" "$selfsame" serve --listen 127.0.0.1:0 --upstream 127.0.0.1:1 \
    --device "unix:$tmp/nsm" --cert "$tmp/cert.pem" --key "$tmp/other.pem"
expect 3 "serve at a port that is taken" "$selfsame" serve --listen "127.0.0.1:$ours" --upstream 127.0.0.1:1 --device "unix:$tmp/nsm"
kill "$served"; wait "$served"; is "SIGTERM ends serve" 0 $?
finish
