/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"
#include "image/tdvf.h"
#include "show/show.h"

#include <inttypes.h>

/* Firmware of a TD: what it asks the host to put where, and what of it is measured. */

static enum selfsame_code
put_section(const struct tdvf *t, const struct tdvf_section *s, struct arena *arena,
    json_t *into, struct selfsame_err *e)
{
    const char *gpa = arena_printf(arena, "0x%" PRIx64, s->gpa);
    uint8_t sum[HASH_MAX];

    if (gpa == NULL)
        FAIL(e, SELFSAME_NOMEM, "the output");
    TRY(show_put(into, "type", json_string(tdvf_type_name(s->type)), e));
    TRY(show_put(into, "address", json_string(gpa), e));
    TRY(show_put(into, "bytes", json_integer((json_int_t)s->size), e));
    TRY(show_put(
        into, "measured", json_boolean((s->attributes & TDVF_MR_EXTEND) != 0), e));
    TRY(show_put(
        into, "added_later", json_boolean((s->attributes & TDVF_PAGE_AUG) != 0), e));
    if (s->raw == 0)
        return SELFSAME_OK;
    if (!hash_bytes(HASH_SHA384, BYTES(t->file.ptr + s->offset, s->raw), sum))
        FAIL(e, SELFSAME_NOMEM, "the output");
    TRY(show_put(into, "offset", json_integer((json_int_t)s->offset), e));
    return show_put(into, "sha384", json_string(hex_dup(arena, BYTES(sum, 48))), e);
}

enum selfsame_code
show_tdvf(
    struct selfsame_bytes in, struct arena *arena, json_t *into, struct selfsame_err *e)
{
    struct tdvf t;
    json_t *list = json_array();

    TRY(show_put(into, "sections", list, e));
    TRY(tdvf_parse(in, &t, e));
    for (size_t i = 0; i < t.section_count; i++) {
        json_t *one = json_object();

        if (json_array_append_new(list, one) != 0)
            FAIL(e, SELFSAME_NOMEM, "the output");
        TRY(put_section(&t, &t.section[i], arena, one, e));
    }
    return SELFSAME_OK;
}
