/* SPDX-License-Identifier: Apache-2.0 */
#include "token/kbs.h"

#include "token/jwe.h"

static const char *const tees[] = {
    [KBS_SNP] = "snp", [KBS_TDX] = "tdx", [KBS_SGX] = "sgx"
};

const char *
kbs_tee_word(enum kbs_tee t)
{
    return t > KBS_NONE && t < COUNT(tees) ? tees[t] : "none";
}

static struct selfsame_bytes
text_of(const json_t *j, const char *name)
{
    const json_t *v = json_object_get(j, name);

    return json_is_string(v)
               ? BYTES((const uint8_t *)json_string_value(v), json_string_length(v))
               : BYTES_NONE;
}

enum selfsame_code
kbs_auth_read(const json_t *body, enum kbs_tee *ret, struct selfsame_err *e)
{
    struct selfsame_bytes version = text_of(body, "version"),
                          tee = text_of(body, "tee");

    if (version.ptr == NULL || tee.ptr == NULL)
        FAIL(e, SELFSAME_MALFORMED, "expected texts \"version\" and \"tee\"");
    if (!bytes_eq(version, BYTES_LIT("0.4.0")))
        FAIL(e, SELFSAME_UNSUPPORTED,
            "KBS Client Protocol Version Mismatch: expect 0.4.0 while the request is "
            "%.*s",
            (int)text_cut(version, 20), (const char *)version.ptr);
    for (size_t i = KBS_SNP; i < COUNT(tees); i++)
        if (bytes_eq(tee, bytes_str(tees[i]))) {
            *ret = (enum kbs_tee)i;
            return SELFSAME_OK;
        }
    FAIL(e, SELFSAME_UNSUPPORTED,
        "unsupported: expected a TEE snp, tdx or sgx, got \"%.*s\"",
        (int)text_cut(tee, 40), (const char *)tee.ptr);
}

/* ---- the key ---- */

static const char *const ec_members[] = { "alg", "crv", "kty", "x", "y", NULL };
static const char *const rsa_members[] = { "alg", "e", "kty", "n", NULL };

static const char *const *
members_of(const json_t *key)
{
    return bytes_eq(text_of(key, "kty"), BYTES_LIT("RSA")) ? rsa_members : ec_members;
}

/* Members and their values are plain: hashed as they stand. */
static enum selfsame_code
check_key(const json_t *key, struct selfsame_err *e)
{
    const char *const *names = members_of(key);
    size_t count = 0;

    for (; names[count] != NULL; count++) {
        struct selfsame_bytes v = text_of(key, names[count]);

        if (v.ptr == NULL)
            FAIL(e, SELFSAME_MALFORMED, "\"tee-pubkey\": expected a text \"%s\"",
                names[count]);
        for (size_t i = 0; i < v.len; i++)
            if (v.ptr[i] < ' ' || v.ptr[i] > '~' || v.ptr[i] == '"' || v.ptr[i] == '\\')
                FAIL(e, SELFSAME_MALFORMED,
                    "\"tee-pubkey\": \"%s\" has a character that no key has",
                    names[count]);
    }
    if (json_object_size(key) != count)
        FAIL(e, SELFSAME_MALFORMED,
            "\"tee-pubkey\": expected %zu members, got %zu: what they mean is not "
            "known",
            count, json_object_size(key));
    return SELFSAME_OK;
}

json_t *
kbs_key_json(const json_t *tee_pubkey)
{
    return json_deep_copy(tee_pubkey);
}

enum selfsame_code
kbs_attest_read(const json_t *body, struct arena *arena, struct kbs_attest *ret,
    struct selfsame_err *e)
{
    const json_t *runtime = json_object_get(body, "runtime-data");
    const json_t *evidence = json_object_get(body, "tee-evidence");
    struct kbs_attest a = {
        .nonce = text_of(runtime, "nonce"),
        .tee_pubkey = json_object_get(runtime, "tee-pubkey"),
        .primary = json_object_get(evidence, "primary_evidence"),
        .additional = text_of(evidence, "additional_evidence"),
    };

    if (a.nonce.ptr == NULL || !json_is_object(a.tee_pubkey) ||
        !json_is_object(a.primary) || a.additional.ptr == NULL)
        FAIL(e, SELFSAME_MALFORMED,
            "expected \"runtime-data\" with \"nonce\" and \"tee-pubkey\", and "
            "\"tee-evidence\" with \"primary_evidence\" and \"additional_evidence\"");
    TRY(check_key(a.tee_pubkey, e));
    TRY_WHILE(e, jwe_to_jwk(a.tee_pubkey, arena, &a.to, e), "\"tee-pubkey\"");
    if (a.additional.len > 0)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "unsupported: evidence of devices (\"additional_evidence\")");
    *ret = a;
    return SELFSAME_OK;
}

/* ---- RFC 8785 ---- */

/* §3.2.2.2: the shortest escapes, and everything else as it is. */
static void
put_text(struct writer *w, struct selfsame_bytes text)
{
    static const char brief[] = "\"\"\\\\\bb\tt\nn\ff\rr", hex[] = "0123456789abcdef";

    put_u8(w, '"');
    for (size_t i = 0; i < text.len; i++) {
        const uint8_t c = text.ptr[i];
        const char *found = NULL;

        for (size_t k = 0; k + 1 < sizeof(brief) && found == NULL; k += 2)
            if ((uint8_t)brief[k] == c)
                found = &brief[k + 1];
        if (found != NULL) {
            put_u8(w, '\\');
            put_u8(w, (uint8_t)*found);
        } else if (c < 0x20) {
            put_bytes(w, BYTES_LIT("\\u00"));
            put_u8(w, (uint8_t)hex[c >> 4]);
            put_u8(w, (uint8_t)hex[c & 15]);
        } else {
            put_u8(w, c);
        }
    }
    put_u8(w, '"');
}

/* Names in rising order: they are so in the lists above. */
static void
put_runtime(struct writer *w, const struct kbs_attest *a)
{
    const char *const *names = members_of(a->tee_pubkey);

    put_bytes(w, BYTES_LIT("{\"additional-evidence\":"));
    put_text(w, a->additional);
    put_bytes(w, BYTES_LIT(",\"nonce\":"));
    put_text(w, a->nonce);
    put_bytes(w, BYTES_LIT(",\"tee-pubkey\":{"));
    for (size_t i = 0; names[i] != NULL; i++) {
        if (i > 0)
            put_u8(w, ',');
        put_text(w, bytes_str(names[i]));
        put_u8(w, ':');
        put_text(w, text_of(a->tee_pubkey, names[i]));
    }
    put_bytes(w, BYTES_LIT("}}"));
}

enum selfsame_code
kbs_runtime_data(const struct kbs_attest *a, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    struct writer count = writer_of(NULL, 0);

    put_runtime(&count, a);
    uint8_t *buf = arena_alloc(arena, 1, count.need);
    if (buf == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for the runtime data");
    struct writer w = writer_of(buf, count.need);
    put_runtime(&w, a);
    *ret = writer_bytes(&w);
    return SELFSAME_OK;
}

enum selfsame_code
kbs_report_data(const struct kbs_attest *a, struct arena *arena,
    uint8_t ret[static KBS_REPORT_DATA], struct selfsame_err *e)
{
    struct selfsame_bytes text = BYTES_NONE;
    uint8_t digest[HASH_MAX];

    TRY(kbs_runtime_data(a, arena, &text, e));
    if (!hash_bytes(HASH_SHA384, text, digest))
        FAIL(e, SELFSAME_NOMEM, "no memory for the runtime data");
    memset(ret, 0, KBS_REPORT_DATA);
    memcpy(ret, digest, 48);
    return SELFSAME_OK;
}
