#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# packaging/kubernetes: against rules of our own, kubectl's kustomize, and the schemas that
# Kubernetes publishes (npm's kubernetes-models has them).
set -u
. "$(dirname "$0")/shell.sh"
manifests=$root/packaging/kubernetes
peer=$root/tests/kubernetes_peer.py

if ! python3 -c 'import yaml' 2>/dev/null; then
    skipped "kubernetes: python3-yaml is not here"
    finish
fi
expect 0 "the manifests fit together" python3 "$peer" "$manifests" "$tmp/objects.json"
said "9 objects"
# The rules can fail: each of these is seen.
broken() { # what, file, sed expression
    rm -rf "$tmp/broken"
    cp -r "$manifests" "$tmp/broken"
    sed -i "$3" "$tmp/broken/$2"
    expect 1 "$1 is seen" python3 "$peer" "$tmp/broken"
}
broken "a service for nobody" service.yaml 's/app.kubernetes.io\/name: selfsame-verifier/app.kubernetes.io\/name: other/'
broken "root" statefulset.yaml 's/runAsUser: 65532/runAsUser: 0/'
broken "open metrics" networkpolicy.yaml '/- from:/,/monitoring/d'
broken "readiness by liveness" statefulset.yaml 's|path: /readyz|path: /healthz|'
broken "a volume that is not there" statefulset.yaml 's/- name: state/- name: status/'
broken "a rotation that does not arrive" statefulset.yaml 's|mountPath: /var/lib/selfsame-verifier/keys|&\n              subPath: keys|'

if command -v kubectl > /dev/null && kubectl kustomize --help > /dev/null 2>&1; then
    expect 0 "kustomize takes them" kubectl kustomize "$manifests"
    is "as many objects" 8 "$(grep -c '^kind:' "$tmp/out")"
    is "all in one namespace" 7 "$(grep -c '^  namespace: selfsame$' "$tmp/out")"
else
    skipped "kubernetes: kubectl is not here"
fi

# Installed once for each build directory, without running anything of it.
case $build in /*) npm=$build/npm-kubernetes ;; *) npm=$PWD/$build/npm-kubernetes ;; esac
models=$npm/node_modules/kubernetes-models
if command -v node > /dev/null && command -v npm > /dev/null && { [ -d "$models" ] ||
    timeout 120 npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$npm" kubernetes-models@5.1.0 > "$tmp/npm" 2>&1; }; then
    cat > "$tmp/validate.js" <<'JS'
const fs = require("fs");
const where = { v1: "v1", "apps/v1": "apps/v1", "autoscaling/v2": "autoscaling/v2", "policy/v1": "policy/v1",
                "networking.k8s.io/v1": "networking.k8s.io/v1" };
let n = 0, bad = 0;
for (const o of JSON.parse(fs.readFileSync(process.argv[2]))) {
    if (!where[o.apiVersion]) continue; /* of an operator, not of Kubernetes */
    const Model = require(process.argv[3] + "/" + where[o.apiVersion] + "/" + o.kind + ".js")[o.kind];
    try { new Model(o).validate(); n++; } catch (e) { bad++; console.log(o.kind + ": " + e.message); }
}
console.log(n + " valid");
process.exit(bad ? 1 : 0);
JS
    expect 0 "the schemas of Kubernetes take them" node "$tmp/validate.js" "$tmp/objects.json" "$models"
    said "8 valid"
    sed 's/"containerPort": 8443/"containerPort": "8443x"/; s/"replicas": 2/"replicas": "two"/' "$tmp/objects.json" > "$tmp/wrong.json"
    expect 1 "and see what is wrong" node "$tmp/validate.js" "$tmp/wrong.json" "$models"
    said "StatefulSet"
else
    skipped "kubernetes: schemas (npm's kubernetes-models) are not here"
fi
finish
