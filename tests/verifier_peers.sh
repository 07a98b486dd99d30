#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Tokens of the verifier in the hands of programs that others wrote: npm's jose and
# openid-client, Apache's mod_auth_openidc, the command jose.
set -u
. "$(dirname "$0")/shell.sh"
. "$(dirname "$0")/verifier_world.sh"

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
cleanup() {
    [ -n "${server:-}" ] && kill "$server" 2> /dev/null
    [ -s "$tmp/apache/pid" ] && kill "$(cat "$tmp/apache/pid")" 2> /dev/null
}
url=https://127.0.0.1:$(free_port)
world_init
world_tls
world_serve --listen "${url#https://}"

# ---- tokens: a good one of each kind, and each fault ----
token() { # NAME QUERY: its token in $tmp/NAME.jwt
    evidence "$nonce"
    ask_verify "policy=web&nonce=$nonce&key=$key64&$2"
    [ "$status" = 200 ] || not_ok "a token for $1: $status $(cat "$tmp/body")"
    cp "$tmp/body" "$tmp/$1.jwt"
}
key=$relying nonce=MDEyMzQ1Njc4OWFiY2RlZg # its own challenge, again and again
token es256 audience=rp
token rs256 'audience=rp&alg=RS256'
token other audience=elsewhere
nonce=AAECAwQFBgcICQoLDA0ODw
token stale audience=rp
nonce=MDEyMzQ1Njc4OWFiY2RlZg
echo '{"policy":"web","token_life_s":1}' > "$tmp/short.json"
"$selfsame" verifier tenant set "$dir" default "$tmp/short.json" > /dev/null || not_ok "verifier tenant set"
sleep 2
token expired audience=rp
sleep 3
python3 - "$tmp/es256.jwt" > "$tmp/forged.jwt" << 'PY'
import base64, sys
head, body, sig = open(sys.argv[1]).read().split(".")
text = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).replace(b'"simulated":true', b'"simulated":null')
print(".".join([head, base64.urlsafe_b64encode(text).decode().rstrip("="), sig]), end="")
PY

# ---- the command jose ----
if command -v jose > /dev/null; then
    curl -s --cacert "$tmp/tls.pem" "$url/jwks.json" > "$tmp/jwks.json"
    for alg in es256 rs256; do
        expect 0 "jose verifies $alg" jose jws ver -i "$tmp/$alg.jwt" -k "$tmp/jwks.json"
    done
    expect 1 "jose refuses what was changed" jose jws ver -i "$tmp/forged.jwt" -k "$tmp/jwks.json"
    jose jwk gen -i '{"alg":"ES256"}' -o "$tmp/foreign.jwk"
    jwt_part "$(cat "$tmp/es256.jwt")" 1 > "$tmp/payload"
    jose jws sig -I "$tmp/payload" -c -k "$tmp/foreign.jwk" \
        -s "{\"protected\":$(jwt_part "$(cat "$tmp/es256.jwt")" 0)}" -o "$tmp/foreign.jwt"
    kid=$(jose jwk thp -i "$tmp/foreign.jwk" -a S256) && [ -n "$kid" ] || not_ok "a foreign key"
    expect 1 "jose refuses a foreign key's" jose jws ver -i "$tmp/foreign.jwt" -k "$tmp/jwks.json"
    jq -r '.keys[].kid' "$tmp/jwks.json" > "$tmp/kids"
    jose jwk thp -i "$tmp/jwks.json" -a S256 > "$tmp/thumbprints"
    is "every kid is the RFC 7638 thumbprint" "$(sort "$tmp/kids" | tr '\n' ' ')" "$(sort "$tmp/thumbprints" | tr '\n' ' ')"
else
    skipped "the command jose is not installed"
    cp "$tmp/forged.jwt" "$tmp/foreign.jwt"
fi

# ---- npm: openid-client discovers, jose verifies ----
peers=$(cd "$build" && pwd)/peers
npm_ready() {
    command -v npm > /dev/null || return 1
    mkdir -p "$peers" && cp "$(dirname "$0")"/peers/package*.json "$peers/" || return 1
    [ -d "$peers/node_modules/openid-client" ] || (cd "$peers" && timeout 120 npm ci --ignore-scripts --no-audit --no-fund > npm.log 2>&1)
}
if npm_ready; then
    for name in es256 rs256 other stale expired forged foreign; do
        echo "$name $(cat "$tmp/$name.jwt")"
    done > "$tmp/tokens"
    expect 0 "node runs" env NODE_EXTRA_CA_CERTS="$tmp/tls.pem" node "$(dirname "$0")/peers/check.mjs" "$peers" "$url" rp "$nonce" < "$tmp/tokens"
    said "discovered $url"
    said "es256 accepted ES256 warning"
    said "rs256 accepted RS256 warning"
    said "other ERR_JWT_CLAIM_VALIDATION_FAILED"
    said "stale wrong-nonce"
    said "expired ERR_JWT_EXPIRED"
    said "forged ERR_JWS_SIGNATURE_VERIFICATION_FAILED"
    said "foreign ERR_JWS_SIGNATURE_VERIFICATION_FAILED"
else
    skipped "npm, or its registry, is not there: jose and openid-client were not asked"
fi

# ---- Apache as an OAuth 2.0 resource server ----
modules=/usr/lib/apache2/modules
if [ -x /usr/sbin/apache2 ] && [ -f $modules/mod_auth_openidc.so ]; then
    port=$(free_port)
    mkdir -p "$tmp/apache/htdocs"
    echo "what only attested services get" > "$tmp/apache/htdocs/index.html"
    cat > "$tmp/apache/conf" << CONF
ServerRoot $tmp/apache
PidFile $tmp/apache/pid
DefaultRuntimeDir $tmp/apache
Mutex file:$tmp/apache
ServerName 127.0.0.1
Listen 127.0.0.1:$port
ErrorLog $tmp/apache/error.log
LoadModule mpm_event_module $modules/mod_mpm_event.so
LoadModule authn_core_module $modules/mod_authn_core.so
LoadModule authz_core_module $modules/mod_authz_core.so
LoadModule authz_user_module $modules/mod_authz_user.so
LoadModule dir_module $modules/mod_dir.so
LoadModule auth_openidc_module $modules/mod_auth_openidc.so
$( [ "$(id -u)" -eq 0 ] && printf 'User www-data\nGroup www-data\n')
DocumentRoot $tmp/apache/htdocs
OIDCOAuthVerifyJwksUri $url/jwks.json
OIDCCABundlePath $tmp/tls.pem
OIDCOAuthRemoteUserClaim sub
OIDCCryptoPassphrase not-used-by-resource-servers
<Location />
    AuthType oauth20
    <RequireAll>
        Require claim iss:$url
        Require claim aud:rp
        Require claim eat_nonce:$nonce
        Require claim ear_status~^(affirming|warning)\$
    </RequireAll>
</Location>
CONF
    chmod -R a+rX "$tmp" && [ "$(id -u)" -eq 0 ] && chown -R www-data "$tmp/apache"
    chmod 711 "$tmp"
    expect 0 "apache starts" /usr/sbin/apache2 -f "$tmp/apache/conf" -k start
    tries=0
    until curl -s -o /dev/null "http://127.0.0.1:$port/" || [ $tries -gt 50 ]; do sleep 0.1; tries=$((tries + 1)); done
    enter() { curl -s -o "$tmp/page" -w '%{http_code}' -H "Authorization: Bearer $(cat "$tmp/$1.jwt")" "http://127.0.0.1:$port/"; }
    is "apache lets ES256 in" 200 "$(enter es256)"
    is "and RS256" 200 "$(enter rs256)"
    is "and shows the page" "what only attested services get" "$(cat "$tmp/page")"
    is "it refuses one that has expired" 401 "$(enter expired)"
    is "one for another audience" 401 "$(enter other)"
    is "one of another nonce" 401 "$(enter stale)"
    is "one of a foreign key" 401 "$(enter foreign)"
    is "one that was changed" 401 "$(enter forged)"
    is "and who has none" 401 "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/")"
else
    skipped "apache2 with libapache2-mod-auth-openidc is not installed"
fi
world_stop
server=
finish
