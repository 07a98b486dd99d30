# SPDX-License-Identifier: Apache-2.0
# A PostgreSQL server of the test's own, behind a socket in $tmp. Sourced behind shell.sh.
# shellcheck shell=sh
pg_bin=$(ls -d /usr/lib/postgresql/*/bin 2> /dev/null | sort -V | tail -1)
pg_dir=$tmp/postgres
pg_url="postgresql:///selfsame?host=$pg_dir&user=pgtest"

as_postgres() { # the server refuses to be root
    if [ "$(id -u)" -eq 0 ]; then setpriv --reuid nobody --regid nogroup --clear-groups "$@"; else "$@"; fi
}
pg_missing() { [ -z "$pg_bin" ] || [ ! -x "$pg_bin/initdb" ]; }
pg_init() {
    mkdir "$pg_dir" && chmod 700 "$pg_dir"
    [ "$(id -u)" -eq 0 ] && chown nobody:nogroup "$pg_dir"
    chmod 711 "$tmp"
    (cd / && as_postgres "$pg_bin/initdb" -D "$pg_dir/data" -U pgtest -A trust -E UTF8 --no-sync) > "$tmp/initdb.log" 2>&1 ||
        { not_ok "initdb"; tail -3 "$tmp/initdb.log"; }
}
pg_start() {
    (cd / && exec setsid "$(command -v setpriv)" $(if [ "$(id -u)" -eq 0 ]; then echo --reuid nobody --regid nogroup --clear-groups; fi) \
        "$pg_bin/postgres" -D "$pg_dir/data" -k "$pg_dir" -c listen_addresses= -c fsync=off) > "$tmp/postgres.log" 2>&1 &
    pg_tries=0
    until "$pg_bin/pg_isready" -q -h "$pg_dir" -U pgtest || [ $pg_tries -gt 100 ]; do sleep 0.1; pg_tries=$((pg_tries + 1)); done
    pg_pid=$(head -1 "$pg_dir/data/postmaster.pid")
    "$pg_bin/createdb" -h "$pg_dir" -U pgtest selfsame 2> /dev/null
    return 0
}
pg_stop() { # [signal]
    [ -n "${pg_pid:-}" ] || return 0
    kill "-${1:-INT}" "$pg_pid" 2> /dev/null
    while kill -0 "$pg_pid" 2> /dev/null; do sleep 0.1; done
    pg_pid=
}
