#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rules for packaging/kubernetes that no schema knows: what refers to what, and that
nothing runs with more than it needs. Prints what is wrong, one line each."""
import glob
import json
import os
import sys

import yaml

bad = []


def say(what):
    bad.append(what)


def want(have, what):
    if not have:
        say(what)


folder = sys.argv[1]
objects = []
for path in sorted(glob.glob(os.path.join(folder, "*.yaml"))):
    if os.path.basename(path) == "kustomization.yaml":
        continue
    objects += [o for o in yaml.safe_load_all(open(path)) if o]
if len(sys.argv) > 2:  # for those who validate against schemas
    json.dump(objects, open(sys.argv[2], "w"))

by = {}
for o in objects:
    want(set(o) <= {"apiVersion", "kind", "metadata", "spec", "automountServiceAccountToken"}, f"{o['kind']}: unknown members")
    key = (o["kind"], o["metadata"]["name"])
    want(key not in by, f"{key}: twice")
    by[key] = o

k = yaml.safe_load(open(os.path.join(folder, "kustomization.yaml")))
files = {os.path.basename(p) for p in glob.glob(os.path.join(folder, "*.yaml"))} - {"kustomization.yaml", "servicemonitor.yaml"}
want(set(k["resources"]) == files, f"kustomization.yaml: {set(k['resources']) ^ files}")

s = by[("StatefulSet", "selfsame-verifier")]["spec"]
pod = s["template"]["spec"]
labels = s["template"]["metadata"]["labels"]
want(s["selector"]["matchLabels"].items() <= labels.items(), "the StatefulSet does not select its pods")
want(s["replicas"] >= 2, "fewer than two replicas")
want(("Service", s["serviceName"]) in by, "serviceName names no Service")
want(("ServiceAccount", pod["serviceAccountName"]) in by, "no such ServiceAccount")
want(pod["automountServiceAccountToken"] is False, "a token of the cluster is mounted")

c = pod["containers"][0]
ports = {p["name"]: p["containerPort"] for p in c["ports"]}
for kind, name in by:
    spec = by[(kind, name)].get("spec", {})
    if kind == "Service":
        want(spec["selector"].items() <= labels.items(), f"Service {name} selects nobody")
        for p in spec["ports"]:
            want(p["targetPort"] in ports, f"Service {name}: no port {p['targetPort']}")
    if kind == "PodDisruptionBudget":
        want(spec["selector"]["matchLabels"].items() <= labels.items(), "the budget selects nobody")
    if kind == "NetworkPolicy":
        want(spec["podSelector"]["matchLabels"].items() <= labels.items(), "the policy selects nobody")
        want(set(spec["policyTypes"]) == {"Ingress", "Egress"}, "the policy leaves a direction open")
        for rule in spec["ingress"]:
            for p in rule["ports"]:
                want(p["port"] in ports, f"NetworkPolicy: no port {p['port']}")
            if any(p["port"] == "metrics" for p in rule["ports"]):
                want(rule.get("from"), "metrics are open to everybody")
    if kind == "HorizontalPodAutoscaler":
        t = spec["scaleTargetRef"]
        want((t["kind"], t["name"]) in by, "the autoscaler scales nothing")
        want(2 <= spec["minReplicas"] <= spec["maxReplicas"], "bounds of the autoscaler")
        want("cpu" in c["resources"]["requests"], "the autoscaler needs a request of CPU")
    if kind == "ServiceMonitor":
        chosen = [o for (kk, _), o in by.items() if kk == "Service" and
                  spec["selector"]["matchLabels"].items() <= o["metadata"]["labels"].items()]
        want(len(chosen) == 1, "the ServiceMonitor watches no Service, or several")
        names = {p["name"] for o in chosen for p in o["spec"]["ports"]}
        want(all(e["port"] in names for e in spec["endpoints"]), "the ServiceMonitor names no port")

for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
    want(c[probe]["httpGet"]["port"] in ports, f"{probe}: no such port")
want(c["readinessProbe"]["httpGet"]["path"] == "/readyz", "readiness is not /readyz")
want(c["livenessProbe"]["httpGet"]["path"] == "/healthz", "liveness is not /healthz: a lost database would restart all")

# Pod Security Standards, "restricted".
p, q = pod["securityContext"], c["securityContext"]
want(p["runAsNonRoot"] is True and p["runAsUser"] > 0, "root")
want(p["seccompProfile"]["type"] == "RuntimeDefault", "no seccomp profile")
want(q["allowPrivilegeEscalation"] is False, "privileges can grow")
want(q["capabilities"] == {"drop": ["ALL"]}, "capabilities")
want(q["readOnlyRootFilesystem"] is True, "the root file system can be written")
want(not any(pod.get(x) for x in ("hostNetwork", "hostPID", "hostIPC")), "namespaces of the host")
want("memory" in c["resources"]["limits"], "no limit of memory")

# Volumes: each mount has one, each is mounted; secrets are not environment.
have = {v["name"] for v in pod["volumes"]} | {v["metadata"]["name"] for v in s["volumeClaimTemplates"]}
mounts = {m["name"] for m in c["volumeMounts"]}
want(have == mounts, f"volumes and mounts differ: {have ^ mounts}")
for v in pod["volumes"]:
    want(set(v) - {"name"} <= {"secret", "emptyDir"}, f"volume {v['name']}")
    if "secret" in v:
        want(v["secret"]["defaultMode"] == 0o440, f"volume {v['name']}: mode")
want(all("valueFrom" not in e for e in c["env"]), "a secret in the environment")
state = "/var/lib/selfsame-verifier"
want(c["args"][:3] == ["verifier", "serve", state], "what is run")
mount = {m["mountPath"]: m for m in c["volumeMounts"]}
for path in (state + "/keys", "/run/selfsame/credentials", "/run/selfsame/tls"):
    want(mount[path].get("readOnly") is True and "subPath" not in mount[path], f"{path}: a rotation would not arrive")
want(any(m["mountPath"] == state and m["name"] in {v["metadata"]["name"] for v in s["volumeClaimTemplates"]}
         for m in c["volumeMounts"]), "the audit log is lost with a pod")

for line in bad:
    print(line)
print(f"{len(objects)} objects")
sys.exit(1 if bad else 0)
