/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/der.h"

enum { CLASS = 0xc0, CONSTRUCTED = 0x20, NUMBER = 0x1f };

struct der
der_of(struct selfsame_bytes in)
{
    return (struct der){ .r = reader_of(in) };
}

void
der_fail(struct der *d, const char *why)
{
    if (d->why == NULL)
        d->why = why;
    d->r.bad = true;
}

static const char *
read_length(struct reader *r, size_t *ret)
{
    uint8_t first = get_u8(r);

    *ret = first;
    if (r->bad || first < 0x80)
        return NULL;
    if (first == 0x80)
        return "an indefinite length";
    if (first > 0x84)
        return "a length of more than 4 bytes";
    struct selfsame_bytes more = get_bytes(r, first & 0x7f);
    *ret = 0;
    for (size_t i = 0; i < more.len; i++)
        *ret = *ret << 8 | more.ptr[i];
    if (r->bad)
        return NULL;
    return more.ptr[0] == 0 || *ret < 0x80 ? "a length is not in its shortest form"
                                           : NULL;
}

/* DER has one form per universal type (X.690 §10.2, §8.9.1, §8.11.1). */
static const char *
check_tag(uint8_t tag)
{
    if ((tag & NUMBER) == NUMBER)
        return "a tag of more than one byte";
    if ((tag & CLASS) != 0)
        return NULL;
    if (tag == 0)
        return "an end-of-contents mark";
    bool container = (tag | CONSTRUCTED) == DER_SEQUENCE ||
                     (tag | CONSTRUCTED) == DER_SET;
    if (container != ((tag & CONSTRUCTED) != 0))
        return "a string in pieces, or a primitive SEQUENCE or SET";
    return NULL;
}

/* Reads what is next whole; on any error latches and stays before it. */
static struct selfsame_bytes
take(struct der *d, uint8_t *ret_tag)
{
    const struct selfsame_bytes in = d->r.rest;
    struct reader r = d->r;
    size_t len = 0;

    /* Nearly all there is: short, and all of it there. The rest of this says the same. */
    if (!r.bad && in.len >= 2 && in.ptr[1] < 0x80 && in.ptr[1] <= in.len - 2 &&
        check_tag(in.ptr[0]) == NULL) {
        *ret_tag = in.ptr[0];
        len = in.ptr[1];
        d->r.rest = BYTES(in.ptr + 2 + len, in.len - 2 - len);
        return BYTES(in.ptr + 2, len);
    }
    uint8_t tag = get_u8(&r);
    const char *why = r.bad ? NULL : check_tag(tag);

    if (why == NULL)
        why = read_length(&r, &len);
    struct selfsame_bytes content = get_bytes(&r, len);
    if (why != NULL || r.bad) {
        der_fail(d, why != NULL ? why : "input ends inside an element");
        return BYTES_NONE;
    }
    *ret_tag = tag;
    d->r = r;
    return content;
}

bool
der_is(const struct der *d, unsigned tag)
{
    return !d->r.bad && d->r.rest.len > 0 && d->r.rest.ptr[0] == tag;
}

struct selfsame_bytes
der_get_any(struct der *d, unsigned *ret_tag)
{
    uint8_t tag = 0;
    struct selfsame_bytes content = take(d, &tag);

    *ret_tag = tag;
    return content;
}

struct selfsame_bytes
der_get(struct der *d, unsigned tag)
{
    uint8_t got;

    if (!d->r.bad && !der_is(d, tag))
        der_fail(d, d->r.rest.len == 0 ? "input ends where an element is expected"
                                       : "an element of another type is expected");
    return take(d, &got);
}

struct selfsame_bytes
der_get_element(struct der *d)
{
    const uint8_t *start = d->r.rest.ptr;
    uint8_t tag;

    (void)take(d, &tag);
    return d->r.bad ? BYTES_NONE : BYTES(start, (size_t)(d->r.rest.ptr - start));
}

struct der
der_enter(struct der *d, unsigned tag)
{
    struct der inner = der_of(der_get(d, tag));

    if (d->r.bad)
        der_fail(&inner, d->why);
    return inner;
}

void
der_absorb(struct der *d, const struct der *inner)
{
    if (inner->r.bad)
        der_fail(d, inner->why != NULL ? inner->why : "input ends inside an element");
    else if (!der_done(inner))
        der_fail(d, "bytes follow the last member of a structure");
}

bool
der_get_bool(struct der *d)
{
    struct selfsame_bytes b = der_get(d, DER_BOOLEAN);

    if (!d->r.bad && (b.len != 1 || (b.ptr[0] != 0 && b.ptr[0] != 0xff)))
        der_fail(d, "a BOOLEAN is neither 00 nor FF");
    return !d->r.bad && b.ptr[0] != 0;
}

struct selfsame_bytes
der_get_uint(struct der *d)
{
    struct selfsame_bytes b = der_get(d, DER_INTEGER);

    if (d->r.bad)
        return BYTES_NONE;
    if (b.len == 0)
        der_fail(d, "an INTEGER without bytes");
    else if ((b.ptr[0] & 0x80) != 0)
        der_fail(d, "a negative INTEGER");
    else if (b.len > 1 && b.ptr[0] == 0 && (b.ptr[1] & 0x80) == 0)
        der_fail(d, "an INTEGER is not in its shortest form");
    if (d->r.bad)
        return BYTES_NONE;
    return b.len > 1 && b.ptr[0] == 0 ? BYTES(b.ptr + 1, b.len - 1) : b;
}

uint64_t
der_get_small_uint(struct der *d)
{
    struct selfsame_bytes b = der_get_uint(d);
    uint64_t v = 0;

    if (b.len > 8) {
        der_fail(d, "an INTEGER of more than 64 bits");
        return 0;
    }
    for (size_t i = 0; i < b.len; i++)
        v = v << 8 | b.ptr[i];
    return v;
}

struct selfsame_bytes
der_get_bits(struct der *d)
{
    struct selfsame_bytes b = der_get(d, DER_BIT_STRING);

    if (!d->r.bad && (b.len == 0 || b.ptr[0] != 0))
        der_fail(d, "a BIT STRING that is not whole bytes");
    return d->r.bad ? BYTES_NONE : BYTES(b.ptr + 1, b.len - 1);
}

/* The two digits at i; latches *bad when they are none. */
static int
two_digits(struct selfsame_bytes b, size_t i, bool *bad)
{
    unsigned tens = b.ptr[i] - (unsigned)'0', ones = b.ptr[i + 1] - (unsigned)'0';

    if (tens > 9 || ones > 9)
        *bad = true;
    return (int)(tens * 10 + ones);
}

/* RFC 5280 §4.1.2.5: with seconds, without fractions, in UTC. */
int64_t
der_get_time(struct der *d)
{
    bool utc = der_is(d, DER_UTC_TIME), bad = false;
    struct selfsame_bytes b = der_get(d, utc ? DER_UTC_TIME : DER_GENERALIZED_TIME);
    size_t years = utc ? 2 : 4;
    int64_t seconds = 0;

    if (d->r.bad)
        return 0;
    if (b.len != years + 11 || b.ptr[b.len - 1] != 'Z') {
        der_fail(d, "a time is not YYMMDDHHMMSSZ or YYYYMMDDHHMMSSZ");
        return 0;
    }
    int year = two_digits(b, 0, &bad);
    if (utc)
        year += year < 50 ? 2000 : 1900;
    else
        year = year * 100 + two_digits(b, 2, &bad);
    int f[5];
    for (size_t i = 0; i < COUNT(f); i++)
        f[i] = two_digits(b, years + 2 * i, &bad);
    if (bad || !time_civil(year, f[0], f[1], f[2], f[3], f[4], &seconds)) {
        der_fail(d, "a time has impossible digits");
        return 0;
    }
    return seconds;
}

bool
der_done(const struct der *d)
{
    return reader_done(&d->r);
}
