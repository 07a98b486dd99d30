/* SPDX-License-Identifier: Apache-2.0 */
/* Images that may be larger than memory: read piece by piece from their file. */
#include "cli/show_image.h"

#include "image/eif.h"
#include "image/sgxs.h"
#include "os/os.h"
#include "show/show.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SMALL_SECTION = 64 * 1024 };

static enum selfsame_code
put_number(json_t *into, const char *name, uint64_t n, struct selfsame_err *e)
{
    return show_put(into, name, json_integer((json_int_t)n), e);
}

/* The text of a small section, for the command line and the metadata. */
static enum selfsame_code
put_section_text(int fd, uint64_t offset, uint64_t size, struct arena *arena,
    json_t *into, struct selfsame_err *e)
{
    uint8_t *buf = size <= SMALL_SECTION ? arena_alloc(arena, 1, size + 1) : NULL;

    if (buf == NULL)
        return SELFSAME_OK;
    TRY(fd_pread_all(fd, offset, buf, size, "the image", e));
    return show_put(into, "text", show_text(BYTES(buf, size), arena), e);
}

enum selfsame_code
show_eif(int fd, struct arena *arena, json_t *into, struct selfsame_err *e)
{
    uint8_t head[EIF_HEADER], section[EIF_SECTION_HEADER];
    struct eif_header h;
    struct stat st;

    if (fstat(fd, &st) != 0 || st.st_size < EIF_HEADER)
        FAIL(e, SELFSAME_MALFORMED, "an EIF has at least %d bytes, got %lld",
            EIF_HEADER, (long long)st.st_size);
    TRY(fd_pread_all(fd, 0, head, sizeof(head), "the image", e));
    TRY(eif_header_parse(BYTES_ARR(head), (uint64_t)st.st_size, &h, e));
    TRY(show_put(into, "kind", json_string("enclave image (EIF)"), e));
    TRY(show_put(into, "version", json_integer(h.version), e));
    TRY(show_put(
        into, "architecture", json_string(h.flags & 1 ? "aarch64" : "x86_64"), e));
    TRY(show_put(into, "crc32", json_sprintf("%08x", h.crc), e));
    json_t *list = json_array();
    TRY(show_put(into, "sections", list, e));
    for (unsigned i = 0; i < h.count; i++) {
        TRY(fd_pread_all(fd, h.offset[i], section, sizeof(section), "the image", e));
        enum eif_type type = (enum eif_type)(section[0] << 8 | section[1]);
        json_t *one = json_object();

        if (json_array_append_new(list, one) != 0)
            FAIL(e, SELFSAME_NOMEM, "the output");
        TRY(show_put(one, "type", json_string(eif_type_word(type)), e));
        TRY(show_put(one, "offset", json_integer((json_int_t)h.offset[i]), e));
        TRY(show_put(one, "size", json_integer((json_int_t)h.size[i]), e));
        if (type == EIF_CMDLINE || type == EIF_METADATA)
            TRY(put_section_text(
                fd, h.offset[i] + EIF_SECTION_HEADER, h.size[i], arena, one, e));
    }
    return SELFSAME_OK;
}

static void
buffer_free(uint8_t **p)
{
    free(*p);
}

static void
reader_cleanup(struct sgxs_reader *r)
{
    sgxs_reader_free(r);
}

enum selfsame_code
show_sgxs(int fd, json_t *into, struct selfsame_err *e)
{
    enum { PIECE = 1 << 18 };
    __attribute__((cleanup(buffer_free))) uint8_t *buf = malloc(PIECE);
    __attribute__((cleanup(reader_cleanup))) struct sgxs_reader r = { .fill = 0 };
    struct sgxs_info info;
    uint8_t mrenclave[32];
    char hex[65];
    ssize_t n;

    if (buf == NULL)
        FAIL(e, SELFSAME_NOMEM, "a buffer");
    TRY(sgxs_reader_init(&r, e));
    while ((n = read(fd, buf, PIECE)) != 0) {
        if (n < 0 && errno != EINTR)
            FAIL(e, SELFSAME_IO, "cannot read an enclave: %s", strerror(errno));
        if (n > 0)
            TRY(sgxs_reader_push(&r, BYTES(buf, (size_t)n), e));
    }
    TRY(sgxs_reader_end(&r, mrenclave, &info, e));
    hex_encode(BYTES_ARR(mrenclave), hex);
    TRY(show_put(into, "kind", json_string("SGXS enclave"), e));
    TRY(show_put(into, "mrenclave", json_string(hex), e));
    TRY(put_number(into, "enclave_size", info.size, e));
    TRY(put_number(into, "ssa_frame_pages", info.ssa_frame_pages, e));
    TRY(put_number(into, "pages", info.pages, e));
    TRY(put_number(into, "threads", info.threads, e));
    TRY(put_number(into, "measured_bytes", info.chunks * SGX_CHUNK, e));
    return put_number(into, "unmeasured_bytes", info.unmeasured * SGX_CHUNK, e);
}
