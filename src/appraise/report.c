/* SPDX-License-Identifier: Apache-2.0 */
#include "appraise/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

void
put_str(struct writer *w, const char *s)
{
    put_bytes(w, bytes_str(s));
}

static const char *
entity(uint8_t c)
{
    switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\'': return "&#39;";
    default: return NULL;
    }
}

static void
put_checked(struct writer *w, struct selfsame_bytes b, bool html)
{
    while (b.len > 0) {
        bool plain;
        const size_t n = text_char(b, &plain);

        if (!plain)
            put_u8(w, '?');
        else if (html && entity(b.ptr[0]) != NULL)
            put_str(w, entity(b.ptr[0]));
        else
            put_bytes(w, BYTES(b.ptr, n));
        b = BYTES(b.ptr + n, b.len - n);
    }
}

void
put_safe(struct writer *w, struct selfsame_bytes b)
{
    put_checked(w, b, false);
}

void
put_safe_str(struct writer *w, const char *s)
{
    if (s != NULL)
        put_checked(w, bytes_str(s), false);
}

void
put_escaped(struct writer *w, struct selfsame_bytes b)
{
    put_checked(w, b, true);
}

void
put_escaped_str(struct writer *w, const char *s)
{
    if (s != NULL)
        put_checked(w, bytes_str(s), true);
}

static void
put_hex(struct writer *w, struct selfsame_bytes b)
{
    char two[3];

    for (size_t i = 0; i < b.len; i++) {
        hex_encode(BYTES(b.ptr + i, 1), two);
        put_str(w, two);
    }
}

void
put_claim(struct writer *w, const struct claim *c, bool html)
{
    char number[24];

    switch (c->kind) {
    case CLAIM_TEXT: put_checked(w, c->bytes, html); return;
    case CLAIM_BYTES:
        if (c->bytes.len == 0)
            put_str(w, "(empty)");
        put_hex(w, c->bytes);
        return;
    case CLAIM_UINT:
        (void)snprintf(number, sizeof(number), "%" PRIu64, c->number);
        put_str(w, number);
        return;
    case CLAIM_BOOL: put_str(w, c->number != 0 ? "true" : "false"); return;
    case CLAIM_NULL: break;
    }
    put_str(w, "absent");
}

static bool
inside_character(struct selfsame_bytes b, size_t i)
{
    return i < b.len && (b.ptr[i] & 0xc0) == 0x80;
}

struct report_common
report_common(struct selfsame_bytes a, struct selfsame_bytes b)
{
    const size_t most = a.len < b.len ? a.len : b.len;
    struct report_common c = { 0, 0 };

    while (c.head < most && a.ptr[c.head] == b.ptr[c.head])
        c.head++;
    while (c.head > 0 && (inside_character(a, c.head) || inside_character(b, c.head)))
        c.head--;
    while (c.tail < most - c.head &&
           a.ptr[a.len - 1 - c.tail] == b.ptr[b.len - 1 - c.tail])
        c.tail++;
    while (c.tail > 0 && inside_character(a, a.len - c.tail))
        c.tail--;
    return c;
}

const char *
report_certificate_role(const struct selfsame_claims *c, size_t i)
{
    return i == 0 ? "root" : i + 1 < c->chain_count ? "intermediate" : "leaf";
}

enum selfsame_code
report_render(void (*draw)(struct writer *w, const void *ctx), const void *ctx,
    char **ret, struct selfsame_err *e)
{
    struct writer w = writer_of(NULL, 0);

    draw(&w, ctx);
    const size_t need = w.need;
    char *text = need < SIZE_MAX ? malloc(need + 1) : NULL;
    if (text == NULL)
        FAIL(e, SELFSAME_NOMEM, "no room for the report");
    w = writer_of((uint8_t *)text, need);
    draw(&w, ctx);
    if (w.bad || w.len != need) {
        free(text);
        FAIL(e, SELFSAME_INTERNAL, "report: expected %zu bytes, got %zu", need, w.need);
    }
    text[need] = '\0';
    *ret = text;
    return SELFSAME_OK;
}

/* ---- warnings ---- */

static const struct {
    unsigned bit;
    const char *text;
} weakened[] = {
    { INSECURE_ANY_MEASUREMENT,
        "insecure any-measurement: this may be any code at all" },
    { INSECURE_ANY_AGE, "insecure any-age: this may be a replay of old evidence" },
    { INSECURE_UNBOUND,
        "insecure unbound: the evidence may belong to another channel" },
    { INSECURE_DEBUG, "insecure debug: the operator may read and change it all" },
    { INSECURE_NO_REVOCATION, "insecure no-revocation: revoked keys are accepted" },
    { INSECURE_SIMULATED, "insecure simulated: no hardware need stand behind this" },
    { INSECURE_ANY_TCB, "insecure any-tcb: vulnerable firmware is accepted" },
};

static const char *
warning_text(const struct verdict *v, size_t i)
{
    for (size_t k = 0; k < COUNT(weakened); k++)
        if ((v->insecure & weakened[k].bit) && i-- == 0)
            return weakened[k].text;
    if (v->claims.simulated && i-- == 0)
        return "simulated: made by the simulator, whose key is public; no hardware "
               "vouches for it";
    if (v->claims.any_anchor && i-- == 0)
        return "trust anchor: given by the caller instead of the vendor's pinned root";
    if (v->as_of && i == 0)
        return "as of another time: this says nothing about now";
    return NULL;
}

size_t
report_warning_count(const struct verdict *v)
{
    size_t n = 0;

    while (warning_text(v, n) != NULL)
        n++;
    return n;
}

void
report_warning(struct writer *w, const struct verdict *v, size_t i)
{
    const char *text = warning_text(v, i);

    if (text != NULL)
        put_str(w, text);
}

bool
report_then(const struct verdict *v, enum check_name name, char ret[static TIME_TEXT])
{
    if (name != CHECK_FRESHNESS || !v->as_of ||
        v->checks.at[name].outcome != CHECK_PASS)
        return false;
    time_format(v->at_ms / 1000, ret);
    return true;
}

const char *
report_headline(const struct verdict *v)
{
    if (!v->accepted)
        return "REFUSED";
    return strcmp(verdict_status(v), "affirming") == 0 ? "ACCEPTED"
                                                       : "ACCEPTED WITH WARNINGS";
}
