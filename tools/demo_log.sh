# SPDX-License-Identifier: Apache-2.0
# Read by tools/demo.sh: the same service, trusted because of what its author published.

# Waits until a daemon listens. port
listens() {
    i=0
    until curl -so /dev/null --max-time 1 "http://127.0.0.1:$1/healthz"; do
        i=$((i + 1)); [ $i -gt 100 ] && { echo "   nobody listens at $1"; exit 1; }; sleep 0.1
    done
}
# Serves in the background and remembers whom to end. port, command...
serves() {
    daemon_port=$1; shift
    "$@" --listen "127.0.0.1:$daemon_port" > "$work/daemon-$daemon_port" 2>&1 &
    daemons="$daemons $!"
    listens "$daemon_port"
}

printf '\n%sNow with a transparency log in place of measurements in the policy.%s\n' "$bold" "$plain"

say "A log with two witnesses, and an author with a key: all on this machine"
plog=$(port) pw1=$(port) pw2=$(port) pfork=$(port)
"$selfsame" keygen --out "$work/publisher.key" > /dev/null
"$selfsame" keygen --out "$work/rebuilder.key" > /dev/null
"$selfsame" log init "$work/log" --origin log.example/releases > /dev/null
cp "$work/publisher.key.pub" "$work/log/publishers/author.pem"
cp "$work/rebuilder.key.pub" "$work/log/publishers/rebuilder.pem"
echo "log $(cat "$work/log/log.vkey") http://127.0.0.1:$plog" > "$work/trust.txt"
for n in 1 2; do
    "$selfsame" witness init "$work/w$n" --name "witness.example/w$n" > /dev/null
    cp "$work/log/log.vkey" "$work/w$n/logs/"
    eval "p_w=\$pw$n"
    echo "witness w$n $(cat "$work/w$n/witness.vkey") http://127.0.0.1:$p_w" >> "$work/trust.txt"
done
printf 'group both all w1 w2\nquorum both\n' >> "$work/trust.txt"
cp "$work/trust.txt" "$work/log/policy.txt"
serves "$pw1" "$selfsame" witness serve "$work/w1"
serves "$pw2" "$selfsame" witness serve "$work/w2"
serves "$plog" "$selfsame" log serve "$work/log"
sed 's/^/   /' "$work/trust.txt"

say "Publish the release: signed, logged, cosigned; its proof is one file"
commit=$(git rev-parse HEAD 2>/dev/null || echo 4b825dc642cb6eb9a060e54bf8d69288fbee4904)
publish() { "$selfsame" publish "$@" --key "$work/publisher.key" --trust "$work/trust.txt"; }
source="--source git+https://example.com/hello --commit $commit"
# shellcheck disable=SC2086
show publish "$work/hello" --sequence 1 $source --out "$work/hello-1.tlog-proof"
show publish index example.com/hello --current "$work/hello-1.tlog-proof" --out "$work/index-1.tlog-proof"

say "Rebuild it from its source: the same bytes; the result is logged, too"
must 0 "$selfsame" rebuild "$work/hello-1.tlog-proof" --source examples/hello --out "$work/rebuilt" \
    --key "$work/rebuilder.key" --trust "$work/trust.txt"

say "A policy that names the release, and no measurement; verified with nothing but the proofs"
public() { openssl pkey -pubin -in "$1" -outform DER | base64 | tr -d '\n'; }
jq --arg author "$(public "$work/publisher.key.pub")" --arg rebuilder "$(public "$work/rebuilder.key.pub")" \
    'del(.measurements) | .releases = [{"name": "example.com/hello", "publisher": $author, "trust": "trust.txt",
     "max_index_age": "24h", "rebuilders": [$rebuilder], "min_rebuilders": 1}]' "$work/policy.json" > "$work/release.json"
show "$selfsame" policy explain "$work/release.json"
proofs="--release $work/hello-1.tlog-proof --release $work/index-1.tlog-proof --release $work/rebuilt/rebuild.tlog-proof"
# shellcheck disable=SC2086
must 0 "$selfsame" verify $along "https://127.0.0.1:$p/" --policy "$work/release.json" $proofs

say "A build that was never published: no proof, or the proof of another release"
must 20 "$selfsame" verify $along "https://127.0.0.1:$pt/" --policy "$work/release.json"
# shellcheck disable=SC2086
must 19 "$selfsame" verify $along "https://127.0.0.1:$pt/" --policy "$work/release.json" $proofs

say "A fork: the log's own key signs another tree, for one victim; no witness cosigns it"
"$selfsame" log init "$work/fork" --origin log.example/releases --key "$work/log/log.key" > /dev/null
cp "$work/publisher.key.pub" "$work/fork/publishers/author.pem"
serves "$pfork" "$selfsame" log serve "$work/fork"
sed "s/:$plog\$/:$pfork/; /^witness/d; /^group/d; s/^quorum .*/quorum none/" "$work/trust.txt" > "$work/fork.txt"
# shellcheck disable=SC2086
"$selfsame" publish "$work/tampered" --sequence 1 $source --key "$work/publisher.key" --trust "$work/fork.txt" \
    --out "$work/fork.tlog-proof" > /dev/null
for n in 1 2; do # as long as the genuine one
    "$selfsame" publish index example.com/hello --sequence $n --current "$work/fork.tlog-proof" --key "$work/publisher.key" \
        --trust "$work/fork.txt" --out "$work/fork-index.tlog-proof" > /dev/null
done
must 20 "$selfsame" verify $along "https://127.0.0.1:$pt/" --policy "$work/release.json" --release "$work/fork.tlog-proof"
must 0 "$selfsame" monitor "http://127.0.0.1:$plog" --trust "$work/trust.txt" --state "$work/monitor.json" --once
printf '   and a monitor that knows the log sees both trees\n'
must 20 "$selfsame" monitor "http://127.0.0.1:$pfork" --trust "$work/fork.txt" --state "$work/monitor.json" --once

say "A rollback: the next release was accepted once, so the one before is refused"
cp -r examples/hello "$work/next-source"
jq '.version = "1.1.0"' examples/hello/selfsame.json > "$work/next-source/selfsame.json"
sed -i 's/you audited/you have audited/' "$work/next-source/hello.c"
"$selfsame" build "$work/next-source" --tee "$tee" --out "$work/next" > /dev/null
# shellcheck disable=SC2086
publish "$work/next" --sequence 2 $source --out "$work/hello-2.tlog-proof" > /dev/null
publish index example.com/hello --previous "$work/index-1.tlog-proof" --current "$work/hello-1.tlog-proof" \
    --current "$work/hello-2.tlog-proof" --out "$work/index-2.tlog-proof" > /dev/null
jq '.releases[0] |= del(.rebuilders, .min_rebuilders)' "$work/release.json" > "$work/plain.json"
pn=$(port)
"$selfsame" run --sim "$(image next)" -d --name next -p "127.0.0.1:$pn:8443" > /dev/null 2>&1
index="--release $work/index-2.tlog-proof"
# shellcheck disable=SC2086
must 0 "$selfsame" verify $along "https://127.0.0.1:$pn/" --policy "$work/plain.json" --release "$work/hello-2.tlog-proof" $index
# shellcheck disable=SC2086
must 15 "$selfsame" verify $along "https://127.0.0.1:$p/" --policy "$work/plain.json" --release "$work/hello-1.tlog-proof" $index

say "A revoked release: its author found a hole in it"
publish index example.com/hello --previous "$work/index-2.tlog-proof" --revoke "$work/hello-2.tlog-proof=a hole in its TLS" \
    --out "$work/index-3.tlog-proof" > /dev/null
must 13 "$selfsame" verify $along "https://127.0.0.1:$pn/" --policy "$work/plain.json" --release "$work/hello-2.tlog-proof" \
    --release "$work/index-3.tlog-proof"
