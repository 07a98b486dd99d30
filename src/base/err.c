/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const struct {
    enum selfsame_code code;
    const char *name, *remedy;
} classes[] = {
    { SELFSAME_OK, "ok", "Nothing to do." },
    { SELFSAME_USAGE, "usage",
        "Correct the option or the member named above; --help lists them." },
    { SELFSAME_IO, "io",
        "Check that the file, device or address exists and may be used." },
    { SELFSAME_NOMEM, "nomem", "Free memory, or give a smaller input." },
    { SELFSAME_MALFORMED, "malformed",
        "Fetch the data again; if it stays so, its producer writes another format." },
    { SELFSAME_UNSUPPORTED, "unsupported",
        "Use a version or algorithm this release supports, or a newer release." },
    { SELFSAME_BAD_CHAIN, "bad-chain",
        "Do not trust this evidence: fetch fresh evidence and check clock and trust "
        "anchors." },
    { SELFSAME_REVOKED, "revoked",
        "Do not trust this evidence: refresh the revocation data, or move to another "
        "release." },
    { SELFSAME_BAD_SIGNATURE, "bad-signature",
        "Do not trust this evidence: it was altered or never signed by the hardware." },
    { SELFSAME_STALE, "stale",
        "Ask again with a new nonce; check the clock of this machine." },
    { SELFSAME_UNBOUND, "unbound",
        "Do not send anything: the evidence belongs to another key, channel or "
        "request." },
    { SELFSAME_DEBUG, "debug",
        "Ask the operator to start the enclave without debug mode." },
    { SELFSAME_TCB, "tcb", "Ask the operator to update the platform's firmware." },
    { SELFSAME_MISMATCH, "mismatch",
        "The service runs other code than you expect: compare releases, or rebuild the "
        "source." },
    { SELFSAME_LOG, "log",
        "Get the release's proof again, from the log or its author." },
    { SELFSAME_DENIED, "denied",
        "The policy forbids this; change the service or the policy." },
    { SELFSAME_INTERNAL, "internal",
        "This is a defect in selfsame: please report it." },
};

const char *
selfsame_code_name(enum selfsame_code code)
{
    for (size_t i = 0; i < COUNT(classes); i++)
        if (classes[i].code == code)
            return classes[i].name;
    return "unknown";
}

const char *
selfsame_code_remedy(enum selfsame_code code)
{
    for (size_t i = 0; i < COUNT(classes); i++)
        if (classes[i].code == code)
            return classes[i].remedy;
    return "";
}

SELFSAME_PRINTF(4, 0)
static void
push(struct selfsame_err *e, const char *file, int line, const char *fmt, va_list ap)
{
    unsigned i = e->depth < SELFSAME_ERR_FRAMES ? e->depth++ : SELFSAME_ERR_FRAMES - 1;
    char all[SELFSAME_ERR_TEXT +
             4]; /* one character more than fits, to see where it ends */

    e->frame[i].file = file;
    e->frame[i].line = line;
    (void)vsnprintf(all, sizeof(all), fmt, ap);
    all[text_cut(bytes_str(all), SELFSAME_ERR_TEXT - 1)] = '\0';
    text_clean(all);
    memcpy(e->frame[i].text, all, strlen(all) + 1);
}

enum selfsame_code
err_set(struct selfsame_err *e, enum selfsame_code code, const char *file, int line,
    const char *fmt, ...)
{
    va_list ap;

    e->code = code;
    e->depth = 0;
    e->remedy = NULL;
    va_start(ap, fmt);
    push(e, file, line, fmt, ap);
    va_end(ap);
    return code;
}

enum selfsame_code
err_wrap(struct selfsame_err *e, enum selfsame_code code, const char *file, int line,
    const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    push(e, file, line, fmt, ap);
    va_end(ap);
    return code;
}

void
err_remedy(struct selfsame_err *e, const char *remedy)
{
    e->remedy = remedy;
}

const char *
err_text(const struct selfsame_err *e)
{
    return e->depth > 0 ? e->frame[0].text : "";
}

size_t
selfsame_err_print(const struct selfsame_err *e, char *buf, size_t cap)
{
    size_t n = 0;

    if (cap == 0)
        return 0;
    buf[0] = '\0';
    for (unsigned i = e->depth; i-- > 0 && n < cap;)
        n += (size_t)snprintf(
            buf + n, cap - n, "%s%s", e->frame[i].text, i ? ": " : "");
    if (n < cap)
        n += (size_t)snprintf(buf + n, cap - n, " [%s]", selfsame_code_name(e->code));
    return n < cap ? n : cap - 1;
}

void
selfsame_free(void *ptr)
{
    free(ptr);
}
