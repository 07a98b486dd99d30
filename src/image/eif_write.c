/* SPDX-License-Identifier: Apache-2.0 */
#include "image/eif.h"

#include <assert.h>
#include <zlib.h>

enum { VERSION = 4, CRC_COVERS = 544 };

void
eif_header_write(const struct eif_plan *p, uint32_t crc, uint8_t ret[static EIF_HEADER])
{
    struct writer w = writer_of(ret, EIF_HEADER);
    uint64_t at = EIF_HEADER;

    assert(p->count <= EIF_SECTIONS);
    put_bytes(&w, BYTES_LIT(".eif"));
    put_be16(&w, VERSION);
    put_be16(&w, p->aarch64 ? 1 : 0);
    put_be64(&w, p->default_mem);
    put_be64(&w, p->default_cpus);
    put_be16(&w, 0);
    put_be16(&w, (uint16_t)p->count);
    for (size_t i = 0; i < EIF_SECTIONS; i++) {
        put_be64(&w, i < p->count ? at : 0);
        if (i < p->count)
            at += EIF_SECTION_HEADER + p->section[i].size;
    }
    for (size_t i = 0; i < EIF_SECTIONS; i++)
        put_be64(&w, i < p->count ? p->section[i].size : 0);
    put_be32(&w, 0);
    put_be32(&w, crc);
    assert(!w.bad && w.len == EIF_HEADER);
}

void
eif_section_header_write(
    enum eif_type t, uint64_t size, uint8_t ret[static EIF_SECTION_HEADER])
{
    struct writer w = writer_of(ret, EIF_SECTION_HEADER);

    put_be16(&w, (uint16_t)t);
    put_be16(&w, 0);
    put_be64(&w, size);
}

uint32_t
eif_crc(const struct eif_plan *p, uint32_t body_crc, uint64_t body_len)
{
    uint8_t head[EIF_HEADER];

    eif_header_write(p, 0, head);
    uLong crc = crc32_z(0, head, CRC_COVERS);
    return (uint32_t)crc32_combine(crc, body_crc, (z_off_t)body_len);
}
