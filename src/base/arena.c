/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct arena_block {
    struct arena_block *next;
    uint8_t pad[8];
    uint8_t data[]; /* 16-aligned: malloc gives 16, the head is 16 */
};

enum { BLOCK = 16 * 1024, ALIGN = 16 };

struct arena
arena_new(size_t limit)
{
    return (struct arena){ .limit = limit };
}

void
arena_free(struct arena *a)
{
    for (struct arena_block *b = a->blocks, *next; b != NULL; b = next) {
        next = b->next;
        free(b);
    }
    *a = (struct arena){ 0 };
}

static bool
grow(struct arena *a, size_t size)
{
    size_t want = size > BLOCK ? size : BLOCK;
    struct arena_block *b = malloc(sizeof(*b) + want);

    if (b == NULL)
        return false;
    b->next = a->blocks;
    a->blocks = b;
    a->beg = b->data;
    a->end = b->data + want;
    return true;
}

void *
arena_alloc(struct arena *a, size_t size, size_t count)
{
    if (a->fail_at > 0 && --a->fail_at == 0)
        return NULL;
    if (size != 0 && count > (SIZE_MAX - ALIGN) / size) {
        a->full = true;
        return NULL;
    }
    size_t bytes = size * count;
    size_t take = (bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (take == 0)
        take = ALIGN;
    if (take > a->limit) {
        a->full = true;
        return NULL;
    }
    if (take > (size_t)(a->end - a->beg) && !grow(a, take))
        return NULL;
    void *p = a->beg;
    a->beg += take;
    a->limit -= take;
    return memset(p, 0, take);
}

bool
arena_dup(struct arena *a, struct selfsame_bytes in, struct selfsame_bytes *ret)
{
    uint8_t *p = arena_alloc(a, 1, in.len);

    if (p == NULL)
        return false;
    if (in.len > 0)
        memcpy(p, in.ptr, in.len);
    *ret = BYTES(p, in.len);
    return true;
}

char *
arena_str(struct arena *a, struct selfsame_bytes in)
{
    char *p = in.len < SIZE_MAX ? arena_alloc(a, 1, in.len + 1) : NULL;

    if (p != NULL && in.len > 0)
        memcpy(p, in.ptr, in.len);
    return p;
}

char *
arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *p = n < 0 ? NULL : arena_alloc(a, 1, (size_t)n + 1);
    if (p == NULL)
        return NULL;
    va_start(ap, fmt);
    (void)vsnprintf(p, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return p;
}
