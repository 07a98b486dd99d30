/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/cbor.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Writes the item at c again; what was decoded strictly comes back byte for byte. */
static void
copy(struct cbor *c, struct writer *w)
{
    enum cbor_kind kind = cbor_peek(c);

    if (kind == CBOR_ARRAY || kind == CBOR_MAP) {
        struct cbor_seq s = kind == CBOR_MAP ? cbor_get_map(c) : cbor_get_array(c);

        (s.map ? cbor_put_map : cbor_put_array)(w, s.left);
        while (cbor_more(c, &s))
            for (int part = 0; part <= s.map; part++)
                copy(c, w);
    } else {
        put_bytes(w, cbor_get_any(c));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[1 << 16];
    struct cbor any = cbor_of(BYTES(data, size), CBOR_STRICT), c = any, loose = any;
    struct writer w = writer_of(out, sizeof(out));
    struct selfsame_bytes whole = cbor_get_any(&any);

    copy(&c, &w);
    assert(c.r.bad == any.r.bad && (any.why != NULL) == any.r.bad);
    assert(any.r.bad || w.bad || bytes_eq(writer_bytes(&w), whole));
    loose.flags = CBOR_INDEFINITE_OK;
    assert(cbor_get_any(&loose).len == whole.len || any.r.bad);
    return 0;
}
