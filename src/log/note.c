/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/x509.h"
#include "log/log.h"

#include <inttypes.h>
#include <stdlib.h>

static const char dash[] = "\xe2\x80\x94 "; /* U+2014 and a space */
enum { DASH = sizeof(dash) - 1, ID = 4, TIME = 8, SIGNATURE_MAX = 4096 };

/* ---- names and keys ---- */

/* No white space of Unicode, no '+': C2SP signed-note, "key name". */
bool
note_name_ok(struct selfsame_bytes name)
{
    static const char *const spaces[] = { "\xc2\x85", "\xc2\xa0", "\xe1\x9a\x80",
        "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f",
        "\xe3\x80\x80" };

    if (name.len == 0 || name.len > NOTE_NAME_MAX || !utf8_valid(name))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        struct selfsame_bytes rest = BYTES(name.ptr + i, name.len - i);

        if (name.ptr[i] <= ' ' || name.ptr[i] == 0x7f || name.ptr[i] == '+')
            return false;
        for (size_t k = 0; k < COUNT(spaces); k++)
            if (bytes_has_prefix(rest, bytes_str(spaces[k])))
                return false;
        /* U+2000 to U+200A */
        if (rest.len >= 3 && rest.ptr[0] == 0xe2 && rest.ptr[1] == 0x80 &&
            rest.ptr[2] >= 0x80 && rest.ptr[2] <= 0x8a)
            return false;
    }
    return true;
}

static bool
key_id(const struct note_key *k, uint32_t *ret)
{
    const uint8_t type = (uint8_t)k->type;
    const struct selfsame_bytes part[] = { k->name, BYTES_LIT("\n"), { &type, 1 },
        k->key };
    uint8_t digest[HASH_MAX];
    bool bare = k->type == NOTE_ECDSA; /* the hash of the key alone */

    if (!(bare ? hash_bytes(HASH_SHA256, k->key, digest)
               : hash_parts(HASH_SHA256, part, COUNT(part), digest)))
        return false;
    struct reader r = reader_of(BYTES(digest, ID));
    *ret = get_be32(&r);
    return true;
}

static enum selfsame_code
check_type(const struct note_key *k, struct selfsame_err *e)
{
    switch (k->type) {
    case NOTE_ED25519:
    case NOTE_COSIGNATURE:
        if (k->key.len == 32)
            return SELFSAME_OK;
        FAIL(e, SELFSAME_MALFORMED,
            "verifier key: expected an Ed25519 key of 32 bytes, got %zu", k->key.len);
    case NOTE_ECDSA: return SELFSAME_OK;
    case NOTE_MLDSA_COSIGNATURE: break;
    }
    FAIL(e, SELFSAME_UNSUPPORTED,
        "verifier key: expected Ed25519, ECDSA or a cosignature key, got algorithm "
        "0x%02x",
        (unsigned)k->type);
}

/* Up to the next '+'; what is behind it stays in *rest. False: there is none. */
static bool
until_plus(struct selfsame_bytes *rest, struct selfsame_bytes *ret)
{
    const uint8_t *plus = rest->len > 0 ? memchr(rest->ptr, '+', rest->len) : NULL;

    if (plus == NULL)
        return false;
    *ret = BYTES(rest->ptr, (size_t)(plus - rest->ptr));
    *rest = BYTES(plus + 1, rest->len - ret->len - 1);
    return true;
}

enum selfsame_code
note_key_parse(struct selfsame_bytes text, struct arena *arena, struct note_key *ret,
    struct selfsame_err *e)
{
    struct selfsame_bytes rest = text, hex;
    struct note_key k = { .id = 0 };
    uint8_t id[ID], *raw = arena_alloc(arena, 1, text.len + 1);
    size_t id_len = 0, len = 0;
    uint32_t want;

    if (raw == NULL)
        FAIL(e, SELFSAME_NOMEM, "verifier key: out of memory");
    if (!until_plus(&rest, &k.name) || !until_plus(&rest, &hex) ||
        !note_name_ok(k.name) ||
        !hex_decode((const char *)hex.ptr, hex.len, id, sizeof(id), &id_len) ||
        id_len != ID ||
        !base64_decode((const char *)rest.ptr, rest.len, false, raw, text.len, &len) ||
        len < 2)
        FAIL(e, SELFSAME_MALFORMED,
            "verifier key: expected name+hhhhhhhh+base64, got \"%.*s\"",
            text.len < 60 ? (int)text.len : 60, (const char *)text.ptr);
    struct reader r = reader_of(BYTES_ARR(id));
    char lower[2 * ID + 1];
    hex_encode(BYTES_ARR(id), lower);
    if (!bytes_eq(hex, bytes_str(lower)))
        FAIL(e, SELFSAME_MALFORMED, "verifier key: expected its id in lower case");
    k.id = get_be32(&r);
    k.type = (enum note_type)raw[0];
    k.key = BYTES(raw + 1, len - 1);
    TRY(check_type(&k, e));
    if (!key_id(&k, &want))
        FAIL(e, SELFSAME_NOMEM, "verifier key: out of memory");
    if (want != k.id)
        FAIL(e, SELFSAME_MALFORMED,
            "verifier key: expected the id %08x of its name and key, got %08x", want,
            k.id);
    *ret = k;
    return SELFSAME_OK;
}

char *
note_key_text(const struct note_key *k, struct arena *arena)
{
    uint8_t *raw = arena_alloc(arena, 1, k->key.len + 1);
    char *text = arena_alloc(arena, 1, BASE64_SIZE(k->key.len + 1));

    if (raw == NULL || text == NULL)
        return NULL;
    raw[0] = (uint8_t)k->type;
    memcpy(raw + 1, k->key.ptr, k->key.len);
    (void)base64_encode(BYTES(raw, k->key.len + 1), false, text);
    return arena_printf(arena, "%.*s+%08x+%s", (int)k->name.len,
        (const char *)k->name.ptr, k->id, text);
}

enum selfsame_code
note_key_of(struct selfsame_bytes name, enum note_type type, const struct key *key,
    struct arena *arena, struct note_key *ret, struct selfsame_err *e)
{
    struct note_key k = { .name = name, .type = type };
    struct selfsame_bytes spki;

    if (!note_name_ok(name))
        FAIL(e, SELFSAME_USAGE,
            "name of a key: expected one without white space and '+', got \"%.*s\"",
            name.len < 60 ? (int)name.len : 60, (const char *)name.ptr);
    if (key_type_of(key) != KEY_ED25519 ||
        (type != NOTE_ED25519 && type != NOTE_COSIGNATURE))
        FAIL(
            e, SELFSAME_USAGE, "logs and witnesses sign with Ed25519, got another key");
    TRY(key_spki(key, arena, &spki, e));
    k.key = BYTES(spki.ptr + spki.len - 32, 32);
    if (!key_id(&k, &k.id))
        FAIL(e, SELFSAME_NOMEM, "name of a key: out of memory");
    *ret = k;
    return SELFSAME_OK;
}

enum selfsame_code
note_key_public(struct selfsame_bytes name, enum note_type type,
    struct selfsame_bytes key, struct note_key *ret, struct selfsame_err *e)
{
    struct note_key k = { .name = name, .type = type, .key = key };

    if (!note_name_ok(name))
        FAIL(e, SELFSAME_MALFORMED,
            "name of a key: expected one without white space and '+', got \"%.*s\"",
            name.len < 60 ? (int)name.len : 60, (const char *)name.ptr);
    TRY(check_type(&k, e));
    if (!key_id(&k, &k.id))
        FAIL(e, SELFSAME_NOMEM, "name of a key: out of memory");
    *ret = k;
    return SELFSAME_OK;
}

/* ---- notes ---- */

static enum selfsame_code
parse_line(struct selfsame_bytes line, struct arena *arena, struct note_line *ret,
    struct selfsame_err *e)
{
    uint8_t *raw;
    size_t len = 0;

    if (!bytes_has_prefix(line, BYTES((const uint8_t *)dash, DASH)))
        FAIL(e, SELFSAME_MALFORMED,
            "note: expected a signature line that begins with a dash, got another");
    struct selfsame_bytes rest = BYTES(line.ptr + DASH, line.len - DASH);
    const uint8_t *space = rest.len > 0 ? memchr(rest.ptr, ' ', rest.len) : NULL;
    if (space == NULL)
        FAIL(e, SELFSAME_MALFORMED, "note: expected a name and a signature, got one");
    ret->name = BYTES(rest.ptr, (size_t)(space - rest.ptr));
    rest = BYTES(space + 1, rest.len - ret->name.len - 1);
    raw = rest.len <= SIGNATURE_MAX ? arena_alloc(arena, 1, rest.len + 1) : NULL;
    if (rest.len <= SIGNATURE_MAX && raw == NULL)
        FAIL(e, SELFSAME_NOMEM, "note: out of memory");
    if (raw == NULL || !note_name_ok(ret->name) ||
        !base64_decode((const char *)rest.ptr, rest.len, false, raw, rest.len, &len) ||
        len <= ID)
        FAIL(e, SELFSAME_MALFORMED,
            "note: expected a name and base64 of five bytes or more, got others");
    struct reader r = reader_of(BYTES(raw, ID));
    ret->id = get_be32(&r);
    ret->signature = BYTES(raw + ID, len - ID);
    return SELFSAME_OK;
}

static enum selfsame_code
parse_lines(struct selfsame_bytes rest, struct arena *arena, struct note *n,
    struct selfsame_err *e)
{
    n->lines = ARENA_NEW(arena, struct note_line, NOTE_LINES);
    if (n->lines == NULL)
        FAIL(e, SELFSAME_NOMEM, "note: out of memory");
    while (rest.len > 0) {
        const uint8_t *end = memchr(rest.ptr, '\n', rest.len);

        if (end == NULL)
            FAIL(
                e, SELFSAME_MALFORMED, "note: expected a newline at its end, got none");
        if (n->count == NOTE_LINES)
            FAIL(e, SELFSAME_MALFORMED, "note: expected at most %d signatures",
                (int)NOTE_LINES);
        size_t len = (size_t)(end - rest.ptr);
        TRY(parse_line(BYTES(rest.ptr, len), arena, &n->lines[n->count++], e));
        rest = BYTES(end + 1, rest.len - len - 1);
    }
    if (n->count == 0)
        FAIL(e, SELFSAME_MALFORMED, "note: expected a signature, got none");
    return SELFSAME_OK;
}

enum selfsame_code
note_parse(struct selfsame_bytes in, struct arena *arena, struct note *ret,
    struct selfsame_err *e)
{
    struct note n = { .count = 0 };
    size_t at = 0;

    if (in.len > NOTE_MAX || !utf8_valid(in))
        FAIL(e, SELFSAME_MALFORMED, "note: expected UTF-8 of at most %d bytes",
            (int)NOTE_MAX);
    for (size_t i = 0; i < in.len; i++) {
        if (in.ptr[i] < ' ' && in.ptr[i] != '\n')
            FAIL(e, SELFSAME_MALFORMED,
                "note: expected no control character but newlines, got 0x%02x",
                in.ptr[i]);
        if (in.ptr[i] == '\n' && i + 1 < in.len && in.ptr[i + 1] == '\n')
            at = i + 1; /* the last blank line ends the text */
    }
    if (at == 0)
        FAIL(e, SELFSAME_MALFORMED,
            "note: expected a blank line before its signatures, got none");
    n.text = BYTES(in.ptr, at);
    TRY(parse_lines(BYTES(in.ptr + at + 1, in.len - at - 1), arena, &n, e));
    *ret = n;
    return SELFSAME_OK;
}

/* ---- verifying ---- */

static enum selfsame_code
verify_ed25519(const struct note_key *k, struct selfsame_bytes message,
    struct selfsame_bytes signature, struct selfsame_err *e)
{
    const struct sig_check check = {
        .alg = SIG_ED25519, .key = k->key, .digest = message, .signature = signature
    };

    return sig_verify(&check, e);
}

/* "cosignature/v1\ntime N\n" and the text: tlog-cosignature. */
static bool
cosigned(int64_t time_s, struct selfsame_bytes text, struct arena *arena,
    struct selfsame_bytes *ret)
{
    char *head = arena_printf(arena, "cosignature/v1\ntime %" PRId64 "\n", time_s);
    size_t len = head != NULL ? strlen(head) : 0;
    uint8_t *all = head != NULL ? arena_alloc(arena, 1, len + text.len) : NULL;

    if (all == NULL)
        return false;
    memcpy(all, head, len);
    memcpy(all + len, text.ptr, text.len);
    *ret = BYTES(all, len + text.len);
    return true;
}

static enum selfsame_code
verify_cosignature(const struct note *n, const struct note_key *k,
    struct selfsame_bytes signature, int64_t *ret_time, struct selfsame_err *e)
{
    auto_arena arena = arena_new(2 * NOTE_MAX);
    struct reader r = reader_of(signature);
    uint64_t time_s = get_be64(&r);
    struct selfsame_bytes message;

    if (r.bad || time_s > INT64_MAX || time_s == 0)
        FAIL(e, SELFSAME_BAD_SIGNATURE,
            "cosignature: expected a time and a signature, got others");
    if (!cosigned((int64_t)time_s, n->text, &arena, &message))
        FAIL(e, SELFSAME_NOMEM, "cosignature: out of memory");
    if (ret_time != NULL)
        *ret_time = (int64_t)time_s;
    return verify_ed25519(k, message, r.rest, e);
}

static enum selfsame_code
verify_ecdsa(const struct note *n, const struct note_key *k,
    struct selfsame_bytes signature, struct selfsame_err *e)
{
    uint8_t digest[HASH_MAX], rs[2 * 66];
    struct sig_check check = { .hash = HASH_SHA256 };

    TRY(spki_parse(k->key, &check.alg, &check.key, e));
    size_t half = check.key.len / 2;
    if ((check.alg != SIG_P256 && check.alg != SIG_P384) ||
        !sig_ecdsa_from_der(signature, half, rs))
        FAIL(e, SELFSAME_BAD_SIGNATURE,
            "note: expected an ECDSA signature, got another");
    if (!hash_bytes(HASH_SHA256, n->text, digest))
        FAIL(e, SELFSAME_NOMEM, "note: out of memory");
    check.digest = BYTES(digest, 32);
    check.signature = BYTES(rs, 2 * half);
    return sig_verify(&check, e);
}

static enum selfsame_code
verify_line(const struct note *n, const struct note_line *l, const struct note_key *k,
    int64_t *ret_time, struct selfsame_err *e)
{
    enum selfsame_code code = SELFSAME_UNSUPPORTED;

    switch (k->type) {
    case NOTE_ED25519: code = verify_ed25519(k, n->text, l->signature, e); break;
    case NOTE_COSIGNATURE:
        code = verify_cosignature(n, k, l->signature, ret_time, e);
        break;
    case NOTE_ECDSA: code = verify_ecdsa(n, k, l->signature, e); break;
    case NOTE_MLDSA_COSIGNATURE: break;
    }
    if (code == SELFSAME_OK || code == SELFSAME_NOMEM)
        return code;
    FAIL(e, SELFSAME_LOG, "note: the signature of the known key %.*s does not verify",
        k->name.len < 80 ? (int)k->name.len : 80, (const char *)k->name.ptr);
}

enum selfsame_code
note_verify(const struct note *n, const struct note_key *keys, size_t count,
    uint64_t *ret_good, int64_t *ret_time, struct selfsame_err *e)
{
    uint64_t good = 0;

    for (size_t i = 0; i < n->count; i++)
        for (size_t k = 0; k < count && k < NOTE_KEYS; k++) {
            int64_t when = 0;

            if (keys[k].id != n->lines[i].id ||
                !bytes_eq(keys[k].name, n->lines[i].name))
                continue;
            TRY(verify_line(n, &n->lines[i], &keys[k], &when, e));
            good |= UINT64_C(1) << k;
            if (ret_time != NULL)
                ret_time[k] = when;
        }
    if (good == 0)
        FAIL(e, SELFSAME_LOG,
            "note: expected a signature by one of %zu known keys, got "
            "none among %zu",
            count, n->count);
    *ret_good = good;
    return SELFSAME_OK;
}

/* ---- signing ---- */

enum selfsame_code
note_sign(struct selfsame_bytes text, struct selfsame_bytes name, enum note_type type,
    const struct key *key, int64_t time_s, struct arena *arena, char **ret_line,
    struct selfsame_err *e)
{
    uint8_t raw[ID + TIME + 64];
    char base64[BASE64_SIZE(sizeof(raw))];
    struct writer w = writer_of(raw, sizeof(raw));
    struct selfsame_bytes message = text, signature;
    struct note_key k = { .id = 0 };

    TRY(note_key_of(name, type, key, arena, &k, e));
    put_be32(&w, k.id);
    if (type == NOTE_COSIGNATURE) {
        put_be64(&w, (uint64_t)time_s);
        if (time_s <= 0 || !cosigned(time_s, text, arena, &message))
            FAIL(e, SELFSAME_NOMEM, "cosignature: out of memory, or without a time");
    }
    TRY(key_sign(key, HASH_SHA256, message, arena, &signature, e));
    put_bytes(&w, signature);
    (void)base64_encode(writer_bytes(&w), false, base64);
    *ret_line = arena_printf(
        arena, "%s%.*s %s\n", dash, (int)name.len, (const char *)name.ptr, base64);
    if (*ret_line == NULL)
        FAIL(e, SELFSAME_NOMEM, "note: out of memory");
    return SELFSAME_OK;
}
