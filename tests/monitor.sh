#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `selfsame monitor` on logs that tests/log_maker.c makes: a clean one, each fault, files and HTTP, the
# hook, signals, kill -9.
set -u
. "$(dirname "$0")/shell.sh"
maker=$build/tests/log_maker
pids=
cleanup() {
    for p in $pids; do kill "$p" 2>/dev/null; done
    wait
}
w=$tmp/world
scene() { "$maker" "$w" "$@" || not_ok "the scene $1 is made"; }
state=$tmp/state trust=
watch() { "$selfsame" monitor "$w/log" --trust "${trust:-$w/policy.txt}" --state "$state" --publisher "$w/me.pem" \
    --publisher "$w/partner.pem" --rebuilder "$w/rebuilder.pem" --once "$@"; }
fresh() { rm -rf "$tmp/state" "$tmp/state.forks"; }
alarms() { jq -r 'select(.event == "alarm") | .alarm' "$tmp/out" | tr '\n' ' '; }
events() { jq -r '.event' "$tmp/out" | sort | uniq -c | awk '{ printf "%s %s ", $2, $1 }'; }

# ---- a clean log ----
scene good
expect 0 "a clean log is followed" watch
is "every line is one event" "checkpoint 1 rebuild 1 release 2 " "$(events)"
is "an event says what and when" "example.com/hello 1.0 7 me.pem log.example/releases" \
    "$(jq -r 'select(.entry == 1) | "\(.name) \(.version) \(.sequence) \(.label) \(.log)"' "$tmp/out")"
expect 0 "again there is nothing to tell" watch
is "so it tells nothing" 0 "$(wc -c < "$tmp/out")"
scene grown
expect 0 "what is new is told" watch --status-page "$tmp/page.html"
is "that alone" "checkpoint 1 index 1 release 1 " "$(events)"
is "a page is written" 3 "$(grep -oE 'revoked</strong> since 2026-09-01|identical</span> by rebuilder.pem|current</span>' "$tmp/page.html" | wc -l)"
is "which is for everybody to read" 644 "$(stat -c %a "$tmp/page.html")"
scene long
expect 0 "over several tiles" watch
fresh
expect 0 "from the beginning too" watch --known "$w/known"
is "in one go" "checkpoint 1 index 1 rebuild 1 release 3 " "$(events)"

# ---- each alarm, its exit status, and the hook ----
cat > "$tmp/hook" <<'SH'
#!/bin/sh
echo "to standard output"
[ $# -eq 0 ] || exit 1
cat >> "${0%/*}/hooked"; echo >> "${0%/*}/hooked"
SH
chmod +x "$tmp/hook"
try() { # scene, exit status, alarm, options...
    s=$1 code=$2 alarm=$3; shift 3
    fresh; : > "$tmp/hooked"
    rm -rf "$w"; scene grown
    watch --retired "$w/old.pem" > /dev/null || not_ok "before: $s"
    rm -rf "$w/log"; scene "$s"
    expect "$code" "the scene: $s" watch --retired "$w/old.pem" --hook "$tmp/hook" "$@"
    is "alarms: $alarm" "$alarm " "$(alarms)"
    is "the hook got the same" "$(jq -c 'select(.event == "alarm")' "$tmp/out")" "$(jq -c . "$tmp/hooked")"
    is "its output is not among the events" 0 "$(grep -c 'to standard' "$tmp/out")"
}
try foreign 20 foreign
try unknown 20 foreign --known "$w/known"
try retired 13 retired
try duplicate 20 duplicate
try sequence 15 sequence
try unparsable 10 unparsable
try different 19 different
try forked 20 fork
is "both notes are kept" 2 "$(cat "$tmp/state.forks"/*.believed "$tmp/state.forks"/*.other | grep -c '^log.example/releases$')"
is "the event says where" yes "$(jq -r 'select(.event == "alarm") | .believed, .other' "$tmp/out" | xargs ls > /dev/null 2>&1 && echo yes)"
expect 20 "a fork lasts for the next run" watch

# ---- a program for releases ----
fresh; : > "$tmp/hooked"; rm -rf "$w"; scene grown
expect 0 "releases have a program of their own" watch --on-release "$tmp/hook" --hook "$tmp/none"
is "which gets each" "1.0 1.0 1.1" "$(jq -r .version "$tmp/hooked" | xargs)"
fresh; scene foreign
expect 20 "a hook that is not there" watch --hook "$tmp/none"
said "the hook $tmp/none"
is "loses no event" "foreign " "$(alarms)"

# ---- old, cut, changed ----
fresh; rm -rf "$w"; scene grown 864000
expect 15 "nothing new for over a week" watch
said '"alarm":"stale"'
expect 0 "which may be enough" watch --stale 11d
expect 0 "or not be asked" watch --stale 0s
sed '/^quorum/d; /^witness/d; /^group/d' "$w/policy.txt" > "$tmp/alone"; echo "quorum none" >> "$tmp/alone"
trust=$tmp/alone
expect 2 "without witnesses nothing is old" watch --stale 1d
trust=
fresh; scene grown
printf 'X' | dd of="$w/log/tile/entries/000.p/6" bs=1 seek=400 conv=notrunc 2> /dev/null
expect 20 "a changed entry" watch
said '"alarm":"tiles"'
rm "$w/log/tile/entries/000.p/6"
expect 3 "one that is not there" watch
said "which its checkpoint of size 6 calls for"
expect 20 "and stays away" watch
said '"alarm":"withheld"'
rm -f "$w/log/checkpoint"
expect 3 "no log" watch
echo "not a note" > "$w/log/checkpoint"
expect 20 "or something else" watch
said '"alarm":"checkpoint"'

# ---- usage ----
scene grown
expect 2 "no trust policy" "$selfsame" monitor "$w/log" --state "$tmp/s" --once
expect 2 "no state" "$selfsame" monitor "$w/log" --trust "$w/policy.txt" --once
expect 2 "no log at all" "$selfsame" monitor --trust "$w/policy.txt" --state "$tmp/s" --once
trust=$w/known
expect 2 "a policy that is none" watch
trust=
expect 2 "a list that is none" watch --known "$w/policy.txt"
expect 10 "a key that is none" watch --publisher "$w/known"
expect 3 "a key that is not there" watch --publisher "$w/nobody.pem"
expect 2 "a time that is none" watch --interval soon
expect 2 "plain http to others" "$selfsame" monitor http://192.0.2.1/log --trust "$w/policy.txt" --state "$tmp/s" --once
echo broken > "$tmp/broken"; state=$tmp/broken
expect 10 "a state that is none is not begun anew" watch
is "nor changed" broken "$(cat "$tmp/broken")"
watch_closed() { watch > /dev/full; }
state=$tmp/other
expect 3 "nobody can hear it" watch_closed
[ -e "$tmp/other" ] && not_ok "then nothing is saved" || ok "then nothing is saved"
state=$tmp/state

# ---- HTTP, following, signals ----
cat > "$tmp/httpd.py" <<'PY'
import gzip, http.server, os, sys
from socketserver import ThreadingMixIn
os.chdir(sys.argv[1])
class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *a): pass
    def do_GET(self):
        mode = open("mode").read().strip() if os.path.exists("mode") else ""
        if mode and "/tile/0/" in self.path:
            body = open("." + self.path, "rb").read()
            if mode == "redirect": self.send_response(302); self.send_header("Location", self.path)
            else: self.send_response(500 if mode == "500" else 200)
            if mode == "big": body += bytes(1 << 20)
            if mode == "garbage": body = bytes(len(body))
            self.send_header("Content-Length", str(len(body) + (mode == "cut"))); self.end_headers()
            return self.wfile.write(body)
        # Bundles packed, as some object stores keep them.
        if "/entries/" in self.path and os.path.isfile("." + self.path):
            body = gzip.compress(open("." + self.path, "rb").read())
            self.send_response(200); self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(body))); self.end_headers()
            return self.wfile.write(body)
        return super().do_GET()
class Server(ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    def handle_error(self, *a): pass
s = Server(("127.0.0.1", 0), Handler)
open(sys.argv[2] + ".new", "w").write(str(s.server_port)); os.rename(sys.argv[2] + ".new", sys.argv[2])
s.serve_forever()
PY
rm -rf "$w"; scene good
python3 "$tmp/httpd.py" "$w" "$tmp/port" & server=$!; pids=$server
for _ in $(seq 100); do [ -s "$tmp/port" ] && break; sleep 0.05; done
url=http://127.0.0.1:$(cat "$tmp/port")/log/
exec_over() { exec "$selfsame" monitor "$url" --trust "$w/policy.txt" --state "$state" --publisher "$w/me.pem" \
    --publisher "$w/partner.pem" "$@"; }
over() { (exec_over "$@"); }
held() { # until a monitor has the state: from then on a signal ends it in good order
    for _ in $(seq 200); do flock -n "$state.lock" true 2> /dev/null || return 0; sleep 0.05; done
    not_ok "a monitor has the state"
}
fresh
expect 0 "a log over HTTP, its bundles packed" over --once
is "says the same" "checkpoint 1 rebuild 1 release 2 " "$(events)"
# Servers that misbehave: what cannot be had is an error, what is not what was signed an alarm.
for m in big redirect cut 500 garbage; do
    fresh; echo $m > "$w/mode"
    expect "$([ $m = garbage ] && echo 20 || echo 3)" "a server that answers: $m" over --once
    is "nothing is told of it" 0 "$(grep -c '"event":"release"' "$tmp/out")"
    is "nor kept, but for what the log signed" "1 0" \
        "$(tail -n +2 "$state" | jq -sr '"\(length) \(map(select(.checkpoint))[0].next)"')"
done
rm "$w/mode"; fresh
expect 0 "and well again" over --once
: > "$tmp/follow"
(exec_over --interval 1s) > "$tmp/follow" 2> "$tmp/follow.err" & follower=$!; pids="$pids $follower"
held
expect 3 "a second one on the state is refused" over --once
wait_for() { # text
    for _ in $(seq 100); do grep -q "$1" "$tmp/follow" && break; sleep 0.1; done
    grep -q "$1" "$tmp/follow" && ok "it tells: $1" || { not_ok "it tells: $1"; cat "$tmp/follow" "$tmp/follow.err"; }
}
scene grown
wait_for '"version":"1.1"'
rm -rf "$w/log"
wait_for '"event":"error"'
scene grown; scene foreign
wait_for '"alarm":"foreign"'
kill "$follower"; wait "$follower"; is "it ends with the class of the worst alarm" 20 $?
(exec_over --interval 1s) > "$tmp/follow" 2>&1 & follower=$!; pids="$server $follower"
held; kill "$follower"; wait "$follower"; is "and with 0 without one" 0 $?
mv "$w/log" "$w/away"
(exec_over --interval 1s) > "$tmp/follow" 2> "$tmp/follow.err" & follower=$!; pids="$server $follower"
wait_for '"event":"error"'
kill "$follower"; wait "$follower"; is "with 3 when it could not look" 3 $?
mv "$w/away" "$w/log"
pids=$server
expect 0 "after which there is nothing to tell" over --once
is "for it was saved" 0 "$(wc -c < "$tmp/out")"
# Killed at any moment it repeats events and loses none.
scene long
i=0
while [ $i -lt 15 ]; do
    fresh; : > "$tmp/all"
    for n in 1 2 3; do
        (exec_over --once) >> "$tmp/all" 2> /dev/null & p=$!
        sleep "0.0$(((i * 3 + n * 2) % 10))"; kill -9 $p 2> /dev/null; wait $p 2> /dev/null
        # A cut line is no event: the next run says it again.
        [ -z "$(tail -c 1 "$tmp/all")" ] || echo >> "$tmp/all"
    done
    over --once >> "$tmp/all" 2> "$tmp/err" || { not_ok "after kill -9 it goes on"; cat "$tmp/err"; }
    got=$(jq -rR 'fromjson? | select(.event == "release") | .entry' "$tmp/all" | sort -nu | tr '\n' ' ')
    [ "$got" = "1 2 4 " ] || not_ok "after kill -9 nothing is lost: expected 1 2 4, got $got"
    i=$((i + 1))
done
ok "15 times killed thrice, nothing lost"

# ---- the log of others ----
if [ -d "$shared/tlog/transparency-dev+tessera" ]; then
    tessera=$shared/tlog/transparency-dev+tessera/log
    mkdir "$tmp/tessera" && cp -r "$tessera/tile" "$tmp/tessera/"
    printf 'log %s\nquorum none\n' "$(cat "$tessera/log.vkey")" > "$tmp/tessera.policy"
    for n in 0 1 2 5 7 8 13 15; do
        cp "$tessera/checkpoint.$n" "$tmp/tessera/checkpoint"
        expect 0 "Tessera's log at size $n" "$selfsame" monitor "$tmp/tessera" --trust "$tmp/tessera.policy" \
            --state "$tmp/tessera.state" --once
        is "its checkpoint is told" "$n" "$(jq -r 'select(.event == "checkpoint") | .size' "$tmp/out")"
    done
    cp "$tessera/checkpoint.5" "$tmp/tessera/checkpoint"
    expect 0 "an old checkpoint of it is no fork" "$selfsame" monitor "$tmp/tessera" --trust "$tmp/tessera.policy" \
        --state "$tmp/tessera.state" --once
    said older-checkpoint
else skipped "../shared/vectors is not here: no log of others is followed"
fi

# ---- log lookup ----
pcr() { printf "%96s" "" | sed "s/ /$1/g" | cut -c 1-96; }
rm -rf "$w/log"; scene grown
find_url() { "$selfsame" log lookup "$url" --trust "$w/policy.txt" "$@"; }
expect 0 "a release is found by its PCR0" find_url --measurement "$(pcr 11)"
said "example.com/hello 1.0, sequence 7, entry 1"
said "revoked since 2026-09-01T00:00:00Z: leaks <keys>"
said "superseded by 1.1"
said "nitro pcr.0 $(pcr 11)"
said "rebuilt identical by key"
expect 0 "and as JSON" find_url --measurement "$(pcr 22)" --json --index "$tmp"
is "for programs" "1.1 true null" "$(jq -r '.releases[0] | "\(.version) \(.current) \(.revoked)"' "$tmp/out")"
is "the index is kept where it was said" yes "$([ -s "$tmp/lookup.sqlite" ] && echo yes)"
expect 0 "which helps the next time" find_url --name example.com/hello --index "$tmp"
is "all of a name" 3 "$(grep -c '^example.com/hello ' "$tmp/out")"
expect 1 "what no release has" find_url --measurement "$(pcr 77)"
expect 1 "as JSON too" find_url --measurement "$(pcr 77)" --json
expect 0 "a directory as well" "$selfsame" log lookup "$w/log" --trust "$w/policy.txt" --sha256 "$(sed -n 's/  1.0.json//p' "$w/known")"
said "nitro pcr.2"
is "the index stands beside it" yes "$([ -s "$w/log/lookup.sqlite" ] && echo yes)"
expect 2 "nothing to look for" find_url
expect 2 "two things" find_url --name a --measurement "$(pcr 11)"
expect 2 "no trust policy for a URL" "$selfsame" log lookup "$url" --name a
printf 'X' | dd of="$w/log/tile/0/000.p/6" bs=1 seek=40 conv=notrunc 2> /dev/null
expect 20 "a log that lies" find_url --name example.com/hello
finish
