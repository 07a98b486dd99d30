/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage: make_vectors FOLDER
 * Writes the vectors of vectors/nitro/ anew, with new keys. They are committed and
 * not made during a build: what stands there must go on meaning the same.
 */
#include "tee_nitro.h"

static const char *folder;
static struct machine machine;
static struct arena scratch;

#define NONCE BYTES_LIT("0123456789abcdef")
#define NONCE_HEX "30313233343536373839616263646566"
#define OTHER_HEX "30313233343536373839616263646567"

struct vector {
    const char *name, *expect, *spec, *note;
    int64_t now_s;            /* 0: test_now_s */
    const char *nonce;        /* hex; NULL: NONCE_HEX; "": none */
    const char *policy;       /* member text instead of the usual freshness */
    const char *measurements; /* instead of the usual */
    const char *insecure;     /* instead of ["simulated"] */
    struct selfsame_bytes doc;
};

static const char *
usual_measurements(void)
{
    char hex[3][97];

    for (size_t i = 0; i < 3; i++)
        hex_encode(machine.measured[i].bytes, hex[i]);
    const char *s = arena_printf(&scratch,
        "[{\"tee\":\"nitro\",\"pcr\":{\"0\":[\"%s\"],\"1\":[\"%s\"],\"2\":[\"%s\"]}}]",
        hex[0], hex[1], hex[2]);
    assert_non_null(s);
    return s;
}

static void
put(struct vector v)
{
    char path[512], now[TIME_TEXT];
    char *text = arena_alloc(&scratch, 1, BASE64_SIZE(v.doc.len));

    assert_non_null(text);
    size_t n = base64_encode(v.doc, false, text);
    (void)snprintf(path, sizeof(path), "%s/%s.vec", folder, v.name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    time_format(v.now_s != 0 ? v.now_s : test_now_s, now);
    (void)fprintf(f, "expect: %s\nspec: %s\nnote: %s\ntee: nitro\nnow: %s\n", v.expect,
        v.spec, v.note, now);
    if (v.nonce == NULL || *v.nonce != '\0')
        (void)fprintf(f, "nonce: %s\n", v.nonce != NULL ? v.nonce : NONCE_HEX);
    (void)fprintf(f, "report-data: 7468652062696e646572\n");
    (void)fprintf(f,
        "policy: {\"selfsame_policy\":1,\"tee\":{\"nitro\":{}},\"measurements\":%s,"
        "%s\"binding\":\"key\",\"insecure\":%s}\n\n",
        v.measurements != NULL ? v.measurements : usual_measurements(),
        v.policy != NULL ? v.policy : "\"freshness\":{\"nonce\":true},",
        v.insecure != NULL ? v.insecure : "[\"simulated\"]");
    for (size_t i = 0; i < n; i += 76)
        (void)fprintf(f, "%.*s\n", (int)(n - i < 76 ? n - i : 76), text + i);
    assert_int_equal(fclose(f), 0);
}

static struct selfsame_bytes
quote(uint64_t defects)
{
    return machine_quote(&machine, defects, &scratch);
}

/* The usual document with one place of the payload replaced, signed again. */
static struct selfsame_bytes
edited(struct selfsame_bytes from, struct selfsame_bytes to)
{
    return machine_sign(&machine, ES384_HEADER,
        replaced(payload_of(quote(0)), from, to, &scratch), &scratch);
}

static struct selfsame_bytes
edited_hex(const char *from, const char *to)
{
    return edited(unhex(from, &scratch), unhex(to, &scratch));
}

static struct selfsame_bytes
with_header(const char *header)
{
    return machine_sign(
        &machine, unhex(header, &scratch), payload_of(quote(0)), &scratch);
}

/* The certificates named, as the cabundle of an otherwise usual document. */
static struct selfsame_bytes
with_bundle(const enum sim_level *order, size_t count)
{
    uint8_t *buf = arena_alloc(&scratch, 2, 8 * NITRO_FIELD_MAX);
    struct writer from = writer_of(buf, 8 * NITRO_FIELD_MAX);
    struct writer to = writer_of(buf + 8 * NITRO_FIELD_MAX, 8 * NITRO_FIELD_MAX);

    assert_non_null(buf);
    cbor_put_array(&from, 4);
    for (enum sim_level i = SIM_ROOT; i < SIM_LEAF; i++)
        cbor_put_bytes(&from, sim_cert_der(machine.pki, i));
    cbor_put_array(&to, count);
    for (size_t i = 0; i < count; i++)
        cbor_put_bytes(&to, sim_cert_der(machine.pki, order[i]));
    return edited(writer_bytes(&from), writer_bytes(&to));
}

static struct selfsame_bytes
with_nonce(struct selfsame_bytes nonce)
{
    uint8_t *buf = arena_alloc(&scratch, 1, 2048);
    struct writer w = writer_of(buf, 2048);

    assert_non_null(buf);
    cbor_put_str(&w, "nonce");
    if (nonce.ptr == NULL)
        cbor_put_null(&w);
    else
        cbor_put_bytes(&w, nonce);
    return edited(BYTES_LIT("\x65nonce\x50"
                            "0123456789abcdef"),
        writer_bytes(&w));
}

/* A copy with one byte changed, counted from the end. */
static struct selfsame_bytes
poked(struct selfsame_bytes doc, size_t from_end, uint8_t xor)
{
    struct selfsame_bytes copy;
    uint8_t *p = arena_alloc(&scratch, 1, doc.len);

    assert_non_null(p);
    memcpy(p, doc.ptr, doc.len);
    p[doc.len - from_end] ^= xor;
    copy = BYTES(p, doc.len);
    return copy;
}

#define DOC "AWS attestation_process.md §3.1"
#define CHAIN "AWS attestation_process.md §3.2.3"
#define PUT(...) put((struct vector){ __VA_ARGS__ })

static void
put_happy(void)
{
    PUT("100-happy", "ok", DOC, "as a device makes it", .doc = quote(0));
    PUT("101-tagged", "ok", "RFC 9052 §4.2", "COSE tag 18 in front",
        .doc = quote(SIM_TAGGED));
    PUT("102-indefinite", "ok", "RFC 8949 §3.2.2",
        "maps of indefinite length, as devices write since 2025",
        .doc = quote(SIM_INDEFINITE));
    PUT("103-unknown-key", "ok", DOC, "a key nobody knows is signed and harmless",
        .doc = edited(
            BYTES_LIT("\xa9\x69module_id"), BYTES_LIT("\xaa\x61x\x01\x69module_id")));
    PUT("104-register-31", "ok", DOC, "register 31 in place of 15",
        .doc = edited_hex("0f5830", "181f5830"));
    PUT("105-max-age", "ok", "RFC 9334 §10", "fresh by its time instead of a nonce",
        .nonce = "", .policy = "\"freshness\":{\"max_age\":\"5m\"},",
        .now_s = test_now_s + 60, .doc = quote(0));
}

static void
put_malformed(void)
{
    uint8_t *zeros = arena_alloc(&scratch, 1, 20000);
    struct selfsame_bytes doc = quote(0);

    PUT("200-nothing", "malformed", DOC, "no bytes at all", .doc = BYTES(zeros, 0));
    PUT("201-trailing-byte", "malformed", "RFC 8949 §5.3.1", "a byte behind the array",
        .doc = quote(SIM_TRAILING_BYTE));
    PUT("202-truncated", "malformed", "RFC 8949 §5.3.1",
        "half of the signature is missing", .doc = quote(SIM_TRUNCATED));
    PUT("203-duplicate-key", "malformed", "RFC 8949 §5.6", "user_data twice",
        .doc = quote(SIM_DUPLICATE_KEY));
    PUT("204-duplicate-register", "malformed", "RFC 8949 §5.6", "PCR14 twice",
        .doc = edited_hex("0f5830", "0e5830"));
    PUT("205-short-register", "malformed", DOC, "PCRs of 32 bytes under digest SHA384",
        .doc = quote(SIM_SHORT_PCR));
    PUT("206-register-32", "malformed", DOC, "there are 32, from 0",
        .doc = edited_hex("0f5830", "18205830"));
    PUT("207-no-digest", "malformed", DOC, "the key digest is missing",
        .doc = edited_hex("66646967657374", "66646967657378"));
    PUT("208-digest-sha256", "unsupported", DOC, "another digest",
        .doc = edited_hex("66534841333834", "66534841323536"));
    PUT("209-nitrotpm", "unsupported", DOC, "nitrotpm_pcrs: another product's document",
        .doc = quote(SIM_NITROTPM));
    PUT("210-other-tag", "malformed", "RFC 9052 §2", "tag 19 instead of 18",
        .doc = poked(quote(SIM_TAGGED), quote(SIM_TAGGED).len, 0x01));
    PUT("211-chunked-string", "malformed", "RFC 8949 §3.2.3", "a text in chunks",
        .doc = edited_hex("66534841333834", "7f6353484163333834ff"));
    PUT("212-unprotected-parameter", "malformed", "RFC 9052 §3",
        "something in the header that nobody signs",
        .doc = replaced(doc, BYTES_LIT("\x84\x44\xa1\x01\x38\x22\xa0"),
            BYTES_LIT("\x84\x44\xa1\x01\x38\x22\xa1\x04\x41\x00"), &scratch));
    PUT("213-key-as-bytes", "malformed", DOC, "nonce as a byte string key",
        .doc = edited_hex("656e6f6e6365", "456e6f6e6365"));
    PUT("214-empty-public-key", "malformed", DOC, "public_key of no bytes",
        .doc = edited_hex("6a7075626c69635f6b6579f6", "6a7075626c69635f6b657940"));
    PUT("215-long-nonce", "malformed", DOC, "a nonce of 1025 bytes",
        .doc = with_nonce(BYTES(zeros, 1025)));
    PUT("216-timestamp-zero", "malformed", DOC, "timestamp 0",
        .doc = edited_hex(
            "6974696d657374616d701b0000", "6974696d657374616d7000610000"));
    PUT("217-long-length", "malformed", "RFC 8949 §4.2.1",
        "a length not in its shortest form",
        .doc = edited_hex("66534841333834", "7806534841333834"));
    PUT("218-not-a-map", "malformed", DOC, "the payload is a number",
        .doc = machine_sign(&machine, ES384_HEADER, BYTES_LIT("\x01"), &scratch));
}

static void
put_chain(void)
{
    static const enum sim_level root_last[] = { SIM_REGIONAL, SIM_ZONAL, SIM_INSTANCE,
        SIM_ROOT };
    static const enum sim_level gap[] = { SIM_ROOT, SIM_REGIONAL, SIM_INSTANCE };
    static const enum sim_level extra[] = { SIM_ROOT, SIM_REGIONAL, SIM_ZONAL,
        SIM_INSTANCE, SIM_LEAF };
    static const enum sim_level twice[] = { SIM_ROOT, SIM_ROOT, SIM_REGIONAL, SIM_ZONAL,
        SIM_INSTANCE };
    static const enum sim_level rootless[] = { SIM_REGIONAL, SIM_ZONAL, SIM_INSTANCE };

    PUT("300-other-root", "bad-chain", CHAIN,
        "a whole chain under a root nobody pinned", .doc = quote(SIM_OTHER_ROOT));
    PUT("301-expired", "bad-chain", "RFC 5280 §4.1.2.5", "the leaf ended an hour ago",
        .doc = quote(SIM_EXPIRED));
    PUT("302-future", "bad-chain", "RFC 5280 §4.1.2.5", "the leaf begins in an hour",
        .doc = quote(SIM_FUTURE));
    PUT("303-replayed", "bad-chain", CHAIN, "a good document, four hours later",
        .now_s = test_now_s + 4 * 3600, .doc = quote(0));
    PUT("304-wrong-order", "bad-chain", CHAIN, "cabundle reversed",
        .doc = quote(SIM_WRONG_ORDER));
    PUT("305-root-last", "bad-chain", CHAIN, "cabundle with its root at the end",
        .doc = with_bundle(root_last, COUNT(root_last)));
    PUT("306-gap", "bad-chain", CHAIN, "the zonal certificate is missing",
        .doc = with_bundle(gap, COUNT(gap)));
    PUT("307-leaf-in-bundle", "bad-chain", CHAIN, "the leaf stands in cabundle too",
        .doc = with_bundle(extra, COUNT(extra)));
    PUT("308-root-twice", "bad-chain", CHAIN, "the root is repeated",
        .doc = with_bundle(twice, COUNT(twice)));
    PUT("309-rootless", "bad-chain", CHAIN, "cabundle begins below the root",
        .doc = with_bundle(rootless, COUNT(rootless)));
    PUT("310-chain-signature", "bad-chain", "RFC 5280 §6.1.3",
        "the zonal certificate is signed by another key",
        .doc = quote(SIM_BAD_CHAIN_SIGNATURE));
    PUT("311-ca-signs", "bad-chain", "RFC 5280 §4.2.1.9",
        "the instance's CA signs the document itself", .doc = quote(SIM_CA_SIGNS));
    PUT("312-other-module", "bad-chain", CHAIN, "module_id that the leaf is not about",
        .doc = edited_hex("73696d2d692d30", "73696d2d692d31"));
    PUT("313-timestamp-outside", "bad-chain", CHAIN,
        "timestamp before the leaf's validity",
        .doc = edited_hex(
            "6974696d657374616d701b0000019e", "6974696d657374616d701b0000019d"));
}

static void
put_signature(void)
{
    struct selfsame_bytes doc = quote(0);

    PUT("400-bad-signature", "bad-signature", "RFC 9052 §4.4",
        "the last bit of s flipped", .doc = quote(SIM_BAD_SIGNATURE));
    PUT("401-altered-nonce", "bad-signature", "RFC 9052 §4.4",
        "the last byte of the payload, in nonce, changed", .doc = poked(doc, 99, 1));
    PUT("402-alg-es256", "unsupported", "RFC 9053 §2.1",
        "ES256 in the protected header", .doc = with_header("a10126"));
    PUT("403-alg-unprotected", "unsupported", "RFC 9052 §3.1",
        "ES384 where it is not signed", .doc = quote(SIM_UNPROTECTED_ALG));
    PUT("404-alg-as-text", "unsupported", "RFC 9053 §2.1", "\"ES384\" as text",
        .doc = with_header("a101654553333834"));
    PUT("405-crit", "unsupported", "RFC 9052 §3.1", "a critical parameter",
        .doc = with_header("a20138220281182a"));
}

static void
put_appraisal(void)
{
    const char *zeros = arena_printf(&scratch,
        "[{\"tee\":\"nitro\",\"pcr\":{\"0\":[\"%096d\"],\"1\":[\"%096d\"],\"2\":[\"%"
        "096d\"]}}]",
        0, 0, 0);
    const char *others = arena_printf(&scratch,
        "[{\"tee\":\"nitro\",\"pcr\":{\"0\":[\"%096d\"],\"1\":[\"%096d\"],\"2\":[\"%"
        "096d\"]}}]",
        1, 1, 1);

    assert_true(zeros != NULL && others != NULL);
    PUT("500-wrong-nonce", "stale", "RFC 9334 §10", "answers another challenge",
        .doc = quote(SIM_WRONG_NONCE));
    PUT("501-no-nonce", "stale", "RFC 9334 §10", "a challenge was sent, nonce is null",
        .doc = quote(SIM_NO_NONCE));
    PUT("502-empty-nonce", "stale", "RFC 9334 §10", "nonce of no bytes",
        .doc = with_nonce(BYTES((const uint8_t *)"", 0)));
    PUT("503-nonce-prefix", "stale", "RFC 9334 §10",
        "the first 15 bytes of the challenge", .doc = with_nonce(BYTES(NONCE.ptr, 15)));
    PUT("504-too-old", "stale", "RFC 9334 §10", "ten minutes old, five allowed",
        .nonce = "", .policy = "\"freshness\":{\"max_age\":\"5m\"},",
        .now_s = test_now_s + 600, .doc = quote(0));
    PUT("505-other-challenge", "stale", "RFC 9334 §10",
        "a good document, another nonce sent", .nonce = OTHER_HEX, .doc = quote(0));
    PUT("506-wrong-binding", "unbound", "attest-tls v1", "other report data",
        .doc = quote(SIM_WRONG_BINDING));
    PUT("507-no-binding", "unbound", "attest-tls v1", "user_data is null",
        .doc = edited(BYTES_LIT("\x69user_data\x4a"
                                "the binder"),
            BYTES_LIT("\x69user_data\xf6")));
    PUT("600-debug", "debug", DOC, "PCR0-2 zero, PCR4 real", .doc = quote(SIM_DEBUG));
    PUT("700-other-measurement", "mismatch", DOC, "another enclave's values wanted",
        .measurements = others, .doc = quote(0));
    PUT("701-simulated", "denied", "README.md", "simulated evidence, hardware wanted",
        .insecure = "[]", .doc = quote(0));
    PUT("702-zero-references", "usage", DOC, "reference values of zero mean debug",
        .measurements = zeros, .doc = quote(SIM_DEBUG));
    PUT("703-no-measurement", "mismatch", "docs/policy.md",
        "a policy that demands no code", .measurements = "[]", .doc = quote(0));
    PUT("704-no-freshness", "usage", "docs/policy.md",
        "a policy that demands no freshness", .policy = "", .doc = quote(0));
}

static void
make(void **state)
{
    (void)state;
    scratch = arena_new(256 << 20);
    machine_start(&machine);
    put_happy();
    put_malformed();
    put_chain();
    put_signature();
    put_appraisal();
    machine_stop(&machine);
    arena_free(&scratch);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest all[] = { cmocka_unit_test(make) };

    if (argc != 2) {
        (void)fprintf(stderr, "usage: make_vectors FOLDER\n");
        return 2;
    }
    folder = argv[1];
    return cmocka_run_group_tests(all, NULL, NULL);
}
