/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/der.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every getter on its own copy, then on into what is constructed. */
static void
walk(struct der *d, unsigned depth)
{
    while (!d->r.bad && d->r.rest.len > 0) {
        unsigned tag = d->r.rest.ptr[0];
        struct der b = *d, u = *d, n = *d, s = *d, t = *d, o = *d;

        (void)der_get_bool(&b);
        uint64_t small = der_get_small_uint(&u);
        struct selfsame_bytes wide = der_get_uint(&n);
        assert(u.r.bad || (wide.len <= 8 && (small == 0) == bytes_is_zero(wide)));
        assert(der_get_bits(&s).len <= d->r.rest.len);
        (void)der_get_time(&t);
        assert(b.r.bad + u.r.bad + s.r.bad + t.r.bad >= 3);
        struct selfsame_bytes element = der_get_element(&o);
        struct der inner = der_enter(d, tag);
        assert(d->r.bad == o.r.bad && element.len >= inner.r.rest.len);
        if ((tag & 0x20) != 0 && depth < 32)
            walk(&inner, depth + 1);
    }
    assert(d->r.bad == (d->why != NULL));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct der d = der_of(BYTES(data, size));

    walk(&d, 0);
    return 0;
}
