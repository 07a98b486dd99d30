/* SPDX-License-Identifier: Apache-2.0 */
/* Measures images whose frame and CRC are right and whose sections are anything. */
#include "image/eif.h"
#include "tee/tee.h"

#include <stdlib.h>
#include <zlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Input: [type, length 16, payload]*; the body of an image with its plan. */
static void
lay_out(struct reader *r, struct eif_plan *plan, struct writer *body)
{
    while (r->rest.len > 3 && plan->count < EIF_SECTIONS) {
        enum eif_type type = (enum eif_type)(EIF_KERNEL + get_u8(r) % 5);
        size_t len = get_be16(r);
        uint8_t head[EIF_SECTION_HEADER];

        len = len < r->rest.len ? len : r->rest.len;
        eif_section_header_write(type, len, head);
        put_bytes(body, BYTES_ARR(head));
        put_bytes(body, get_bytes(r, len));
        plan->section[plan->count].type = type;
        plan->section[plan->count++].size = len;
    }
}

static void
measure(struct selfsame_bytes image)
{
    const struct tee_measurer *m = tee_measurer_find("nitro");
    struct selfsame_err e = { 0 };
    struct tee_measured measured;
    auto_arena arena = arena_new(1 << 20);
    void *state = NULL;
    bool good = m->begin(image.len, true, &state, &e) == SELFSAME_OK;

    for (size_t at = 0; good && at < image.len;) {
        size_t n = 1 + at * 7 % 997;

        n = n < image.len - at ? n : image.len - at;
        good = m->update(state, BYTES(image.ptr + at, n), &e) == SELFSAME_OK;
        at += n;
    }
    if (good && m->finish(state, &arena, &measured, &e) == SELFSAME_OK &&
        measured.count < 3)
        abort(); /* every image has PCR0, 1 and 2 */
    m->free(state);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t image[EIF_HEADER + (1 << 17)];
    struct eif_plan plan = { .default_mem = 1, .default_cpus = 2 };
    struct writer body = writer_of(image + EIF_HEADER, sizeof(image) - EIF_HEADER);
    struct reader r = reader_of(BYTES(data, size));

    lay_out(&r, &plan, &body);
    if (body.bad)
        return 0;
    uint32_t crc = (uint32_t)crc32_z(0, body.ptr, body.len);
    eif_header_write(&plan, eif_crc(&plan, crc, body.len), image);
    measure(BYTES(image, EIF_HEADER + body.len));
    return 0;
}
