#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What those who have a key of their own must not reach with it: other tenants' clients,
# tokens that their role does not give; and a service that ends while it is looked at.
set -u
. "$(dirname "$0")/shell.sh"
. "$(dirname "$0")/verifier_world.sh"
server= watcher=
cleanup() { for p in $server $watcher; do kill -9 "$p" 2> /dev/null; done; }
settings() { # PYTHON: changes d
    python3 -c "
import json, sys
d = json.load(open(sys.argv[1]))
$1
json.dump(d, open(sys.argv[1], 'w'))" "$dir/verifier.json"
}
certificate() { # NAME: a client's, of the CA
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$tmp/$1.key" -out "$tmp/$1.csr" -subj "/CN=$1" 2> /dev/null
    openssl x509 -req -in "$tmp/$1.csr" -CA "$tmp/ca.pem" -CAkey "$tmp/ca.key" -CAcreateserial -days 2 \
        -extfile "$tmp/ext" -out "$tmp/$1.pem" 2> /dev/null || not_ok "openssl x509"
    openssl x509 -in "$tmp/$1.pem" -outform DER | sha256sum | cut -d' ' -f1
}
by_certificate() { # NAME PATH
    ask --cert "$tmp/$1.pem" --key "$tmp/$1.key" "https://$at$2"
}

world_init
world_tls
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$tmp/ca.key" -out "$tmp/ca.pem" -days 2 -subj /CN=ca 2> /dev/null
echo 'extendedKeyUsage=clientAuth' > "$tmp/ext"
settings "d['tls']['client_ca'] = '$tmp/ca.pem'"
for i in 1 2 3 4 5 6; do
    certificate "client$i" > "$tmp/print$i"
    echo "{\"role\":\"relying-party\",\"certificate\":\"$(cat "$tmp/print$i")\"}" > "$tmp/entry"
    "$selfsame" verifier key set "$dir" default "client$i" "$tmp/entry" > /dev/null || not_ok "verifier key set"
done
owner=$(api_key other owner admin)
auditor=$(api_key default auditor auditor)
world_serve

# ---- a certificate is public, and so is the hash of it ----
known() { # how many of the clients are
    key= n=0
    for i in 1 2 3 4 5 6; do
        by_certificate "client$i" /v1/nonce
        [ "$status" != 200 ] || n=$((n + 1))
    done
    echo $n
}
is "clients are known by their certificates" 6 "$(known)"
key=$owner
for i in 1 2 3 4 5 6; do
    ask -X PUT --data-binary "{\"role\":\"attester\",\"sha256\":\"$(cat "$tmp/print$i")\"}" \
        "https://$at/v1/admin/tenants/other/keys/copied$i"
    is "another tenant may say the same bytes" 201 "$status"
done
sleep 2
is "and they are known as before" 6 "$(known)"

# ---- a certificate ends while a connection is kept alive ----
printf '[ca]\ndefault_ca=c\n[c]\ndatabase=%s/ca.db\nserial=%s/ca.srl\nnew_certs_dir=%s\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n' \
    "$tmp" "$tmp" "$tmp" > "$tmp/ca.cnf"
: > "$tmp/ca.db"
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$tmp/short.key" -out "$tmp/short.csr" -subj /CN=short 2> /dev/null
openssl ca -batch -notext -config "$tmp/ca.cnf" -cert "$tmp/ca.pem" -keyfile "$tmp/ca.key" -extfile "$tmp/ext" -in "$tmp/short.csr" -out "$tmp/short.pem" \
    -startdate "$(date -u -d '-1 minute' +%y%m%d%H%M%SZ)" -enddate "$(date -u -d '+8 seconds' +%y%m%d%H%M%SZ)" 2> "$tmp/err" || not_ok "openssl ca: $(cat "$tmp/err")"
echo "{\"role\":\"relying-party\",\"certificate\":\"$(openssl x509 -in "$tmp/short.pem" -outform DER | sha256sum | cut -d' ' -f1)\"}" > "$tmp/entry"
"$selfsame" verifier key set "$dir" default short "$tmp/entry" > /dev/null || not_ok "verifier key set"
sleep 2
is "its requests are its own until then" "200 200 401" "$(python3 - "${at%:*}" "${at#*:}" "$tmp" << 'EOP'
import http.client, ssl, sys, time
x = ssl.create_default_context(cafile=sys.argv[3] + '/tls.pem')
x.load_cert_chain(sys.argv[3] + '/short.pem', sys.argv[3] + '/short.key')
c = http.client.HTTPSConnection(sys.argv[1], int(sys.argv[2]), context=x, timeout=20)
said = []
for pause in (0, 0.1, 8):
    time.sleep(pause)
    c.request('GET', '/v1/nonce')
    r = c.getresponse()
    r.read()
    said.append(str(r.status))
    assert c.sock is not None or pause == 8
print(' '.join(said))
EOP
)"

# ---- who may not verify is not listened to ----
key=
post /v1/verify application/json '{"evidence":'
is "a stranger's request is not even read" 401 "$status"
key=$auditor
post /v1/secret/x application/json '{"evidence":'
is "nor an auditor's" 403 "$status"

# ---- who only reads ----
key=$auditor
session new '?policy=web'
is "an auditor makes no session" 403 "$status"
is "and is given none" "" "$(reply_header location)"
key=$attester
session new '?policy=web'
is "an attester does" 201 "$status"

# ---- a key of the service that acts for a tenant ----
key=$("$selfsame" verifier key new "$dir" - a admin)
sleep 2
nonce=$(curl -s --cacert "$tmp/tls.pem" -H "Authorization: Bearer $key" "https://$at/v1/nonce?tenant=default" | jq -r .nonce)
evidence "$nonce"
ask_verify "tenant=default&policy=web&nonce=$nonce&key=$key64"
is "it verifies for it" 200 "$status"
world_stop
is "and is no key of the tenant's in the audit log" 1 "$(grep -c '"key":"-/a"' "$dir"/audit/rows-*.jsonl)"

# ---- it ends while somebody looks ----
watch=127.0.0.1:$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
settings "d.pop('tls'); d['metrics'] = {'listen': '$watch'}"
scheme=http
world_serve
python3 - "${watch%:*}" "${watch#*:}" << 'EOP' &
import socket, sys, threading, time
end = time.time() + 5
def look():
    while time.time() < end:
        try:
            s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 2)
            while s.sendall(b'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n' * 20) is None and s.recv(1 << 20):
                pass
        except OSError:
            time.sleep(0.005)
for _ in range(4):
    threading.Thread(target=look).start()
EOP
watcher=$!
sleep 1
kill "$server"
wait "$server"
is "it ends well while metrics are read" 0 "$?"
server=
finish
