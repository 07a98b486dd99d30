/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"
#include "tee/tdx/measure.h"

const char *const tdx_pages_names[2] = { "one-pass", "two-pass" };
const char *const tdx_kernel_names[2] = { "whole", "patched" };
const char *const tdx_separator_names[2] = { "rtmr0", "rtmr1" };

enum { MIB_LEAST = 64, MIB_MOST = 1 << 26, USUAL_MIB = 2048 };

static enum selfsame_code
bad_list(
    const char *name, const char *value, const char *expected, struct selfsame_err *e)
{
    FAIL(e, SELFSAME_USAGE, "%s: expected %s, got \"%.40s\"", name, expected, value);
}

/* The next of "a,b,c"; false when there is none. A comma is followed by another. */
static bool
next_item(struct selfsame_bytes *list, struct selfsame_bytes *ret)
{
    size_t n = 0;

    while (n < list->len && list->ptr[n] != ',')
        n++;
    *ret = BYTES(list->ptr, n);
    if (n == 0 || n + 1 == list->len)
        return false;
    n += n < list->len;
    *list = BYTES(list->ptr + n, list->len - n);
    return true;
}

static enum selfsame_code
set_memory(struct tdx_group *g, const char *value, struct selfsame_err *e)
{
    static const char expected[] = "MiB from 64 on, as in 2048 or 2048,4096";
    struct selfsame_bytes rest = bytes_str(value), item;

    g->memory_count = 0;
    while (rest.len > 0) {
        uint64_t mib;

        if (g->memory_count == TDX_MEMORIES)
            return bad_list("memory_mib", value, "at most 64 numbers", e);
        if (!next_item(&rest, &item) ||
            !uint_parse((const char *)item.ptr, item.len, MIB_MOST, &mib) ||
            mib < MIB_LEAST)
            return bad_list("memory_mib", value, expected, e);
        g->memory[g->memory_count++] = mib;
    }
    return g->memory_count > 0 ? SELFSAME_OK
                               : bad_list("memory_mib", value, expected, e);
}

/* One of two words, or both. */
static enum selfsame_code
set_words(bool chosen[static 2], const char *const names[static 2], const char *name,
    const char *value, struct selfsame_err *e)
{
    struct selfsame_bytes rest = bytes_str(value), item;

    chosen[0] = chosen[1] = false;
    while (rest.len > 0) {
        bool known = next_item(&rest, &item) &&
                     (bytes_eq(item, bytes_str(names[0])) ||
                         bytes_eq(item, bytes_str(names[1])));

        if (!known)
            FAIL(e, SELFSAME_USAGE, "%s: expected %s, %s or both, got \"%.40s\"", name,
                names[0], names[1], value);
        chosen[bytes_eq(item, bytes_str(names[1]))] = true;
    }
    return chosen[0] || chosen[1] ? SELFSAME_OK : bad_list(name, value, "a word", e);
}

enum selfsame_code
tdx_group_set(
    struct tdx_group *g, const char *name, const char *value, struct selfsame_err *e)
{
    if (strcmp(name, "vmm") == 0)
        return strcmp(value, "qemu") == 0 ? SELFSAME_OK
                                          : bad_list(name, value, "qemu", e);
    if (strcmp(name, "memory_mib") == 0)
        return set_memory(g, value, e);
    if (strcmp(name, "pages") == 0)
        return set_words(g->pages, tdx_pages_names, name, value, e);
    if (strcmp(name, "kernel_as") == 0)
        return set_words(g->kernel, tdx_kernel_names, name, value, e);
    if (strcmp(name, "separator") == 0)
        return set_words(g->separator, tdx_separator_names, name, value, e);
    FAIL(e, SELFSAME_USAGE,
        "option \"%.24s\": expected vmm, memory_mib, pages, kernel_as or separator",
        name);
}

/* Nothing said: either may be. */
static bool
chosen(const bool of[static 2], int which)
{
    return of[which] || !(of[0] || of[1]);
}

enum selfsame_code
tdx_group_expand(const struct tdx_group *g, struct tdx_shape *list, size_t *count,
    struct selfsame_err *e)
{
    const size_t memories = g->memory_count > 0 ? g->memory_count : 1;

    if (memories * 8 > TDX_SHAPES_MAX - *count)
        FAIL(e, SELFSAME_USAGE, "shapes: expected at most %d, got more",
            (int)TDX_SHAPES_MAX);
    for (size_t m = 0; m < memories; m++)
        for (int i = 0; i < 8; i++) {
            const int pages = i >> 2, kernel = i >> 1 & 1, separator = i & 1;

            if (!chosen(g->pages, pages) || !chosen(g->kernel, kernel) ||
                !chosen(g->separator, separator))
                continue;
            list[(*count)++] = (struct tdx_shape){
                .memory_mib = g->memory_count > 0 ? g->memory[m] : USUAL_MIB,
                .pages = (enum tdx_pages)pages,
                .kernel = (enum tdx_kernel)kernel,
                .separator = (enum tdx_separator)separator,
            };
        }
    return SELFSAME_OK;
}
