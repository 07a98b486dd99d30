# SPDX-License-Identifier: Apache-2.0
# Vendors of our own (vendors.py) in $tmp/vendors, with what the simulator made. Sourced behind shell.sh.
vendors=$tmp/vendors
vendors_mode() { echo "$1" > "$vendors/mode"; rm -f "$vendors/was-busy"; : > "$vendors/asked"; }
vendors_asked() { wc -l < "$vendors/asked"; }
# Evidence of TEE without anything beside it; what is beside it, the vendors have.
vendors_evidence() { # TEE NONCE-HEX KEY.pem OUT
    table=
    [ "$1" = snp ] && table="--collateral $vendors/table"
    # shellcheck disable=SC2086
    "$sim" evidence --tee "$1" --nonce "$2" --key "$3" --raw --out "$4" $table 2> "$tmp/sim.err" ||
        not_ok "selfsame-sim evidence: $(cat "$tmp/sim.err")"
}
vendors_init() {
    mkdir -p "$vendors"
    for t in sgx tdx; do
        "$sim" collateral --tee $t --out "$vendors/$t" 2> /dev/null || not_ok "selfsame-sim collateral"
    done
    vendors_mode ok
}
vendors_start() {
    rm -f "$vendors/port"
    python3 "$root/tests/vendors.py" "$vendors" & vendors_pid=$!
    for _ in $(seq 100); do [ -s "$vendors/port" ] && break; sleep 0.05; done
    vendor=http://127.0.0.1:$(cat "$vendors/port")
}
vendors_stop() { kill "$vendors_pid" 2> /dev/null; wait "$vendors_pid" 2> /dev/null; }
