#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `selfsame keygen`, `publish`, `publish index`, `prove`, and `verify|connect --release`: a log and two witnesses on this machine.
set -u
. "$(dirname "$0")/shell.sh"
pids=
cleanup() {
    for p in $pids; do kill "$p" 2>/dev/null; done
    wait
}
export XDG_STATE_HOME="$tmp/state"
cd "$tmp" || exit 1
case $selfsame in /*) ;; *) selfsame=$OLDPWD/$selfsame sim=$OLDPWD/$sim ;; esac
case $root in /*) ;; *) root=$OLDPWD/$root ;; esac

# ---- keys ----
expect 2 "a key goes somewhere" "$selfsame" keygen
expect 0 "a key" "$selfsame" keygen --out author.key --json
key=$(jq -r .publisher out)
is "nobody else can read it" 600 "$(stat -c %a author.key)"
is "openssl has the same public key" "$(cat author.key.pub)" "$(openssl pkey -in author.key -pubout)"
is "the id is the digest of its SubjectPublicKeyInfo" "$(jq -r .keyid out)" \
    "$(openssl pkey -in author.key -pubout -outform DER | sha256sum | cut -d' ' -f1)"
expect 2 "it is not replaced" "$selfsame" keygen --out author.key
expect 2 "a witness has a name" "$selfsame" keygen --out x.key --witness
expect 2 "without a plus" "$selfsame" keygen --out x.key --name a+b
is "nothing was left of these" no "$([ -e x.key ] && echo yes || echo no)"
expect 0 "a witness's key" "$selfsame" keygen --out x.key --name w.example --witness
said "w.example+"
for who in second rebuilder stranger; do "$selfsame" keygen --out $who.key > /dev/null; done

# ---- a log and its witnesses ----
serve() { # name, command...: $url
    ready=$tmp/$1.ready; shift
    : > "$ready"
    "$@" --listen 127.0.0.1:0 --json > "$ready" 2> "$ready.err" &
    pids="$pids $!"
    for _ in $(seq 200); do [ ! -s "$ready" ] || break; sleep 0.05; done
    url=http://$(jq -r .listen "$ready")
}
"$selfsame" log init log --origin log.example/releases > /dev/null
for who in author second rebuilder; do cp $who.key.pub log/publishers/$who.pem; done
witnesses=
for n in 1 2; do
    "$selfsame" witness init w$n --name witness.example/w$n > /dev/null
    cp log/log.vkey w$n/logs/
    serve w$n "$selfsame" witness serve w$n
    witnesses="${witnesses}witness w$n $(cat w$n/witness.vkey) $url
"
done
printf 'log %s\n%sgroup both all w1 w2\nquorum both\n' "$(cat log/log.vkey)" "$witnesses" > log/policy.txt
serve log "$selfsame" log serve log
printf 'log %s %s/\n%sgroup both all w1 w2\nquorum both\n' "$(cat log/log.vkey)" "$url" "$witnesses" > trust.txt

# ---- what a build gives ----
mkdir app
printf '#!/bin/true\n' > app/run
cp /bin/true app/true
cat > app/selfsame.json <<'JSON'
{"selfsame_recipe": 1, "name": "example.com/app", "version": "1.0.0", "tee": ["nitro"], "entrypoint": ["/true"]}
JSON
expect 0 "an image" "$selfsame" build app --out one
cp -r app app2
sed -i 's/1\.0\.0/1.1.0/' app2/selfsame.json
echo new > app2/news
expect 0 "the next" "$selfsame" build app2 --out two
from="--source git+https://example.com/app --commit 4b825dc642cb6eb9a060e54bf8d69288fbee4904"
publish() { "$selfsame" publish "$@" --trust trust.txt; }

# ---- what is refused before anything is sent ----
expect 2 "who publishes" publish one --sequence 1 $from
expect 2 "which sequence" publish one --key author.key $from
said --sequence
expect 2 "from which source" publish one --key author.key --sequence 1
said --commit
cp author.key open.key; chmod 644 open.key
expect 2 "a key that others can read" publish one --key open.key --sequence 1 $from
said "mode 0600"
openssl ecparam -name prime256v1 -genkey -noout -out p256.key 2>/dev/null; chmod 600 p256.key
expect 11 "a key of another kind" publish one --key p256.key --sequence 1 $from
expect 2 "a validity of over 400 days" publish one --key author.key --sequence 1 $from --valid 401d
expect 2 "no duration" publish one --key author.key --sequence 1 $from --valid soon
expect 2 "no commit" publish one --key author.key --sequence 1 --source x --commit xyz
expect 10 "no build" publish app/selfsame.json --key author.key --sequence 1 $from
expect 3 "nothing there" publish nowhere --key author.key --sequence 1 $from
echo '{"intel-tdx": {"x": 1}}' > require.json
expect 2 "a demand of a TEE that was not measured" publish one --key author.key --sequence 1 $from --require require.json
expect 21 "a stranger's key" publish one --key stranger.key --sequence 1 $from
said "operator has to add"
expect 2 "plain http elsewhere" publish one --key author.key --sequence 1 $from --log http://192.0.2.1/
is "nothing was written" "" "$(ls ./*.tlog-proof 2>/dev/null)"

# ---- published ----
expect 0 "the first release" publish one --key author.key --sequence 1 $from --json
first=$(jq -r .statement out)
is "its proof is named by it" example.com-app-1.0.0.tlog-proof "$(jq -r .file out)"
cp example.com-app-1.0.0.tlog-proof 1.proof
mv 1.proof example.com-app-1.0.0.tlog-proof
expect 0 "published once more, a second later" publish one --key author.key --sequence 1 $from --json
is "it is the same statement" "$first" "$(jq -r .statement out)"
is "and the same entry" 0 "$(jq .index out)"
expect 2 "other facts of the same version" publish one --key author.key --sequence 1 --source git+https://example.com/other --commit 4b825dc642cb6eb9a060e54bf8d69288fbee4904
said "signed another statement of the same version"
mv example.com-app-1.0.0.tlog-proof 1.proof
expect 2 "facts for what is complete" publish 1.proof --key author.key --sequence 9
expect 3 "a log that does not answer" publish one --key author.key --sequence 1 $from --log http://127.0.0.1:1/ --out kept.proof
said "kept.proof.envelope.json"
kept=$("$selfsame" show kept.proof.envelope.json --json | jq -r .payload.predicate.validity.notBefore)
sleep 1
expect 3 "asked again" publish one --key author.key --sequence 1 $from --log http://127.0.0.1:1/ --out kept.proof
is "what was signed first is kept" "$kept" "$("$selfsame" show kept.proof.envelope.json --json | jq -r .payload.predicate.validity.notBefore)"
expect 2 "a version is signed once" publish one --key author.key --sequence 2 $from --log http://127.0.0.1:1/ --out kept.proof
rm kept.proof.envelope.json
expect 0 "asked again" publish 1.proof --key author.key
expect 2 "another publisher's does not take its place" publish example.com-app-1.0.0.tlog-proof --key second.key
said "of another envelope"
said "--out"
expect 2 "nor in a directory" publish 1.proof --key second.key --out .
is "it is there still" "$(sha256sum < 1.proof)" "$(sha256sum < example.com-app-1.0.0.tlog-proof)"
expect 0 "an envelope elsewhere" "$selfsame" publish 1.proof --key second.key --sign-only
expect 2 "another one" "$selfsame" publish 1.proof --key stranger.key --sign-only
expect 0 "unless that is its name" "$selfsame" publish 1.proof --key stranger.key --sign-only --out example.com-app-1.0.0.envelope.json
rm example.com-app-1.0.0.*
is "another reader believes it" "tee-release 0 1 $first" "$(python3 "$root/tests/proof_peer.py" 1.proof trust.txt author.key.pub 2)"
mv 1.proof example.com-app-1.0.0.tlog-proof
expect 0 "published once more, a second later" publish one --key author.key --sequence 1 $from --json
is "it is the same statement" "$first" "$(jq -r .statement out)"
is "and the same entry" 0 "$(jq .index out)"
expect 2 "other facts of the same version" publish one --key author.key --sequence 1 --source git+https://example.com/other --commit 4b825dc642cb6eb9a060e54bf8d69288fbee4904
said "signed another statement of the same version"
mv example.com-app-1.0.0.tlog-proof 1.proof
expect 2 "facts for what is complete" publish 1.proof --key author.key --sequence 9
expect 3 "a log that does not answer" publish one --key author.key --sequence 1 $from --log http://127.0.0.1:1/ --out kept.proof
said "kept.proof.envelope.json"
kept=$("$selfsame" show kept.proof.envelope.json --json | jq -r .payload.predicate.validity.notBefore)
sleep 1
expect 3 "asked again" publish one --key author.key --sequence 1 $from --log http://127.0.0.1:1/ --out kept.proof
is "what was signed first is kept" "$kept" "$("$selfsame" show kept.proof.envelope.json --json | jq -r .payload.predicate.validity.notBefore)"
expect 2 "a version is signed once" publish one --key author.key --sequence 2 $from --log http://127.0.0.1:1/ --out kept.proof
rm kept.proof.envelope.json
expect 0 "asked again" publish 1.proof --key author.key --out again.proof --json
is "it is the same entry" 0 "$(jq .index out)"
expect 0 "a second publisher signs the same" publish 1.proof --key second.key --out 1-second.proof --json
is "the same statement" "$first" "$(jq -r .statement out)"
is "in an entry of its own" 1 "$(jq .index out)"
expect 0 "signed here" "$selfsame" publish two --key author.key --sequence 2 $from --supersedes 1.proof --sign-only
is "a file of its own" example.com-app-1.1.0.envelope.json "$(ls ./*.envelope.json | cut -c3-)"
expect 0 "and published elsewhere, without the key" publish example.com-app-1.1.0.envelope.json --out 2.proof
is "another reader believes it" tee-release "$(python3 "$root/tests/proof_peer.py" 2.proof trust.txt author.key.pub 2 | cut -d' ' -f1)"
expect 0 "show decodes it" "$selfsame" show 2.proof --json
is "with what it supersedes" "$first" "$(jq -r '.envelope.payload.predicate.supersedes[0]' out)"

# ---- the index ----
expect 2 "an index has a name" publish index "Example" --key author.key
expect 2 "a release of that name" publish index example.com/other --key author.key --current 1.proof
expect 2 "a reason" publish index example.com/app --key author.key --revoke 1.proof
expect 2 "a week at most" publish index example.com/app --key author.key --current 1.proof --valid 8d
expect 0 "the index" publish index example.com/app --key author.key --current 1.proof --current 2.proof --out i1.proof
expect 2 "an index does not go back" publish index example.com/app --key author.key --previous i1.proof --sequence 1 --out x.proof
expect 2 "what is revoked is not current" publish index example.com/app --key author.key --previous i1.proof --current 1.proof --revoke 1.proof=x --out x.proof
expect 0 "the next revokes" publish index example.com/app --key author.key --previous i1.proof --revoke 1.proof=leaked=here --out i2.proof
"$selfsame" show i2.proof --json > out
is "one more" 2 "$(jq .envelope.payload.predicate.sequence out)"
is "what is revoked is not current" 2 "$(jq '.envelope.payload.predicate.current[0].sequence' out)"
expect 0 "the third" publish index example.com/app --key author.key --previous i2.proof --out i3.proof
"$selfsame" show i3.proof --json > out
is "nothing is forgotten" leaked=here "$(jq -r '.envelope.payload.predicate.revoked[0].reason' out)"

# What an index is made of is verified: a log that is trusted holds it, and the last index was this key's.
index() { "$selfsame" publish index example.com/app --key author.key --sign-only --out x.json "$@"; }
expect 0 "signed alone, of proofs" index --trust trust.txt --previous i3.proof --current 2.proof --revoke 1.proof=again
expect 0 "or of hashes, which need no log" index --revoke "$first=leaked"
long=$(printf '%0700d' 0)
expect 2 "more revocations than an entry holds" index $(for n in $(seq 64); do printf -- '--revoke %064x=%s ' "$n" "$long"; done)
said "an index of 0 current and 64 revoked releases is too large"
said "Begin an index without --previous"
for what in "--current 2.proof" "--previous i3.proof" "--revoke 1.proof=leaked"; do
    expect 2 "verified with what: $what" index $what
    said "--trust FILE is mandatory"
done
"$selfsame" show i3.proof --json | jq -jcS '.envelope.payload | .predicate.revoked = []' > forged.json
expect 0 "nobody's index parses" "$selfsame" publish forged.json --key stranger.key --sign-only --out forged.envelope.json
for what in "--previous forged.json" "--previous forged.envelope.json" "--current example.com-app-1.1.0.envelope.json" \
    "--revoke example.com-app-1.1.0.envelope.json=leaked"; do
    expect 2 "nobody's word: $what" index --trust trust.txt $what
    said "expected a .tlog-proof"
done
sed "2s/.*/$(sed -n 2p 1.proof)/" 2.proof > swapped.proof
sed "2s/.*/extra $(base64 -w0 forged.envelope.json)/" i3.proof > forged.proof
for what in "--current swapped.proof" "--revoke swapped.proof=leaked" "--previous forged.proof"; do
    expect 20 "an entry that is not there: $what" index --trust trust.txt $what
done
expect 0 "another publisher's index" publish index example.com/app --key second.key --current 2.proof --out second-index.proof
expect 20 "is not to be followed" index --trust trust.txt --previous second-index.proof
expect 2 "a release is no index" index --trust trust.txt --previous 2.proof
expect 2 "nor the other way round" index --trust trust.txt --current i3.proof
expect 2 "nor is it revoked by its file" index --trust trust.txt --revoke i3.proof=leaked

# ---- proofs anew ----
expect 0 "a fresh proof from the log's files over HTTP" "$selfsame" prove 1.proof --trust trust.txt --out fresh.proof
is "another reader believes it" "tee-release 0 7 $first" "$(python3 "$root/tests/proof_peer.py" fresh.proof trust.txt author.key.pub 2)"
expect 0 "from its directory, looked for" "$selfsame" prove example.com-app-1.1.0.envelope.json --trust trust.txt --log log --json --out f2.proof
is "and found" 2 "$(jq .index out)"
expect 20 "an entry elsewhere" "$selfsame" prove 1.proof --trust trust.txt --index 1
"$selfsame" publish one --key stranger.key --sequence 1 $from --sign-only --out stranger.envelope.json > /dev/null
expect 20 "one that is not there" "$selfsame" prove stranger.envelope.json --trust trust.txt
expect 2 "one that nobody signed" "$selfsame" prove one/statement.json --trust trust.txt
expect 2 "trusted by whom" "$selfsame" prove 1.proof

# ---- verified by releases ----
openssl ecparam -name prime256v1 -genkey -noout 2>/dev/null | openssl pkey -pubout -out service.pem 2>/dev/null
nonce=000102030405060708090a0b0c0d0e0f
for n in one two; do
    "$sim" evidence --tee nitro --measurements $n/measurements.json --key service.pem --nonce $nonce --out $n.cmw
done
policy() { # file, further members
    jq -n --arg key "$key" "{selfsame_policy: 1, tee: {nitro: {}}, freshness: {nonce: true}, binding: \"key\",
        insecure: [\"simulated\"], releases: [{name: \"example.com/app\", publisher: \$key, trust: \"trust.txt\"} + $2]}" > "$1"
}
verify() { "$selfsame" verify "$@" --key service.pem --nonce $nonce; }
policy p.json '{}'
expect 0 "the policy is valid" "$selfsame" policy lint p.json
said "valid, 3 warnings"
expect 0 "its trust policy is beside it" sh -c "cd / && '$selfsame' policy lint '$tmp/p.json'"
sed 's/^quorum .*/quorum none/' trust.txt > none.txt
jq '.releases[0].trust = "none.txt"' p.json > none.json
expect 0 "no witness has to be asked" "$selfsame" policy lint none.json
said 'release example.com/app: the trust policy says "quorum none"'
expect 0 "as JSON" "$selfsame" policy lint none.json --json
is "one more warning" 4 "$(jq '.warnings | length' out)"
sed '/^witness /d; /^group /d' none.txt > alone.txt
jq '.releases[0].trust = "alone.txt"' p.json > alone.json
expect 0 "nor is there one" "$selfsame" policy lint alone.json
said "has no witnesses"
sed 's/^log /log x/' trust.txt > broken.txt
jq '.releases[0].trust = "broken.txt"' p.json > broken.json
expect 2 "a broken trust policy" "$selfsame" policy lint broken.json
said "trust policy, line 1"
jq '.releases[0].trust = "gone.txt"' p.json > gone.json
expect 3 "a trust policy that is not there" "$selfsame" policy lint gone.json
said "gone.txt"
expect 20 "no proof" verify one.cmw --policy p.json
said PROOF_MISSING
expect 0 "the proof alone is enough" verify one.cmw --policy p.json --release 1.proof --json
is "it says which release" "example.com/app 1.0.0 1 $first" \
    "$(jq -r '.identity | "\(.release) \(.version) \(.sequence) \(.statement)"' out)"
many() { # count: as often --release 1.proof
    for _ in $(seq "$1"); do printf ' --release 1.proof'; done
}
expect 0 "as many proofs as fit" verify one.cmw --policy p.json $(many 64)
expect 2 "one more" verify one.cmw --policy p.json $(many 65)
said "--release: at most 64"
expect 19 "another build" verify two.cmw --policy p.json --release 1.proof
remembered() { jq ".releases[] | select(.name == \"example.com/app\") | .$1" state/selfsame/releases.json | sort -n | tail -1; }
is "nothing newer was remembered" 1 "$(remembered sequence)"
expect 0 "from another folder the trust policy is beside the policy" sh -c "cd / && '$selfsame' verify '$tmp/one.cmw' --policy '$tmp/p.json' --release '$tmp/1.proof' --key '$tmp/service.pem' --nonce $nonce"
expect 2 "a proof without a policy of releases" verify one.cmw --tee nitro --insecure-simulated --release 1.proof
said --release-name
expect 0 "a policy of flags" verify one.cmw --tee nitro --insecure-simulated --release-name example.com/app \
    --publisher author.key.pub --trust trust.txt --release 1.proof
expect 2 "flags that belong together" verify one.cmw --tee nitro --insecure-simulated --trust trust.txt
expect 10 "garbage for a proof" verify one.cmw --policy p.json --release p256.key
said PROOF_MALFORMED
expect 20 "another publisher's key" verify one.cmw --tee nitro --insecure-simulated --release-name example.com/app \
    --publisher second.key.pub --trust none.txt --release 1.proof
said PUBLISHER_SIG
expect 21 "another name" verify one.cmw --tee nitro --insecure-simulated --release-name example.com/other \
    --publisher author.key.pub --trust none.txt --release 1.proof
said WRONG_NAME
expect 12 "before anything was valid" verify one.cmw --policy p.json --release 1.proof --at 2020-01-01T00:00:00Z --json
is "neither was the release" "fail stale EXPIRED" \
    "$(jq -r '.checks[] | select(.name == "release") | "\(.outcome) \(.class) \(.got)"' out)"
expect 2 "a broken trust policy" verify one.cmw --policy broken.json --release 1.proof
expect 3 "a trust policy that is not there" verify one.cmw --policy gone.json --release 1.proof

policy both.json "{publisher: [\$key, \"$(openssl pkey -in second.key -pubout -outform DER | base64 -w0)\"], threshold: 2}"
expect 20 "one of two publishers" verify one.cmw --policy both.json --release 1.proof
expect 0 "both" verify one.cmw --policy both.json --release 1.proof --release 1-second.proof
policy lately.json '{max_index_age: "24h"}'
expect 15 "no index" verify one.cmw --policy lately.json --release 1.proof
said STALE_INDEX
expect 0 "an index lists it" verify one.cmw --policy lately.json --release 1.proof --release i1.proof
expect 13 "an index revokes it" verify one.cmw --policy lately.json --release 1.proof --release i1.proof --release i2.proof
said "leaked"
expect 13 "also where none is demanded" verify one.cmw --policy p.json --release 1.proof --release i3.proof
is "which is remembered" "$first" "$(jq -r '.releases[0].revoked[0]' state/selfsame/releases.json)"
is "with the index that said so" 3 "$(remembered index)"
expect 0 "an old index can be proved anew by anybody" "$selfsame" prove i1.proof --trust trust.txt --out i1-fresh.proof
expect 13 "but a revocation is not forgotten" verify one.cmw --policy p.json --release 1.proof
rm -rf state
policy moment.json '{max_index_age: "1s"}'
sleep 2
expect 15 "nor is an old index young for somebody new" verify one.cmw --policy moment.json --release 1.proof --release i1-fresh.proof
expect 13 "another release beside it does not hide why" verify one.cmw --policy p.json --release 1.proof --release 2.proof --release i3.proof
said REVOKED
rm -rf state
(unset HOME XDG_STATE_HOME; verify one.cmw --policy p.json --release 1.proof) > out 2> err
said "neither HOME nor XDG_STATE_HOME"

# ---- connected by releases: the running service, and nothing of it where the release does not hold ----
"$sim" device --listen "unix:$tmp/nsm" --measurements one/measurements.json 2> device.err & pids="$pids $!"
mkdir site
echo "hello from the released code" > site/index.html
python3 -u -m http.server --bind 127.0.0.1 --directory site 0 > site.out 2>&1 & pids="$pids $!"
for _ in $(seq 200); do [ -S nsm ] && grep -q ' port ' site.out && break; sleep 0.05; done
serve front "$selfsame" serve --upstream "127.0.0.1:$(sed -n 's/.* port \([0-9]*\) .*/\1/p' site.out)" --device "unix:$tmp/nsm"
front=127.0.0.1:${url##*:}
connect() { # status, what, options...: what the service said is in `out`
    status=$1 about=$2; shift 2
    printf 'GET / HTTP/1.0\r\n\r\n' > request
    expect "$status" "$about" sh -c 'exec "$0" connect "$@" < request' "$selfsame" "$front" "$@"
}
policy session.json '{}'
jq '.binding = "session"' session.json > s.json
mv s.json session.json
connect 0 "a session with the released code" --policy session.json --release 1.proof
said "hello from the released code"
connect 20 "without a proof" --policy session.json
is "nothing of it is heard" "" "$(cat out)"
connect 19 "the proof of another build" --policy session.json --release 2.proof
is "nothing of it is heard" "" "$(cat out)"
rm -rf state
connect 13 "a revoked release" --policy session.json --release 1.proof --release i3.proof
is "nothing of it is heard" "" "$(cat out)"
expect 13 "nor by URL" "$selfsame" verify "https://$front/" --policy session.json --release 1.proof
rm -rf state
expect 0 "by URL" "$selfsame" verify "https://$front/" --policy session.json --release 1.proof
expect 0 "the next release is seen elsewhere" verify two.cmw --policy p.json --release 2.proof
connect 15 "the service that runs the one before" --policy session.json --release 1.proof
is "nothing of it is heard" "" "$(cat out)"
rm -rf state

# ---- rebuilt ----
expect 0 "rebuilt, signed and logged" "$selfsame" rebuild 1.proof --source app --out again --key rebuilder.key --trust trust.txt
is "another reader believes it" tee-rebuild \
    "$(python3 "$root/tests/proof_peer.py" again/rebuild.tlog-proof trust.txt rebuilder.key.pub 2 | cut -d' ' -f1)"
policy rebuilt.json "{rebuilders: [\"$(openssl pkey -in rebuilder.key -pubout -outform DER | base64 -w0)\"], min_rebuilders: 1}"
expect 20 "nobody rebuilt it" verify one.cmw --policy rebuilt.json --release 1.proof
said REBUILDERS
expect 0 "somebody did" verify one.cmw --policy rebuilt.json --release 1.proof --release again/rebuild.tlog-proof

# ---- one release for every TEE, with demands of its own ----
sed 's/"nitro"/"nitro", "snp"/; s,example.com/app,example.com/wide,' app/selfsame.json > wide.json
mkdir wide; cp app/true app/run wide/; cp wide.json wide/selfsame.json
expect 0 "images for both" "$selfsame" build wide --out wide.out
demand() { # JSON, why not
    echo "{\"amd-sev-snp\": $1}" > require.json
    expect 2 "no client could use $1" publish wide.out --key author.key --sequence 1 $from --require require.json --out wide.proof
    said "$2"
}
demand '{"minTcb": {"Milan": {"snp": 20}}}' "minTcb says what this build does not know"
demand '{"minTcb": {"milan": {"smp": 20}}}' "minTcb says what this build does not know"
demand '{"minTCB": {"milan": {"snp": 20}}}' "require names what this build does not know"
demand '{"debug": true}' "require.debug is not false"
demand '{"vmpl": "0"}' "vmpl"
demand '{"hostData": "00"}' "host_data"
is "nothing was published" no "$([ -e wide.proof ] && echo yes || echo no)"
echo '{"amd-sev-snp": {"minTcb": {"milan": {"snp": 20}}}}' > require.json
expect 0 "one release" publish wide.out --key author.key --sequence 1 $from --require require.json --out wide.proof
policy wide-policy.json '{name: "example.com/wide"}'
jq '.tee = {nitro: {}, snp: {}}' wide-policy.json > both-tees.json
evidence() { # out, options...
    out=$1; shift
    "$sim" evidence --measurements wide.out/measurements.json --key service.pem --nonce $nonce --out "$out" "$@"
}
evidence n.cmw --tee nitro
expect 0 "on Nitro" verify n.cmw --policy both-tees.json --release wide.proof
evidence s.cmw --tee snp --set tcb.snp=20
expect 0 "on SEV-SNP" verify s.cmw --policy both-tees.json --release wide.proof
evidence s.cmw --tee snp --set tcb.snp=19
expect 18 "below the release's own minimum" verify s.cmw --policy both-tees.json --release wide.proof
said "tcb"
evidence s.cmw --tee snp --set product=Genoa
expect 18 "a product that it has no minimum for" verify s.cmw --policy both-tees.json --release wide.proof
evidence s.cmw --tee snp --set tcb.snp=20 --set vmpl=1
expect 21 "another privilege level" verify s.cmw --policy both-tees.json --release wide.proof
jq '.tee.snp = {vmpl: [0, 1]}' both-tees.json > vmpl.json
expect 21 "which the policy cannot allow against the release" verify s.cmw --policy vmpl.json --release wide.proof
expect 21 "a TEE that the policy does not accept" verify s.cmw --policy wide-policy.json --release wide.proof

# ---- never back ----
mkfifo pipe
verify - --policy p.json --release 1.proof < pipe > slow.out 2>&1 &
slow=$!
exec 9> pipe
sleep 0.5
expect 0 "the next release is accepted while somebody feeds a pipe slowly" verify two.cmw --policy p.json --release 2.proof
cat one.cmw >&9
exec 9>&-
wait $slow
is "who then gets the one before" 15 $?
is "and is told so" 1 "$(grep -c 'ROLLBACK: a later release was accepted meanwhile' slow.out)"
expect 0 "the next release" verify two.cmw --policy p.json --release 2.proof
is "is remembered" 2 "$(remembered sequence)"
expect 15 "the one before is a rollback" verify one.cmw --policy p.json --release 1.proof
said ROLLBACK
is "only this user can read what was accepted" 600 "$(stat -c %a state/selfsame/releases.json)"
echo '{"highest": 7}' > state/selfsame/releases.json
expect 10 "a state that cannot be read is not passed over" verify two.cmw --policy p.json --release 2.proof
rm -rf state; : > state
expect 3 "nor one that is no directory" verify two.cmw --policy p.json --release 2.proof
finish
