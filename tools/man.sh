#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: tools/man.sh BUILDDIR
# The manual says what the programs and headers say: each command has a page that names
# all its options and no other, each public function stands in selfsame_<header>.3 with
# the prototype of the header, each member of a file and each option of a TEE in the page
# of its format, and mandoc finds nothing to complain about.
set -eu
build=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
bad=0
python3 - "$build" <<'PY' || bad=1
import glob, json, os, re, subprocess, sys

build = sys.argv[1]
bad = []

def run(*argv):
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout

def page(path):
    try:
        return open(path, encoding="utf-8").read()
    except OSError:
        bad.append(f"{path} is missing")
        return None

def flags(text):
    """All options a page marks up: .Fl -name and .Fl p, also inside other macros."""
    lines = [l for l in text.splitlines() if l.startswith(".") and not l.startswith('.\\"')]
    found = set()
    for line in lines:
        words = line[1:].split()
        for at, word in enumerate(words):
            if word == "Fl" and at + 1 < len(words) and words[at + 1] != "-":
                found.add(words[at + 1])
    return found

# ---- commands ----
def options_of(program, command):
    """Long names from the table, letters from --help, as .Fl writes them."""
    text = run(program, *command["name"].split(), "--help")
    letters = set(re.findall(r"^  -([a-zA-Z0-9]), --", text, re.M))
    return {"-" + name for name in command["options"]} | letters - {"h"}

def check_page(name, text, want):
    common = {"-json", "-help", "h"}
    got = flags(text)
    bad.extend(f"{name} does not document -{o}" for o in sorted(want - got))
    bad.extend(f"{name} documents -{o}, which does not exist" for o in sorted(got - want - common))

def check_commands():
    program = f"{build}/src/cli/selfsame"
    overview = page("man/selfsame.1") or ""
    for command in json.loads(run(program, "help", "--json"))["commands"]:
        name = "selfsame-" + command["name"].replace(" ", "-")
        text = page(f"man/{name}.1")
        if text is None:
            continue
        check_page(f"man/{name}.1", text, options_of(program, command))
        if f".Xr {name} 1" not in overview:
            bad.append(f"man/selfsame.1 does not refer to {name}(1)")

def check_simulator():
    program = f"{build}/src/sim/selfsame-sim"
    text = page("man/selfsame-sim.1")
    if text is None:
        return
    want = set()
    for command in json.loads(run(program, "help", "--json"))["commands"]:
        part = re.search(rf"^\.Ss {re.escape(command['name'])}$(.*?)(?=^\.S[sh] |\Z)", text, re.M | re.S)
        if part is None:
            bad.append(f"man/selfsame-sim.1 has no section (.Ss) {command['name']}")
            continue
        check_page(f"man/selfsame-sim.1, {command['name']}", part.group(1), options_of(program, command))

# ---- functions ----
def squeeze(text):
    text = re.sub(r"\s+", " ", text).strip()
    return re.sub(r"\s*([(),*;])\s*", r"\1", text)

def declared(header):
    text = re.sub(r"/\*.*?\*/", "", open(header).read(), flags=re.S)
    found = {}
    for m in re.finditer(r"\bSELFSAME_API(?:_PLAIN)?\b([^;{]*)\(([^;{]*)\)\s*;", text):
        result = m.group(1).replace("SELFSAME_MUST_CHECK", "")
        name = re.search(r"(\w+)\s*$", result).group(1)
        found[name] = squeeze(f"{result}({m.group(2)})")
    return found

def unquote(arg):
    return arg.strip().strip('"')

def documented(text):
    """.Ft result, .Fo name, .Fa "type name" ..., .Fc as prototypes."""
    found, result, name, args = {}, None, None, []
    for line in text.splitlines():
        macro, _, rest = line.partition(" ")
        if macro == ".Ft":
            result = unquote(rest)
        elif macro == ".Fo":
            name, args = rest.strip(), []
        elif macro == ".Fa" and name is not None:
            args.append(unquote(rest))
        elif macro == ".Fc":
            found[name] = squeeze(f"{result} {name}({', '.join(args)})")
            name = None
    return found

def check_functions():
    pages = set()
    for header in sorted(glob.glob("include/selfsame/*.h")):
        want = declared(header)
        base = os.path.basename(header)[:-2]
        path = "man/selfsame.3" if base == "selfsame" else f"man/selfsame_{base}.3"
        pages.add(path)
        text = page(path)
        if text is None:
            continue
        got = documented(text)
        for name in sorted(want):
            if name not in got:
                bad.append(f"{path} does not document {name}()")
            elif got[name] != want[name]:
                bad.append(f"{path}: {name}() differs from the header\n  header: {want[name]}\n  page:   {got[name]}")
        bad.extend(f"{path} documents {n}(), which does not exist" for n in sorted(set(got) - set(want)))
        head = text.partition(".Sh SYNOPSIS")[0]
        bad.extend(f"{path}: NAME does not list {n}" for n in sorted(want) if not re.search(rf"^\.Nm {n}\b", head, re.M))
    bad.extend(f"{p} belongs to no public header" for p in sorted(set(glob.glob("man/*.3")) - pages))

# ---- file formats ----
def check_members():
    """Every member that a parser's table names stands in the page of its format."""
    for source, tables, path in [
        ("src/repro/recipe.c", r"\*const (?:top|serve|kernel|known)\[\] = \{(.*?)\}", "man/selfsame-recipe.5"),
        ("src/appraise/policy.c", r"\} members\[\] = \{(.*?)\n\};", "man/selfsame-policy.5"),
    ]:
        text = page(path) or ""
        bodies = re.findall(tables, open(source).read(), re.S)
        names = [n for body in bodies for n in re.findall(r'"([^"]+)"', body)]
        if not names:
            bad.append(f"no table of members found in {source}")
        bad.extend(f"{path} does not document {n}" for n in names if not re.search(rf"(?<![\w$]){re.escape(n)}\b", text))

def check_rules():
    """Every option of a TEE's rules, by its dotted path."""
    rules = re.search(r"snp_rules\[\] = \{(.*?)\n\};", open("src/tee/snp/claims.c").read(), re.S)
    options = []
    for kind, args in re.findall(r"\b(RULE|RULE_DEFAULT|MIN_TCB|MIN_TCB_OF)\(([^,]*,[^,)]*)", rules.group(1) if rules else ""):
        first, second = (a.strip().strip('"') for a in args.split(","))
        if kind.startswith("RULE"):
            options.append(first)
        elif first != "":  # a processor line: the page says that its members are the same
            options.append("min_tcb." + first.rstrip("."))
        elif kind == "MIN_TCB":
            options.append("min_tcb." + second)
        else:
            options += ["min_tcb." + part for part in ("bootloader", "tee", "snp", "microcode")]
    if len(options) < 30:
        bad.append(f"only {len(options)} options found in snp_rules")
    text = page("man/selfsame-policy.5") or ""
    bad.extend(f"man/selfsame-policy.5 does not document {o}" for o in options if not re.search(rf"(?<![\w$.]){re.escape(o)}\b", text))

# ---- what is installed, what is referred to ----
def check_pages():
    here = {os.path.basename(p) for p in glob.glob("man/*.[0-9]")}
    listed = set(re.findall(r"'([\w-]+\.\d)'", page("man/meson.build") or ""))
    bad.extend(f"man/meson.build does not install {p}" for p in sorted(here - listed))
    bad.extend(f"man/meson.build installs {p}, which is not there" for p in sorted(listed - here))
    for name in sorted(here):
        for other, section in sorted(set(re.findall(r"\bXr (selfsame[\w-]*) (\d)", page(f"man/{name}")))):
            if f"{other}.{section}" not in here:
                bad.append(f"man/{name} refers to {other}({section}), which is not there")

check_commands()
check_simulator()
check_functions()
check_members()
check_rules()
check_pages()
for line in bad:
    print(line)
sys.exit(1 if bad else 0)
PY
if command -v mandoc >/dev/null; then
    # References to pages of this project are checked above, not against the installed ones.
    found=$(mandoc -T lint -W warning man/*.[0-9] 2>&1 || true)
    [ -z "$found" ] || { echo "$found"; bad=1; }
else
    echo "SKIPPED: mandoc is not installed, so the pages' markup is not checked"
fi
exit $bad
