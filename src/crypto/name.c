/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/x509_internal.h"

#include "codec/der.h"

/* Name ::= SEQUENCE OF SET OF SEQUENCE { type OID, value string } (RFC 5280 §4.1.2.4). */

#define OID_CN "\x55\x04\x03"

struct attribute {
    struct selfsame_bytes type, value;
};

/* Position in a Name: what is left of the current SET and of the SEQUENCE. */
struct name_walk {
    struct der names, set;
    bool bad;
};

static struct name_walk
walk_of(struct selfsame_bytes name)
{
    struct der d = der_of(name);
    struct der names = der_enter(&d, DER_SEQUENCE);

    return (struct name_walk){
        .names = names,
        .set = der_of(BYTES_NONE),
        .bad = names.r.bad || !der_done(&d),
    };
}

/* False at the end and, with w->bad, when it does not parse. */
static bool
next(struct name_walk *w, struct attribute *ret)
{
    unsigned tag;

    if (w->bad || (der_done(&w->set) && der_done(&w->names)))
        return false;
    if (der_done(&w->set))
        w->set = der_enter(&w->names, DER_SET);
    struct der pair = der_enter(&w->set, DER_SEQUENCE);
    ret->type = der_get(&pair, DER_OID);
    ret->value = der_get_any(&pair, &tag);
    w->bad = !der_done(&pair) || w->set.r.bad || ret->type.len == 0;
    return !w->bad;
}

bool
name_valid(struct selfsame_bytes name)
{
    struct name_walk w = walk_of(name);
    struct attribute a;

    while (next(&w, &a))
        ;
    return !w.bad;
}

bool
name_empty(struct selfsame_bytes name)
{
    return name.len <= 2;
}

struct selfsame_bytes
name_cn(struct selfsame_bytes name)
{
    struct name_walk w = walk_of(name);
    struct attribute a;
    struct selfsame_bytes cn = BYTES_LIT("");

    while (next(&w, &a))
        if (bytes_eq(a.type, BYTES_LIT(OID_CN)))
            cn = a.value;
    return w.bad ? BYTES_LIT("") : cn;
}

static const struct {
    struct selfsame_bytes oid;
    const char *text;
} types[] = {
    { { (const uint8_t *)OID_CN, 3 }, "CN" },
    { { (const uint8_t *)"\x55\x04\x06", 3 }, "C" },
    { { (const uint8_t *)"\x55\x04\x07", 3 }, "L" },
    { { (const uint8_t *)"\x55\x04\x08", 3 }, "ST" },
    { { (const uint8_t *)"\x55\x04\x0a", 3 }, "O" },
    { { (const uint8_t *)"\x55\x04\x0b", 3 }, "OU" },
};

static void
put_text(struct writer *w, const char *s)
{
    put_bytes(w, bytes_str(s));
}

static void
put_hex(struct writer *w, struct selfsame_bytes b)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < b.len; i++) {
        put_u8(w, (uint8_t)digits[b.ptr[i] >> 4]);
        put_u8(w, (uint8_t)digits[b.ptr[i] & 15]);
    }
}

/* Controls and quoting characters are escaped, so that no value can fake a part. */
static void
put_value(struct writer *w, struct selfsame_bytes v)
{
    bool utf8 = utf8_valid(v);

    for (size_t i = 0; i < v.len; i++) {
        uint8_t c = v.ptr[i];

        if (c < 0x20 || c == 0x7f || (c >= 0x80 && !utf8)) {
            put_text(w, "\\x");
            put_hex(w, BYTES(&c, 1));
            continue;
        }
        if (c == ',' || c == '=' || c == '\\')
            put_u8(w, '\\');
        put_u8(w, c);
    }
}

static void
put_type(struct writer *w, struct selfsame_bytes oid)
{
    for (size_t i = 0; i < COUNT(types); i++)
        if (bytes_eq(types[i].oid, oid)) {
            put_text(w, types[i].text);
            return;
        }
    put_text(w, "oid:");
    put_hex(w, oid);
}

static void
put_name(struct writer *w, struct selfsame_bytes name)
{
    struct name_walk walk = walk_of(name);
    struct attribute a;

    for (bool first = true; next(&walk, &a); first = false) {
        put_text(w, first ? "" : ", ");
        put_type(w, a.type);
        put_text(w, "=");
        put_value(w, a.value);
    }
}

char *
name_text(struct selfsame_bytes name, struct arena *arena)
{
    struct writer count = writer_of(NULL, 0);

    put_name(&count, name);
    char *text = arena_alloc(arena, 1, count.need + 1);
    if (text == NULL)
        return NULL;
    struct writer w = writer_of((uint8_t *)text, count.need);
    put_name(&w, name);
    return text;
}

void
name_brief(struct selfsame_bytes name, char ret[static NAME_BRIEF])
{
    struct selfsame_bytes cn = name_cn(name);
    size_t n = 0;

    for (; n < cn.len && n < NAME_BRIEF - 1; n++)
        ret[n] = cn.ptr[n] >= 0x20 && cn.ptr[n] < 0x7f ? (char)cn.ptr[n] : '?';
    ret[n] = '\0';
}
