/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/cose.h"
#include "codec/cbor.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[1 << 16];
    struct selfsame_bytes in = BYTES(data, size < sizeof(out) - 99 ? size : 0);
    struct selfsame_err e = { 0 };
    struct cose_sign1 s, again;
    struct cose_tbs t;

    if (cose_sign1_parse(in, &s, &e) != SELFSAME_OK)
        return 0;
    struct writer w = writer_of(out, sizeof(out));
    cose_sign1_put(&w, s.tagged, s.protected_, s.payload, s.signature);
    assert(s.unprotected.len > 1 || bytes_eq(writer_bytes(&w), in));
    assert(cose_sign1_parse(writer_bytes(&w), &again, &e) == SELFSAME_OK);
    assert(s.has_alg == again.has_alg && (!s.has_alg || s.alg == again.alg));

    w = writer_of(out, sizeof(out));
    cose_sign1_tbs(&s, BYTES_NONE, &t);
    for (size_t i = 0; i < t.count; i++)
        put_bytes(&w, t.part[i]);
    struct cbor c = cbor_of(writer_bytes(&w), CBOR_STRICT);
    assert(cbor_get_any(&c).len == w.len && cbor_done(&c));
    return 0;
}
