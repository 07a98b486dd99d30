#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The verifier as its operator sees it: confined, watched, reloaded, drained. Everything a
# service does is done under the filter of system calls and landlock.
set -u
. "$(dirname "$0")/shell.sh"
. "$(dirname "$0")/verifier_world.sh"
peer=$root/tests/metrics_peer.py
python=
for p in python3 /usr/bin/python3; do
    [ -n "$python" ] || ! "$p" -c 'import prometheus_client' 2>/dev/null || python=$p
done
server=
cleanup() { [ -z "$server" ] || kill -9 "$server" 2>/dev/null; }
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
series() { # SERIES: its value
    curl -s "http://$watch/metrics" | awk -v s="$1" 'index($0, s " ") == 1 { print $2 }'
}
watched() { # PATH: status, body in $tmp/watched
    curl -s -m 10 -o "$tmp/watched" -w '%{http_code}' "http://$watch$1"
}
verified() { # a whole verification; its class in the token
    nonce=$(new_nonce)
    evidence "$nonce"
    ask_verify "policy=web&nonce=$nonce&key=$key64"
}

world_init
watch=127.0.0.1:$(free_port)
sed -i "s|^{|{\"metrics\":{\"listen\":\"$watch\"},\"drain_s\":3,|" "$dir/verifier.json"
world_serve
verified
is "it does what it must while confined: a token" 200 "$status"
status_of() { sed -n "s/^$1:[[:space:]]*//p" "/proc/$server/status"; }
is "without new privileges" 1 "$(status_of NoNewPrivs)"
is "under a filter" 2 "$(status_of Seccomp)"
is "in every thread" "" "$(grep -L '^Seccomp:.2$' "/proc/$server/task"/*/status)"
is "without core dumps" "0 0" "$(awk '/core file size/ { print $5, $6 }' "/proc/$server/limits")"
is "nothing to warn of" 0 "$(grep -c '"event":"warning"' "$tmp/serve.log")"

# ---- probes and metrics ----
is "alive" 200 "$(watched /healthz)"
is "ready" 200 "$(watched /readyz)"
is "with nothing missing" '{"ready":true,"missing":[],"registry":"ok"}' "$(cat "$tmp/watched")"
key=
get /healthz
is "anybody sees it live" 200 "$status"
get /readyz
is "and ready" 200 "$status"
get /metrics
is "metrics name tenants: nobody" 401 "$status"
key=$attester
get /metrics
is "not the tenant's keys" 403 "$status"
key=$(api_key default auditor auditor)
sleep 2
get /metrics
is "not even its auditor" 403 "$status"
key=$admin
get /metrics
is "the service's own" 200 "$status"
key=$attester
if [ -n "$python" ]; then
    watched /metrics > /dev/null
    expect 0 "another implementation reads them" "$python" "$peer" "$tmp/watched"
else
    skipped "metrics: python3-prometheus-client is not here"
fi
is "the verdict is counted" 1 "$(series 'selfsame_verifier_verdicts_total{tenant="default",tee="nitro",class="ok"}')"
is "the answer is counted" 1 "$(series 'selfsame_verifier_answers_total{operation="verify",status="200"}')"
get /no/such/path
is "what is not there is counted" 1 "$(series 'selfsame_verifier_answers_total{operation="none",status="404"}')"
for stage in read wait verify sign audit whole; do
    is "$stage is timed" yes "$(series "selfsame_verifier_stage_seconds_count{stage=\"$stage\"}" | awk '{ print ($1 > 0) ? "yes" : "no" }')"
done
is "nothing is under way" 0 "$(series selfsame_verifier_in_flight)"
is "a row of the audit log" 1 "$(series selfsame_verifier_audit_rows)"
is "a nonce is remembered" 1 "$(series selfsame_verifier_nonces_kept)"
for i in $(seq 200); do curl -s -o /dev/null "http://$at/no/such/path/$i?x=$i"; done
is "paths of strangers make no series" 1 "$(curl -s "http://$watch/metrics" | grep -c 'operation="none"')"

# ---- the log of requests ----
line=$(grep '"operation":"verify"' "$tmp/serve.log" | head -1)
is "one line for a request" 200 "$(echo "$line" | jq -r .status)"
is "with tenant, key and verdict" "default a warning" "$(echo "$line" | jq -r '"\(.tenant) \(.key) \(.verdict)"')"
is "without the address" null "$(echo "$line" | jq -r .peer)"
is "all lines are JSON" 0 "$(jq -R 'fromjson? // "bad"' "$tmp/serve.log" | grep -c '^"bad"$')"
is "probes leave no line" 0 "$(grep -c '"operation":"getReadiness"' "$tmp/serve.log")"
leaks() { grep -cF -e "$1" "$tmp/serve.log"; }
is "no API key in it" 0 "$(leaks "$attester")"
is "no admin key" 0 "$(leaks "$admin")"
is "no nonce" 0 "$(leaks "$nonce")"
is "no query" 0 "$(leaks 'x=')"
is "no evidence" 0 "$(leaks "$(base64 -w0 "$tmp/evidence" | head -c 64)")"

# ---- reload and rotation ----
before=$(series selfsame_verifier_snapshot_timestamp_seconds)
expect 0 "a policy is added" "$selfsame" verifier policy set "$dir" default more "$tmp/web.json"
expect 0 "a key is rotated" "$selfsame" verifier rotate "$dir" --lead 0s
kill -HUP "$server"
sleep 2
is "it lives" 200 "$(watched /healthz)"
is "it says so" 1 "$(grep -c '"event":"reload"' "$tmp/serve.log")"
is "and has read again" yes "$(awk -v a="$before" -v b="$(series selfsame_verifier_snapshot_timestamp_seconds)" 'BEGIN { print (b > a) ? "yes" : "no" }')"
is "the policy is served" 4 "$(series selfsame_verifier_policies | awk '{ print $1 + 1 }')"
verified
is "the new key signs" "$(cat "$tmp/out")" "$(header kid)"

# ---- trouble ----
mv "$dir/keys/keys.json" "$dir/keys/aside.json"
kill -HUP "$server"
sleep 2
verified
is "without keys to read it goes on with those it has" 200 "$status"
mv "$dir/keys/aside.json" "$dir/keys/keys.json"
sleep 2

# ---- drain ----
kill -TERM "$server"
sleep 0.5
is "not ready" 503 "$(watched /readyz)"
is "and says why" '{"ready":false,"missing":["draining"],"registry":"ok"}' "$(cat "$tmp/watched")"
is "alive still" 200 "$(watched /healthz)"
verified
is "what comes is answered while it drains" 200 "$status"
# A connection that is kept alive: every request on it is answered, the last with a farewell.
python3 - "$at" > "$tmp/alive" << 'PY'
import http.client, sys, time
c = http.client.HTTPConnection(sys.argv[1], timeout=10)
answers, last = 0, None
end = time.time() + 20
try:
    while time.time() < end:
        c.request("GET", "/healthz")
        r = c.getresponse()
        r.read()
        answers += 1
        last = r.getheader("Connection")
        if last == "close":
            break
        time.sleep(0.05)
    print("told", last, answers > 10)
except Exception as e:
    print("cut off after", answers, repr(e))
PY
is "who stays connected is told when it is over" "told close True" "$(cat "$tmp/alive")"
wait "$server"
is "then it ends well" 0 $?
server=
expect 0 "the audit log holds" "$selfsame" verifier audit check "$dir"
# ---- an ending that is asked for twice does not wait ----
sed -i 's/"drain_s":3/"drain_s":300/' "$dir/verifier.json"
world_serve
kill -TERM "$server"
sleep 0.5
kill -TERM "$server"
(sleep 30; kill -9 "$server" 2>/dev/null) &
killer=$!
wait "$server"
is "twice asked, it ends at once" 0 $?
kill "$killer" 2>/dev/null
server=

# ---- TLS, with files elsewhere that are replaced ----
mkdir "$tmp/tls"
certificate() { # NAME
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" -addext "subjectAltName=IP:127.0.0.1" \
        -keyout "$tmp/tls/new.key" -out "$tmp/tls/new.pem" 2> /dev/null
    mv "$tmp/tls/new.key" "$tmp/tls/tls.key"
    mv "$tmp/tls/new.pem" "$tmp/tls/tls.pem"
}
shown() { curl -sv --cacert "$tmp/tls/tls.pem" -m 10 -o /dev/null "https://$at/healthz" 2>&1 | sed -n 's/^.*subject: CN=//p'; }
certificate one
cp "$dir/verifier.json" "$tmp/plain.json"
sed -i "s|^{|{\"tls\":{\"certificate\":\"$tmp/tls/tls.pem\",\"key\":\"$tmp/tls/tls.key\"},|; s/\"drain_s\":300/\"drain_s\":0/" "$dir/verifier.json"
world_serve
is "TLS" one "$(shown)"
certificate two
kill -HUP "$server"
sleep 1
is "a certificate that was replaced is read again, under landlock" two "$(shown)"
echo junk > "$tmp/tls/tls.pem"
kill -HUP "$server"
sleep 1
is "one that does not read is told" 1 "$(grep -c '"event":"tls"' "$tmp/serve.log")"
is "and the former stays" 200 "$(curl -sk -o /dev/null -w '%{http_code}' "https://$at/healthz")"
world_stop
server=
cp "$tmp/plain.json" "$dir/verifier.json"

# ---- as somebody else ----
if [ "$(id -u)" -eq 0 ] && id daemon > /dev/null 2>&1; then
    sed -i 's/"drain_s":300/"drain_s":0/' "$dir/verifier.json"
    chown -R daemon "$dir"
    world_serve --user daemon
    is "it is nobody special" "$(id -u daemon)" "$(status_of Uid | cut -f1)"
    is "with no capability" 0000000000000000 "$(status_of CapEff)"
    verified
    is "and serves" 200 "$status"
    world_stop
    server=
    chown -R 0 "$dir"
    expect 2 "a user that is not there" "$selfsame" verifier serve "$dir" --listen 127.0.0.1:0 --user no-such-user
    cp "$tmp/plain.json" "$dir/verifier.json"
else
    skipped "verifier: becoming another user needs root"
fi
sed -i 's/^{/{"log":{"peers":true},/' "$dir/verifier.json"
world_serve --insecure-unconfined
verified
is "addresses when asked for" 127.0.0.1 "$(grep '"operation":"verify"' "$tmp/serve.log" | jq -r .peer)"
cp "$tmp/plain.json" "$dir/verifier.json"
is "unconfined only when told" 0 "$(status_of Seccomp)"
is "and that is said" 1 "$(grep -c insecure-unconfined "$tmp/serve.log")"
kill "$server"
sleep 0.3
kill "$server"
wait "$server"
server=

# ---- its manager, its credentials, and what it refuses ----
cat > "$tmp/manager.py" <<'PY'
import os, signal, socket, subprocess, sys
path = sys.argv[1]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(path)
s.settimeout(20)
p = subprocess.Popen(sys.argv[2:], env=dict(os.environ, NOTIFY_SOCKET=path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
said = lambda: s.recv(200).decode().split("\n")[0]
try:
    print(said())
    p.send_signal(signal.SIGHUP)
    print(said(), said())
    p.send_signal(signal.SIGTERM)
    print(said())
    print(p.wait(20))
finally:
    p.kill()
PY
sed -i 's/"drain_s":300/"drain_s":0/' "$dir/verifier.json"
is "it tells its manager" "READY=1 RELOADING=1 READY=1 STOPPING=1 0" \
    "$(timeout 60 python3 "$tmp/manager.py" "$tmp/socket" "$selfsame" verifier serve "$dir" --listen 127.0.0.1:0 2>&1 | tr '\n' ' ' | sed 's/ $//')"
mkdir -m 700 "$tmp/credentials"
mv "$dir/secrets.key" "$dir/nonce.key" "$tmp/credentials"
expect 3 "without its keys it does not start" "$selfsame" verifier serve "$dir" --listen 127.0.0.1:0
export CREDENTIALS_DIRECTORY="$tmp/credentials"
world_serve
verified
is "with credentials it does" 200 "$status"
world_stop
server=
# A replica: what is shared, and an audit log of its own.
mkdir "$tmp/replica"
cp -r "$dir/keys" "$dir/verifier.json" "$dir/registry.sqlite" "$tmp/replica"
first=$dir dir=$tmp/replica
sed -i '/"metrics"/s/"metrics":{[^}]*},//' "$dir/verifier.json"
world_serve
verified
is "a replica serves" 200 "$status"
world_stop
server=
expect 0 "its audit log is its own" "$selfsame" verifier audit check "$dir"
is "by its name" "127.0.0.1:7390/audit/$(uname -n)" "$(sed 's/+.*//' "$dir/audit/audit.vkey")"
# As Kubernetes mounts it: root's secrets, handed to a group (0440), behind links that a
# rotation changes; a directory of root's that the group may write.
if [ "$(id -u)" -eq 0 ] && command -v setpriv > /dev/null; then
    dir=$tmp/mounted
    mkdir -p "$dir/keys/..one"
    cp "$first/keys"/* "$dir/keys/..one"
    ln -s ..one "$dir/keys/..data"
    for f in "$dir/keys/..one"/*; do ln -s "..data/$(basename "$f")" "$dir/keys"; done
    cp "$tmp/replica/verifier.json" "$tmp/replica/registry.sqlite" "$dir"
    chown -R 0:65532 "$dir" "$tmp/credentials"
    find "$dir/keys" "$tmp/credentials" "$dir/verifier.json" -type f -exec chmod 440 {} +
    chmod 2775 "$dir"
    chmod 750 "$tmp/credentials"
    chown 65532 "$dir/registry.sqlite"
    plain=$selfsame
    printf '#!/bin/sh\nexec setpriv --reuid 65532 --regid 65532 --clear-groups %s "$@"\n' "$plain" > "$tmp/as-user"
    chmod 755 "$tmp/as-user"
    selfsame=$tmp/as-user
    world_serve
    verified
    is "secrets that root hands over are taken" 200 "$status"
    expect 0 "a rotation" "$plain" verifier rotate "$first" --lead 0s
    mkdir "$dir/keys/..two"
    cp "$first/keys"/* "$dir/keys/..two"
    chown -R 0:65532 "$dir/keys/..two"
    chmod 440 "$dir/keys/..two"/*
    for f in "$dir/keys/..two"/*; do ln -sf "..data/$(basename "$f")" "$dir/keys"; done
    ln -s ..two "$dir/keys/..new"
    mv -T "$dir/keys/..new" "$dir/keys/..data"
    sleep 3
    verified
    is "and so is their rotation" "$(cat "$tmp/out")" "$(header kid)"
    world_stop
    server=
    selfsame=$plain dir=$tmp/replica
    chown -R 0:0 "$tmp/credentials"
    chmod 600 "$tmp/credentials"/*
else
    skipped "verifier: secrets of another owner need root and setpriv"
fi
rm "$dir/audit/audit.key"
expect 3 "rows without a key are no new log" "$selfsame" verifier serve "$dir" --listen 127.0.0.1:0
dir=$first
chmod 644 "$tmp/credentials/nonce.key"
expect 2 "unless others can read them" "$selfsame" verifier serve "$dir" --listen 127.0.0.1:0
said "chmod 600"
chmod 600 "$tmp/credentials/nonce.key"
sed -i 's/"drain_s":0/"drain_s":301/' "$dir/verifier.json"
expect 2 "a setting out of bounds" "$selfsame" verifier serve "$dir" --listen 127.0.0.1:0
sed -i 's/"drain_s":301/"log":{"lines_per_second":0}/' "$dir/verifier.json"
expect 2 "as many lines as none" "$selfsame" verifier serve "$dir" --listen 127.0.0.1:0
finish
