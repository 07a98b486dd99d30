#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The description of the verifier's HTTP (OpenAPI 3.1): valid for others' tools, served, and
# true of what the service answers.
set -u
. "$(dirname "$0")/shell.sh"
. "$(dirname "$0")/verifier_world.sh"
case $root in /*) ;; *) root=$PWD/$root ;; esac
case $build in /*) ;; *) build=$PWD/$build ;; esac

server=
cleanup() { [ -z "$server" ] || world_stop; }
world_init
world_serve
key=
get /openapi.json
is "it is served, to everybody" 200 "$status"
if cmp -s "$tmp/body" "$root/src/verifier/openapi.json"; then ok "as it is in the tree"; else not_ok "as it is in the tree"; fi

npm=$build/npm-openapi
if ! command -v node > /dev/null || ! command -v npm > /dev/null; then
    skipped "node and npm are not here: nobody validates the description"
    finish
fi
if [ ! -d "$npm/node_modules/@apidevtools/swagger-parser" ] || [ ! -d "$npm/node_modules/ajv" ]; then
    timeout 120 npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$npm" \
        @apidevtools/swagger-parser@12.1.0 ajv@8 > "$tmp/npm" 2>&1 ||
        { skipped "npm cannot fetch @apidevtools/swagger-parser: nobody validates the description"; finish; }
fi
auditor=$(api_key default eye auditor)
admin_of_default=$(api_key default boss admin)
sleep 2
NODE_PATH=$npm/node_modules node "$root/tests/verifier_openapi_peer.cjs" "$root/src/verifier/openapi.json" \
    "http://$at" "$admin" "$admin_of_default" "$auditor" "$attester" || bad=1
finish
