/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/shared/event_log.h"

#include "crypto/crypto.h"

enum {
    HEADER_SHA1 = 20,
    HEADER_FIXED = 8 + HEADER_SHA1 + 4, /* index, type, digest, size */
    SIGNATURE = 16,
    SPEC_MAJOR = 2,
};
static const char signature[SIGNATURE] = "Spec ID Event03"; /* with its NUL */

/* ---- algorithms ---- */

static const struct {
    uint16_t id, size;
    const char *name;
} algs[] = {
    { EVENT_SHA1, 20, "sha1" },
    { EVENT_SHA256, 32, "sha256" },
    { EVENT_SHA384, 48, "sha384" },
    { EVENT_SHA512, 64, "sha512" },
    { EVENT_SM3, 32, "sm3" },
};

const char *
event_alg_name(uint16_t id)
{
    for (size_t i = 0; i < COUNT(algs); i++)
        if (algs[i].id == id)
            return algs[i].name;
    return NULL;
}

/* Algorithms that are not known have the size that the log says. */
static enum selfsame_code
check_alg(const struct event_log *log, struct event_alg a, struct selfsame_err *e)
{
    if (a.size == 0 || a.size > EVENT_DIGEST_MAX)
        FAIL(e, SELFSAME_MALFORMED,
            "event log: algorithm 0x%x: expected digests of 1 to %d bytes, got %u",
            a.id, (int)EVENT_DIGEST_MAX, a.size);
    for (size_t i = 0; i < COUNT(algs); i++)
        if (algs[i].id == a.id && algs[i].size != a.size)
            FAIL(e, SELFSAME_MALFORMED,
                "event log: %s: expected digests of %u bytes, got %u", algs[i].name,
                algs[i].size, a.size);
    for (size_t i = 0; i < log->alg_count; i++)
        if (log->alg[i].id == a.id)
            FAIL(e, SELFSAME_MALFORMED, "event log: algorithm 0x%x is there twice",
                a.id);
    return SELFSAME_OK;
}

static const struct event_alg *
alg_find(const struct event_log *log, uint16_t id)
{
    for (size_t i = 0; i < log->alg_count; i++)
        if (log->alg[i].id == id)
            return &log->alg[i];
    return NULL;
}

/* ---- the header: TCG PFP §10.4.5.1, in the layout of TCG 1.2 events ---- */

bool
event_log_recognise(struct selfsame_bytes in)
{
    struct reader r = reader_of(in);

    (void)get_le32(&r);
    const uint32_t type = get_le32(&r);
    (void)get_bytes(&r, HEADER_SHA1 + 4);
    struct selfsame_bytes start = get_bytes(&r, SIGNATURE);
    return !r.bad && type == EV_NO_ACTION &&
           bytes_eq(start, BYTES((const uint8_t *)signature, SIGNATURE));
}

static enum selfsame_code
parse_algs(struct reader *r, struct event_log *log, struct selfsame_err *e)
{
    const uint32_t count = get_le32(r);

    if (count == 0 || count > EVENT_ALGS_MAX)
        FAIL(e, SELFSAME_MALFORMED, "event log: expected 1 to %d algorithms, got %u",
            (int)EVENT_ALGS_MAX, count);
    for (uint32_t i = 0; i < count && !r->bad; i++) {
        struct event_alg a = { .id = get_le16(r) };

        a.size = get_le16(r);
        if (r->bad)
            break;
        TRY(check_alg(log, a, e));
        log->alg[log->alg_count++] = a;
    }
    return SELFSAME_OK;
}

static enum selfsame_code
parse_spec_id(struct selfsame_bytes data, struct event_log *log, struct selfsame_err *e)
{
    struct reader r = reader_of(data);

    (void)get_bytes(&r, SIGNATURE + 4); /* platform class: 0 client, 1 server */
    (void)get_u8(&r);                   /* minor */
    const uint8_t major = get_u8(&r);
    (void)get_u8(&r); /* errata */
    const uint8_t uintn = get_u8(&r);
    if (!r.bad && major != SPEC_MAJOR)
        FAIL(e, SELFSAME_UNSUPPORTED, "event log: expected version 2, got %u", major);
    if (!r.bad && uintn != 1 && uintn != 2)
        FAIL(e, SELFSAME_MALFORMED,
            "event log: expected integers of 1 or 2 words, got %u", uintn);
    TRY(parse_algs(&r, log, e));
    log->vendor = get_bytes(&r, get_u8(&r));
    if (!reader_done(&r))
        FAIL(e, SELFSAME_MALFORMED,
            "event log: the header's algorithms and vendor do not fill its %zu bytes",
            data.len);
    return SELFSAME_OK;
}

static enum selfsame_code
parse_header(struct reader *r, struct event_log *log, struct selfsame_err *e)
{
    if (r->rest.len > EVENT_LOG_MAX)
        FAIL(e, SELFSAME_MALFORMED, "event log: expected at most %d bytes, got %zu",
            (int)EVENT_LOG_MAX, r->rest.len);
    if (!event_log_recognise(r->rest))
        FAIL(e, SELFSAME_UNSUPPORTED,
            "event log: expected \"%s\" in its first event, got another", signature);
    (void)get_bytes(r, 8);
    get_zeros(r, HEADER_SHA1); /* it extends nothing */
    struct selfsame_bytes data = get_bytes(r, get_le32(r));
    if (r->bad)
        FAIL(e, SELFSAME_MALFORMED,
            "event log: expected a header with a digest of zeros, whole");
    return parse_spec_id(data, log, e);
}

/* ---- events: TCG_PCR_EVENT2 ---- */

/* Each algorithm of the header once. */
static bool
digests_whole(const struct event_log *log, struct reader *r)
{
    bool seen[EVENT_ALGS_MAX] = { false };

    for (size_t i = 0; i < log->alg_count; i++) {
        const struct event_alg *a = alg_find(log, get_le16(r));

        if (r->bad || a == NULL || seen[a - log->alg])
            return false;
        seen[a - log->alg] = true;
        (void)get_bytes(r, a->size);
    }
    return !r->bad;
}

static bool
read_event(const struct event_log *log, struct reader *r, struct event *ret)
{
    *ret = (struct event){ .index = get_le32(r) };
    ret->type = get_le32(r);
    if (get_le32(r) != log->alg_count)
        return false;
    ret->digests = r->rest;
    if (!digests_whole(log, r))
        return false;
    ret->digests.len -= r->rest.len;
    ret->data = get_bytes(r, get_le32(r));
    return !r->bad;
}

static bool
all_are(struct selfsame_bytes b, uint8_t value)
{
    for (size_t i = 0; i < b.len; i++)
        if (b.ptr[i] != value)
            return false;
    return true;
}

/*
 * Behind the last event firmware leaves the area as it was: 0xFF or zeros. No event
 * begins so: none has that index, or no digests.
 */
static bool
padding_begins(struct selfsame_bytes rest)
{
    const size_t head = 12;

    if (rest.len > head)
        rest.len = head;
    return all_are(rest, 0) || all_are(rest.len > 4 ? BYTES(rest.ptr, 4) : rest, 0xff);
}

static enum selfsame_code
check_padding(struct selfsame_bytes rest, size_t at, struct selfsame_err *e)
{
    if (all_are(rest, rest.ptr[0]))
        return SELFSAME_OK;
    FAIL(e, SELFSAME_MALFORMED,
        "event log: expected nothing but padding from byte %zu on, got more", at);
}

enum selfsame_code
event_log_parse(struct selfsame_bytes in, struct event_log *ret, struct selfsame_err *e)
{
    struct reader r = reader_of(in);
    struct event_log log = { 0 };
    struct event event;

    TRY(parse_header(&r, &log, e));
    log.events = r.rest;
    while (r.rest.len > 0 && !padding_begins(r.rest)) {
        const size_t at = in.len - r.rest.len;

        if (log.count == EVENT_COUNT_MAX)
            FAIL(e, SELFSAME_MALFORMED, "event log: expected at most %d events",
                (int)EVENT_COUNT_MAX);
        if (!read_event(&log, &r, &event))
            FAIL(e, SELFSAME_MALFORMED,
                "event log: event %zu at byte %zu: expected a whole event with each "
                "algorithm of the header once, got another",
                log.count, at);
        log.count++;
    }
    if (r.rest.len > 0)
        TRY(check_padding(r.rest, in.len - r.rest.len, e));
    log.padding = r.rest.len;
    log.events.len -= log.padding;
    *ret = log;
    return SELFSAME_OK;
}

bool
event_next(const struct event_log *log, struct selfsame_bytes *rest, struct event *ret)
{
    struct reader r = reader_of(*rest);
    struct event event;

    if (rest->len == 0 || !read_event(log, &r, &event))
        return false;
    *rest = r.rest;
    *ret = event;
    return true;
}

struct selfsame_bytes
event_digest(const struct event_log *log, const struct event *event, uint16_t alg)
{
    struct reader r = reader_of(event->digests);

    for (size_t i = 0; i < log->alg_count; i++) {
        const struct event_alg *a = alg_find(log, get_le16(&r));
        struct selfsame_bytes digest = get_bytes(&r, a != NULL ? a->size : 0);

        if (a != NULL && a->id == alg)
            return digest;
    }
    return BYTES_NONE;
}

/* ---- registers of confidential computing: TDX virtual firmware design guide §8 ---- */

const char *
cc_register_name(uint32_t index)
{
    static const char *const names[CC_REGISTERS] = { "MRTD", "RTMR0", "RTMR1", "RTMR2",
        "RTMR3" };

    return index < CC_REGISTERS ? names[index] : NULL;
}

bool
event_extends(const struct event *event)
{
    return event->type != EV_NO_ACTION;
}

static enum selfsame_code
check_index(const struct event *event, size_t at, struct selfsame_err *e)
{
    if (event->index >= CC_REGISTERS)
        FAIL(e, SELFSAME_MALFORMED,
            "event log: event %zu: expected register 1 to 4 (RTMR0 to RTMR3), got %u",
            at, event->index);
    if (event->index == 0 && event_extends(event))
        FAIL(e, SELFSAME_MALFORMED,
            "event log: event %zu: expected register 1 to 4 (RTMR0 to RTMR3), got 0 "
            "(MRTD), which nothing extends",
            at);
    return SELFSAME_OK;
}

enum selfsame_code
cc_replay(const struct event_log *log, struct cc_replay *ret, struct selfsame_err *e)
{
    struct selfsame_bytes rest = log->events;
    struct cc_replay x = { 0 };
    uint8_t next[HASH_MAX];
    struct event event;

    if (alg_find(log, EVENT_SHA384) == NULL)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "event log: expected digests of SHA-384, which extend RTMRs, got none");
    for (size_t i = 0; event_next(log, &rest, &event); i++) {
        TRY(check_index(&event, i, e));
        if (!event_extends(&event))
            continue;
        uint8_t *value = x.value[event.index];
        const struct selfsame_bytes part[] = { BYTES(value, CC_DIGEST),
            event_digest(log, &event, EVENT_SHA384) };
        if (!hash_parts(HASH_SHA384, part, COUNT(part), next))
            FAIL(e, SELFSAME_NOMEM, "out of memory");
        memcpy(value, next, CC_DIGEST);
        x.count[event.index]++;
    }
    *ret = x;
    return SELFSAME_OK;
}

/* ---- the ACPI table: ACPI 6.5 §5.2.34 ---- */

enum { CCEL_SIZE = 56, ACPI_HEADER = 36 };

bool
ccel_table_recognise(struct selfsame_bytes in)
{
    return in.len >= ACPI_HEADER && bytes_has_prefix(in, BYTES_LIT("CCEL"));
}

enum selfsame_code
ccel_table_parse(
    struct selfsame_bytes in, struct ccel_table *ret, struct selfsame_err *e)
{
    struct reader r = reader_of(in);
    struct ccel_table t;
    uint8_t sum = 0;

    if (!ccel_table_recognise(in) || in.len < CCEL_SIZE)
        FAIL(e, SELFSAME_MALFORMED,
            "CCEL table: expected its signature and %d bytes, got %zu", (int)CCEL_SIZE,
            in.len);
    (void)get_bytes(&r, 4);
    const uint32_t size = get_le32(&r);
    if (size != in.len)
        FAIL(e, SELFSAME_MALFORMED, "CCEL table: it says %u bytes and has %zu", size,
            in.len);
    for (size_t i = 0; i < in.len; i++)
        sum = (uint8_t)(sum + in.ptr[i]);
    if (sum != 0)
        FAIL(e, SELFSAME_MALFORMED, "CCEL table: its checksum is wrong");
    (void)get_bytes(&r, ACPI_HEADER - 8);
    t.type = get_u8(&r);
    t.subtype = get_u8(&r);
    get_zeros(&r, 2);
    t.log_size = get_le64(&r);
    t.log_address = get_le64(&r);
    if (r.bad)
        FAIL(e, SELFSAME_MALFORMED,
            "CCEL table: expected zeros where it is reserved, got others");
    *ret = t;
    return SELFSAME_OK;
}
