/* SPDX-License-Identifier: Apache-2.0 */
#include "tee_nitro.h"

#include "codec/der.h"

#include <time.h>

/* The named mistakes are those of the list in src/tee/nitro/README.md, "How we tested". */

static const int64_t day = 24 * 3600;

#define assert_judged(judged, want)                                   \
    do {                                                              \
        struct judgement j_ = (judged);                               \
        assert_code(j_.code, (want), &j_.err);                        \
        assert_int_equal(j_.claims.authentic, (want) == SELFSAME_OK); \
    } while (0)

static void
real_documents_verify_inside_their_windows(void **state)
{
    (void)state;
    need_shared();
    for (size_t i = 0; i < COUNT(real_documents); i++) {
        auto_arena arena = arena_new(1 << 20);
        struct selfsame_bytes doc = shared_file(real_documents[i].path, &arena);
        struct judgement j = judge_at(doc, real_documents[i].at, &arena);

        assert_code(j.code, SELFSAME_OK, &j.err);
        assert_true(j.claims.authentic);
        assert_int_equal(j.claims.debug, real_documents[i].debug);
        assert_false(j.claims.simulated);
        assert_false(j.claims.any_anchor);
        assert_int_equal(j.claims.time_ms / 1000, real_documents[i].at);
        assert_int_equal(j.checks.at[CHECK_REVOCATION].outcome, CHECK_NA);
        assert_int_equal(j.checks.at[CHECK_TCB].outcome, CHECK_NA);
        assert_true(nitro_verifier.recognise(doc));
    }
}

/* Mistake 1 and 2: PCR4 is real in a debug enclave, so "all zero" would miss it. */
static void
debug_is_seen_although_pcr4_is_real(void **state)
{
    auto_arena arena = arena_new(1 << 20);

    (void)state;
    need_shared();
    for (size_t i = 0; i < COUNT(real_documents); i++) {
        if (!real_documents[i].debug)
            continue;
        struct judgement j = judge_at(
            shared_file(real_documents[i].path, &arena), real_documents[i].at, &arena);
        const struct claim *pcr4 = claims_find(&j.claims, "pcr.4");

        assert_true(j.claims.debug);
        assert_non_null(pcr4);
        assert_false(bytes_is_zero(pcr4->bytes));
    }
}

/* One register of the three is enough. */
static void
one_zero_register_of_the_three_is_debug(void **state)
{
    auto_arena arena = arena_new(4 << 20);

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct machine m;

        machine_start(&m);
        assert_false(
            judge_at(machine_quote(&m, 0, &arena), test_now_s, &arena).claims.debug);
        memset(m.pcr[i], 0, NITRO_PCR_SIZE);
        struct judgement j = judge_at(machine_quote(&m, 0, &arena), test_now_s, &arena);
        assert_judged(j, SELFSAME_OK);
        assert_true(j.claims.debug);
        machine_stop(&m);
    }
}

/* Mistake 3 is appraisal's; what it goes by is this list. */
static void
a_measurement_must_name_pcr_0_1_and_2(void **state)
{
    (void)state;
    assert_string_equal(nitro_verifier.pins[0], "pcr.0");
    assert_string_equal(nitro_verifier.pins[1], "pcr.1");
    assert_string_equal(nitro_verifier.pins[2], "pcr.2");
    assert_null(nitro_verifier.pins[3]);
}

/* Mistake 4: parsing is not verifying. */
static void
broken_documents_of_others_are_refused(void **state)
{
    static const struct {
        const char *path;
        int64_t at;
        enum selfsame_code code;
    } rows[] = {
        { "vectors/nitro/fortanix+rust-sgx/tampered_signature.cbor", 1631182760,
            SELFSAME_BAD_SIGNATURE },
        { "vectors/nitro/fortanix+rust-sgx/tampered_certificate.cbor", 1631182760,
            SELFSAME_MALFORMED },
        { "vectors/nitro/derived-by-this-collection/doc/aws-pcr0-flipped.cbor",
            1734075478, SELFSAME_BAD_SIGNATURE },
        { "vectors/nitro/derived-by-this-collection/doc/aws-truncated.cbor", 1734075478,
            SELFSAME_MALFORMED },
    };
    auto_arena arena = arena_new(1 << 20);

    (void)state;
    need_shared();
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_judged(judge_at(shared_file(rows[i].path, &arena), rows[i].at, &arena),
            rows[i].code);
}

static void
roots_of_the_caller_replace_the_pinned_ones(void **state)
{
    auto_arena arena = arena_new(1 << 20);

    (void)state;
    need_shared();
    const struct tee_anchor aws = { .tee = "nitro",
        .der = shared_pem("vectors/nitro/fortanix+rust-sgx/aws.crt", &arena) };
    const struct tee_anchor both[] = {
        { .tee = "nitro",
            .der = shared_pem(
                "vectors/nitro/fortanix+rust-sgx/unknown_ca.crt", &arena) },
        aws,
    };
    struct selfsame_bytes doc = shared_file(
        "vectors/nitro/fortanix+rust-sgx/request_proper.cbor", &arena);
    struct tee_trust trust = {
        .now_s = 1631182760, .anchors = both, .anchor_count = 1, .any_anchor = true
    };
    assert_judged(judge_with(doc, &trust, &arena), SELFSAME_BAD_CHAIN);
    trust.anchor_count = 2;
    struct judgement j = judge_with(doc, &trust, &arena);
    assert_judged(j, SELFSAME_OK);
    assert_true(j.claims.any_anchor);
    trust.anchor_count = 0;
    assert_judged(judge_with(doc, &trust, &arena), SELFSAME_BAD_CHAIN);
}

static void
a_mock_document_verifies_under_its_own_root_only(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    static const char base[] = "vectors/nitro/marlinprotocol+oyster-monorepo/";
    char path[128];

    (void)state;
    need_shared();
    (void)snprintf(path, sizeof(path), "%scustom.cbor", base);
    struct selfsame_bytes doc = shared_file(path, &arena);
    (void)snprintf(path, sizeof(path), "%smock-root.crt", base);
    struct selfsame_bytes der = shared_file(path, &arena);
    const struct tee_anchor mock = { .tee = "nitro", .der = der };
    struct tee_trust trust = {
        .now_s = 1734080745, .anchors = &mock, .anchor_count = 1, .any_anchor = true
    };

    struct judgement j = judge_with(doc, &trust, &arena);
    assert_judged(j, SELFSAME_OK);
    assert_int_equal(claims_find(&j.claims, "pcr.7")->bytes.ptr[0], 7);
    assert_judged(judge_at(doc, 1734080745, &arena), SELFSAME_BAD_CHAIN);
}

/* Mistake 5: the whole chain is good, only its root is nobody's. */
static void
the_root_in_the_document_is_not_trusted(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    struct machine m;

    (void)state;
    machine_start(&m);
    struct judgement j = judge_at(
        machine_quote(&m, SIM_OTHER_ROOT, &arena), test_now_s, &arena);
    assert_judged(j, SELFSAME_BAD_CHAIN);
    /* The signature is told nevertheless. */
    assert_int_equal(j.checks.at[CHECK_SIGNATURE].outcome, CHECK_PASS);
    machine_stop(&m);
}

/* The certificates of the machine in another order, signed properly. */
static struct selfsame_bytes
with_bundle(
    struct machine *m, const enum sim_level *order, size_t count, struct arena *arena)
{
    struct selfsame_bytes old = payload_of(machine_quote(m, 0, arena));
    uint8_t *buf = arena_alloc(arena, 1, 2 * NITRO_DOC_MAX);
    uint8_t from[4 * NITRO_FIELD_MAX + 64], to[8 * NITRO_FIELD_MAX + 64];
    struct writer f = writer_of(from, sizeof(from)), t = writer_of(to, sizeof(to));

    assert_non_null(buf);
    cbor_put_array(&f, 4);
    for (enum sim_level i = SIM_ROOT; i < SIM_LEAF; i++)
        cbor_put_bytes(&f, sim_cert_der(m->pki, i));
    cbor_put_array(&t, count);
    for (size_t i = 0; i < count; i++)
        cbor_put_bytes(&t, sim_cert_der(m->pki, order[i]));
    assert_false(f.bad || t.bad);
    return machine_sign(m, ES384_HEADER,
        replaced(old, writer_bytes(&f), writer_bytes(&t), arena), arena);
}

/* Mistake 6. */
static void
permuted_bundles_are_refused(void **state)
{
    static const struct {
        enum sim_level order[6];
        size_t count;
    } rows[] = {
        { { SIM_INSTANCE, SIM_ZONAL, SIM_REGIONAL, SIM_ROOT }, 4 },
        { { SIM_ROOT, SIM_ZONAL, SIM_REGIONAL, SIM_INSTANCE }, 4 },
        { { SIM_REGIONAL, SIM_ZONAL, SIM_INSTANCE, SIM_ROOT }, 4 },
        { { SIM_ROOT, SIM_REGIONAL, SIM_ZONAL }, 3 },
        { { SIM_ROOT, SIM_REGIONAL, SIM_INSTANCE }, 3 },
        { { SIM_REGIONAL, SIM_ZONAL, SIM_INSTANCE }, 3 },
        { { SIM_ROOT, SIM_REGIONAL, SIM_ZONAL, SIM_INSTANCE, SIM_LEAF }, 5 },
        { { SIM_ROOT, SIM_ROOT, SIM_REGIONAL, SIM_ZONAL, SIM_INSTANCE }, 5 },
        { { SIM_ROOT, SIM_REGIONAL, SIM_ZONAL, SIM_ZONAL, SIM_INSTANCE }, 5 },
        { { SIM_ROOT }, 1 },
    };
    static const enum sim_level good[] = { SIM_ROOT, SIM_REGIONAL, SIM_ZONAL,
        SIM_INSTANCE };
    auto_arena arena = arena_new(16 << 20);
    struct machine m;

    (void)state;
    machine_start(&m);
    assert_judged(
        judge_at(with_bundle(&m, good, COUNT(good), &arena), test_now_s, &arena),
        SELFSAME_OK);
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_judged(judge_at(with_bundle(&m, rows[i].order, rows[i].count, &arena),
                          test_now_s, &arena),
            SELFSAME_BAD_CHAIN);
    machine_stop(&m);
}

/* Mistake 7: the document's own time is not the time of verification. */
static void
an_old_document_is_refused_live(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    struct machine m;

    (void)state;
    machine_start(&m);
    struct selfsame_bytes doc = machine_quote(&m, 0, &arena);
    assert_judged(judge_at(doc, test_now_s, &arena), SELFSAME_OK);
    assert_judged(judge_at(doc, test_now_s + 3 * 3600, &arena), SELFSAME_OK);
    assert_judged(judge_at(doc, test_now_s + 3 * 3600 + 1, &arena), SELFSAME_BAD_CHAIN);
    assert_judged(judge_at(doc, test_now_s - 3, &arena), SELFSAME_OK);
    assert_judged(judge_at(doc, test_now_s - 4, &arena), SELFSAME_BAD_CHAIN);
    assert_judged(judge_at(doc, test_now_s + 7 * day, &arena), SELFSAME_BAD_CHAIN);
    machine_stop(&m);
    if (shared_present())
        assert_judged(
            judge_at(shared_file(real_documents[0].path, &arena), test_now_s, &arena),
            SELFSAME_BAD_CHAIN);
}

static void
defects_give_their_class(void **state)
{
    static const struct {
        uint64_t defects;
        enum selfsame_code code;
    } rows[] = {
        { 0, SELFSAME_OK },
        { SIM_TAGGED, SELFSAME_OK },
        { SIM_INDEFINITE, SELFSAME_OK },
        { SIM_TAGGED | SIM_INDEFINITE, SELFSAME_OK },
        /* Authentic; refused by appraisal. */
        { SIM_DEBUG, SELFSAME_OK },
        { SIM_WRONG_NONCE, SELFSAME_OK },
        { SIM_NO_NONCE, SELFSAME_OK },
        { SIM_WRONG_BINDING, SELFSAME_OK },
        { SIM_EXPIRED, SELFSAME_BAD_CHAIN },
        { SIM_FUTURE, SELFSAME_BAD_CHAIN },
        { SIM_BAD_SIGNATURE, SELFSAME_BAD_SIGNATURE },
        { SIM_BAD_CHAIN_SIGNATURE, SELFSAME_BAD_CHAIN },
        { SIM_BAD_CHAIN_SIGNATURE | SIM_BAD_SIGNATURE, SELFSAME_BAD_CHAIN },
        { SIM_WRONG_ORDER, SELFSAME_BAD_CHAIN },
        { SIM_OTHER_ROOT, SELFSAME_BAD_CHAIN },
        { SIM_CA_SIGNS, SELFSAME_BAD_CHAIN },
        { SIM_WRONG_ALG, SELFSAME_UNSUPPORTED },
        { SIM_UNPROTECTED_ALG, SELFSAME_UNSUPPORTED },
        { SIM_TRAILING_BYTE, SELFSAME_MALFORMED },
        { SIM_DUPLICATE_KEY, SELFSAME_MALFORMED },
        { SIM_TRUNCATED, SELFSAME_MALFORMED },
        { SIM_SHORT_PCR, SELFSAME_MALFORMED },
        { SIM_NITROTPM, SELFSAME_UNSUPPORTED },
    };
    auto_arena arena = arena_new(16 << 20);
    struct machine m;

    (void)state;
    machine_start(&m);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct judgement j = judge_at(
            machine_quote(&m, rows[i].defects, &arena), test_now_s, &arena);

        if (j.code != rows[i].code)
            fail_msg("defects %llx: expected %s, got %s: %s",
                (unsigned long long)rows[i].defects, selfsame_code_name(rows[i].code),
                selfsame_code_name(j.code), err_text(&j.err));
        assert_int_equal(j.claims.debug, (rows[i].defects & SIM_DEBUG) != 0);
    }
    machine_stop(&m);
}

/* Mistake 8: signed as said, but not ES384 in the protected header. */
static void
other_algorithms_are_refused(void **state)
{
    static const struct {
        const char *header; /* hex */
        enum selfsame_code code;
    } rows[] = {
        { "a1013822", SELFSAME_OK }, { "a10126", SELFSAME_UNSUPPORTED }, /* ES256 */
        { "a1013823", SELFSAME_UNSUPPORTED },                            /* ES512 */
        { "a10120", SELFSAME_UNSUPPORTED },           /* -1, as QEMU's */
        { "a101654553333834", SELFSAME_UNSUPPORTED }, /* "ES384" as text */
        { "a0", SELFSAME_UNSUPPORTED },               /* none */
        { "a10138ff", SELFSAME_UNSUPPORTED },         /* another */
        { "a2013822013822", SELFSAME_MALFORMED },     /* twice */
        { "a20138220281182a", SELFSAME_UNSUPPORTED }, /* crit */
    };
    auto_arena arena = arena_new(16 << 20);
    struct machine m;

    (void)state;
    machine_start(&m);
    struct selfsame_bytes payload = payload_of(machine_quote(&m, 0, &arena));
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_judged(
            judge_at(machine_sign(&m, unhex(rows[i].header, &arena), payload, &arena),
                test_now_s, &arena),
            rows[i].code);
    machine_stop(&m);
}

static void
anything_in_the_unprotected_header_is_refused(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    struct machine m;

    (void)state;
    machine_start(&m);
    struct selfsame_bytes doc = replaced(machine_quote(&m, 0, &arena),
        BYTES_LIT("\x84\x44\xa1\x01\x38\x22\xa0"),
        BYTES_LIT("\x84\x44\xa1\x01\x38\x22\xa1\x04\x41\x00"), &arena);
    assert_judged(judge_at(doc, test_now_s, &arena), SELFSAME_MALFORMED);
    machine_stop(&m);
}

/* Mistake 9. */
static void
other_tags_are_refused(void **state)
{
    static const uint8_t tags[][3] = { { 0xd1 }, { 0xd3 }, { 0xd2, 0xd2 },
        { 0xd9, 0xd9, 0xf7 } };
    static const size_t sizes[] = { 1, 1, 2, 3 };
    auto_arena arena = arena_new(1 << 20);
    struct machine m;

    (void)state;
    machine_start(&m);
    struct selfsame_bytes doc = machine_quote(&m, 0, &arena);
    for (size_t i = 0; i < COUNT(tags); i++) {
        uint8_t *buf = arena_alloc(&arena, 1, doc.len + 3);
        struct writer w = writer_of(buf, doc.len + 3);

        assert_non_null(buf);
        put_bytes(&w, BYTES(tags[i], sizes[i]));
        put_bytes(&w, doc);
        assert_judged(
            judge_at(writer_bytes(&w), test_now_s, &arena), SELFSAME_MALFORMED);
    }
    machine_stop(&m);
}

/* Mistake 10, and the other way round: chunked strings never occur. */
static void
indefinite_maps_are_read_and_chunked_strings_are_not(void **state)
{
    auto_arena arena = arena_new(2 << 20);
    struct machine m;

    (void)state;
    machine_start(&m);
    assert_judged(
        judge_at(machine_quote(&m, SIM_INDEFINITE, &arena), test_now_s, &arena),
        SELFSAME_OK);
    struct selfsame_bytes payload = payload_of(machine_quote(&m, 0, &arena));
    struct selfsame_bytes chunked = replaced(payload, BYTES_LIT("\x66SHA384"),
        BYTES_LIT("\x7f\x63SHA\x63"
                  "384\xff"),
        &arena);
    assert_judged(
        judge_at(machine_sign(&m, ES384_HEADER, chunked, &arena), test_now_s, &arena),
        SELFSAME_MALFORMED);
    machine_stop(&m);
}

/* A payload with one place replaced, signed, judged. */
static struct judgement
judge_edited(struct machine *m, struct selfsame_bytes from, struct selfsame_bytes to,
    struct arena *arena)
{
    struct selfsame_bytes payload = replaced(
        payload_of(machine_quote(m, 0, arena)), from, to, arena);

    return judge_at(machine_sign(m, ES384_HEADER, payload, arena), test_now_s, arena);
}

#define NONCE_FIELD           \
    BYTES_LIT("\x65nonce\x50" \
              "0123456789abcdef")

/* Mistake 11: absent and null say "none"; empty is a value of its own. */
static void
absent_null_and_empty_nonces_differ_from_each_other(void **state)
{
    auto_arena arena = arena_new(4 << 20);
    struct machine m;

    (void)state;
    machine_start(&m);
    struct judgement j = judge_edited(
        &m, NONCE_FIELD, BYTES_LIT("\x65nonce\xf6"), &arena);
    assert_judged(j, SELFSAME_OK);
    assert_null(j.claims.nonce.ptr);
    assert_int_equal(claims_find(&j.claims, "nonce")->kind, CLAIM_NULL);

    j = judge_edited(&m, NONCE_FIELD, BYTES_LIT("\x64none\xf6"), &arena);
    assert_judged(j, SELFSAME_OK);
    assert_null(j.claims.nonce.ptr);

    j = judge_edited(&m, NONCE_FIELD, BYTES_LIT("\x65nonce\x40"), &arena);
    assert_judged(j, SELFSAME_OK);
    assert_non_null(j.claims.nonce.ptr);
    assert_int_equal(j.claims.nonce.len, 0);

    j = judge_edited(&m, NONCE_FIELD, BYTES_LIT("\x65nonce\x60"), &arena);
    assert_judged(j, SELFSAME_MALFORMED);
    machine_stop(&m);
}

/* Mistakes 12 and 15 and the limits of attestation_process.md. */
static void
payloads_beyond_the_limits_are_refused(void **state)
{
    static const struct {
        const char *from, *to; /* hex */
        enum selfsame_code code;
    } rows[] = {
        /* a key of PCR 15 turned into 14: twice 14 */
        { "0f5830", "0e5830", SELFSAME_MALFORMED },
        /* into 32: no such register */
        { "0f5830", "18205830", SELFSAME_MALFORMED },
        /* into 31: there is */
        { "0f5830", "181f5830", SELFSAME_OK },
        { "0f5830", "205830", SELFSAME_MALFORMED },   /* -1 */
        { "0f5830", "61355830", SELFSAME_MALFORMED }, /* "5" */
        /* digest */
        { "66534841333834", "66534841323536", SELFSAME_UNSUPPORTED },
        { "66534841333834", "66534841353132", SELFSAME_UNSUPPORTED },
        { "66534841333834", "66736861333834", SELFSAME_UNSUPPORTED },
        { "66534841333834", "46534841333834", SELFSAME_MALFORMED },
        /* keys: digest → digesx (missing), unknown added by renaming nonce */
        { "66646967657374", "66646967657378", SELFSAME_MALFORMED },
        { "6470637273b000", "6470637278b000", SELFSAME_MALFORMED },
        { "656e6f6e6365", "656e6f6e6366", SELFSAME_OK },
        { "656e6f6e6365", "456e6f6e6365", SELFSAME_MALFORMED },
        { "656e6f6e6365", "69757365725f64617461", SELFSAME_MALFORMED },
        /* timestamp: zero, text, negative, and before the leaf's validity */
        { "6974696d657374616d701b", "6974696d657374616d70003b", SELFSAME_MALFORMED },
        { "6974696d657374616d701b", "6974696d657374616d703b", SELFSAME_MALFORMED },
        { "6974696d657374616d701b00", "6974696d657374616d701bff", SELFSAME_MALFORMED },
        { "6974696d657374616d701b0000019e", "6974696d657374616d701b0000019d",
            SELFSAME_BAD_CHAIN },
        /* module_id that the leaf is not about */
        { "73696d2d692d30", "73696d2d692d31", SELFSAME_BAD_CHAIN },
        { "73696d2d692d30", "74696d2d692d30", SELFSAME_BAD_CHAIN },
        /* public_key: null is fine, empty is not */
        { "6a7075626c69635f6b6579f6", "6a7075626c69635f6b657940", SELFSAME_MALFORMED },
        { "6a7075626c69635f6b6579f6", "6a7075626c69635f6b6579f7", SELFSAME_MALFORMED },
        /* the map ends early or late */
        { "a9696d6f64", "a8696d6f64", SELFSAME_MALFORMED },
        { "a9696d6f64", "aa696d6f64", SELFSAME_MALFORMED },
    };
    auto_arena arena = arena_new(32 << 20);
    struct machine m;

    (void)state;
    machine_start(&m);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct judgement j = judge_edited(
            &m, unhex(rows[i].from, &arena), unhex(rows[i].to, &arena), &arena);

        if (j.code != rows[i].code)
            fail_msg("row %zu (%s): expected %s, got %s: %s", i, rows[i].to,
                selfsame_code_name(rows[i].code), selfsame_code_name(j.code),
                err_text(&j.err));
    }
    machine_stop(&m);
}

static void
fields_over_1024_bytes_are_refused(void **state)
{
    auto_arena arena = arena_new(4 << 20);
    uint8_t field[2][1100], zeros[1100] = { 0 };
    struct machine m;

    (void)state;
    machine_start(&m);
    for (size_t i = 0; i < 2; i++) {
        struct writer w = writer_of(field[i], sizeof(field[i]));

        cbor_put_str(&w, "nonce");
        cbor_put_bytes(&w, BYTES(zeros, 1024 + i));
        assert_judged(judge_edited(&m, NONCE_FIELD, writer_bytes(&w), &arena),
            i == 0 ? SELFSAME_OK : SELFSAME_MALFORMED);
    }
    machine_stop(&m);
}

static void
payloads_over_16384_bytes_are_refused(void **state)
{
    auto_arena arena = arena_new(4 << 20);
    struct machine m;

    (void)state;
    machine_start(&m);
    struct selfsame_bytes payload = payload_of(machine_quote(&m, 0, &arena));
    for (size_t over = 0; over < 2; over++) {
        /* An unknown key fills the payload up to the limit, then one past it. */
        size_t room = NITRO_PAYLOAD_MAX + over - payload.len;
        uint8_t *buf = arena_alloc(&arena, 1, room + 64);
        struct writer w = writer_of(buf, room + 64);
        uint8_t *filler = arena_alloc(&arena, 1, room);

        assert_true(buf != NULL && filler != NULL);
        put_bytes(&w, BYTES_LIT("\xaa\x61x"));
        cbor_put_bytes(&w, BYTES(filler, room - 2 - 3));
        put_bytes(&w, BYTES_LIT("\x69module_id"));
        assert_judged(
            judge_edited(&m, BYTES_LIT("\xa9\x69module_id"), writer_bytes(&w), &arena),
            over == 0 ? SELFSAME_OK : SELFSAME_MALFORMED);
    }
    machine_stop(&m);
}

/* n of P-384 (SEC 2 §2.5.1). */
static const char order_hex[] =
    "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4"
    "372ddf581a0db248b0a77aecec196accc52973";

/* The signature (its last 96 bytes) with s replaced by n - s. */
static struct selfsame_bytes
with_other_s(struct selfsame_bytes doc, struct arena *arena)
{
    struct selfsame_bytes n = unhex(order_hex, arena), copy;
    int borrow = 0;

    assert_true(arena_dup(arena, doc, &copy));
    uint8_t *out = arena_alloc(arena, 1, copy.len);
    assert_non_null(out);
    memcpy(out, doc.ptr, doc.len);
    for (size_t i = 48; i-- > 0;) {
        int d = n.ptr[i] - doc.ptr[doc.len - 48 + i] - borrow;

        borrow = d < 0;
        out[doc.len - 48 + i] = (uint8_t)(d & 0xff);
    }
    return BYTES(out, doc.len);
}

/* Mistake 13: both values of s are genuine, so documents must not be told apart by bytes. */
static void
high_and_low_s_are_both_accepted(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    struct machine m;

    (void)state;
    machine_start(&m);
    struct selfsame_bytes doc = machine_quote(&m, 0, &arena);
    assert_judged(judge_at(doc, test_now_s, &arena), SELFSAME_OK);
    assert_judged(judge_at(with_other_s(doc, &arena), test_now_s, &arena), SELFSAME_OK);
    machine_stop(&m);
}

/* Mistake 14: until a half with a leading zero byte and one with the top bit came up. */
static void
signature_halves_of_any_first_byte_are_accepted(void **state)
{
    unsigned zero = 0, top = 0;
    struct machine m;

    (void)state;
    machine_start(&m);
    for (unsigned i = 0; i < 20000 && (zero == 0 || top == 0); i++) {
        auto_arena arena = arena_new(1 << 20);
        struct selfsame_bytes doc = machine_quote(&m, 0, &arena);
        const uint8_t *r = doc.ptr + doc.len - 96, *s = r + 48;
        bool has_zero = r[0] == 0 || s[0] == 0, has_top = r[0] >> 7 || s[0] >> 7;

        if ((has_zero && zero == 0) || (has_top && top == 0))
            assert_judged(judge_at(doc, test_now_s, &arena), SELFSAME_OK);
        zero += has_zero;
        top += has_top;
    }
    assert_true(zero > 0 && top > 0);
    machine_stop(&m);
}

static void
r_and_s_out_of_range_are_refused(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    struct machine m;

    (void)state;
    machine_start(&m);
    struct selfsame_bytes doc = machine_quote(&m, 0, &arena),
                          n = unhex(order_hex, &arena);
    for (unsigned i = 0; i < 4; i++) {
        uint8_t *bad = arena_alloc(&arena, 1, doc.len);

        assert_non_null(bad);
        memcpy(bad, doc.ptr, doc.len);
        uint8_t *half = bad + doc.len - (i & 1 ? 48 : 96);
        if (i & 2)
            memcpy(half, n.ptr, n.len);
        else
            memset(half, 0, 48);
        struct judgement j = judge_at(BYTES(bad, doc.len), test_now_s, &arena);
        assert_true(j.code == SELFSAME_BAD_SIGNATURE || j.code == SELFSAME_MALFORMED);
        assert_false(j.claims.authentic);
    }
    machine_stop(&m);
}

/* ECDSA-Sig-Value from r||s, as certificates carry it. */
static void
put_der_signature(struct writer *w, struct selfsame_bytes rs)
{
    uint8_t body[128];
    struct writer b = writer_of(body, sizeof(body));

    for (size_t i = 0; i < 2; i++) {
        struct selfsame_bytes half = BYTES(rs.ptr + i * 48, 48);

        while (half.len > 1 && half.ptr[0] == 0)
            half = BYTES(half.ptr + 1, half.len - 1);
        bool sign = half.ptr[0] >> 7;
        put_u8(&b, DER_INTEGER);
        put_u8(&b, (uint8_t)(half.len + sign));
        if (sign)
            put_u8(&b, 0);
        put_bytes(&b, half);
    }
    put_u8(w, DER_SEQUENCE);
    put_u8(w, (uint8_t)b.len);
    put_bytes(w, writer_bytes(&b));
}

static const uint8_t ecdsa_sha384[] = { 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x04, 0x03, 0x03 };
static const uint8_t ecdsa_sha256[] = { 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x04, 0x03, 0x02 };

/* The certificate `der` with its TBS changed, signed again by `issuer`. */
static struct selfsame_bytes
resigned(struct selfsame_bytes der, struct selfsame_bytes from,
    struct selfsame_bytes to, const struct key *issuer, struct arena *arena)
{
    struct selfsame_err e = { .depth = 0 };
    struct selfsame_bytes sig;
    uint8_t digest[HASH_MAX], sig_der[160];
    struct cert c;

    assert_int_equal(from.len, to.len);
    assert_code(cert_parse(der, &c, &e), SELFSAME_OK, &e);
    struct selfsame_bytes tbs = replaced(c.tbs, from, to, arena);
    const bool sha256 = bytes_eq(to, BYTES_ARR(ecdsa_sha256));
    const enum hash_alg alg = sha256 ? HASH_SHA256 : HASH_SHA384;
    assert_true(hash_bytes(alg, tbs, digest));
    assert_code(key_sign(issuer, alg, BYTES(digest, hash_size(alg)), arena, &sig, &e),
        SELFSAME_OK, &e);
    struct writer s = writer_of(sig_der, sizeof(sig_der));
    put_der_signature(&s, sig);
    uint8_t *buf = arena_alloc(arena, 1, 1200);
    assert_non_null(buf);
    struct writer w = writer_of(buf, 1200);
    put_u8(&w, DER_SEQUENCE);
    put_u8(&w, 0x82);
    put_be16(&w, (uint16_t)(tbs.len + sizeof(ecdsa_sha384) + 3 + s.len));
    put_bytes(&w, tbs);
    put_bytes(&w, sha256 ? BYTES_ARR(ecdsa_sha256) : BYTES_ARR(ecdsa_sha384));
    put_u8(&w, DER_BIT_STRING);
    put_u8(&w, (uint8_t)(s.len + 1));
    put_u8(&w, 0);
    put_bytes(&w, writer_bytes(&s));
    assert_false(w.bad || s.bad);
    return writer_bytes(&w);
}

/* A document whose leaf was re-issued by the instance key with some bytes changed. */
static struct judgement
judge_leaf(struct machine *m, struct selfsame_bytes from, struct selfsame_bytes to,
    struct cert_cache *cache, struct arena *arena)
{
    struct selfsame_bytes payload = payload_of(machine_quote(m, 0, arena));
    struct selfsame_bytes old = sim_cert_der(m->pki, SIM_LEAF);
    struct selfsame_bytes new = resigned(
        old, from, to, m->pki->at[SIM_INSTANCE].key, arena);
    uint8_t a[1100], b[1100];
    struct writer wa = writer_of(a, sizeof(a)), wb = writer_of(b, sizeof(b));
    struct tee_trust trust = pinned_at(test_now_s);

    trust.cache = cache;
    cbor_put_bytes(&wa, old);
    cbor_put_bytes(&wb, new);
    payload = replaced(payload, writer_bytes(&wa), writer_bytes(&wb), arena);
    return judge_with(machine_sign(m, ES384_HEADER, payload, arena), &trust, arena);
}

/* Two days on instance and leaf are made anew, as the test has bent the machine. */
static struct judgement
judge_renewed(struct machine *m, struct arena *arena)
{
    struct selfsame_err e = { .depth = 0 };
    struct tee_collected doc = { .evidence = BYTES_NONE };
    const int64_t later = test_now_s + 2 * day;
    const struct sim_quote_request q = {
        .now_ms = later * 1000,
        .subject.measured = m->measured,
        .subject.measured_count = COUNT(m->measured),
    };

    assert_code(nitro_simulator.quote(m->pki, &q, arena, &doc, &e), SELFSAME_OK, &e);
    return judge_at(doc.evidence, later, arena);
}

static void
an_instance_certificate_of_another_instance_is_refused(void **state)
{
    auto_arena arena = arena_new(4 << 20);
    struct machine m;

    (void)state;
    machine_start(&m);
    assert_judged(judge_renewed(&m, &arena), SELFSAME_OK);
    machine_stop(&m);
    machine_start(&m);
    m.pki->instance[8] ^= 1; /* module_id, and so the leaf, stay */
    struct judgement j = judge_renewed(&m, &arena);
    assert_judged(j, SELFSAME_BAD_CHAIN);
    assert_non_null(strstr(err_text(&j.err), "instance certificate"));
    machine_stop(&m);
}

static void
an_instance_key_of_another_curve_is_refused(void **state)
{
    auto_arena arena = arena_new(4 << 20);
    struct selfsame_err e = { .depth = 0 };
    struct machine m;

    (void)state;
    machine_start(&m);
    key_free(&m.pki->at[SIM_INSTANCE].key);
    assert_code(
        key_generate(KEY_P256, &m.pki->at[SIM_INSTANCE].key, &e), SELFSAME_OK, &e);
    struct judgement j = judge_renewed(&m, &arena);
    assert_judged(j, SELFSAME_BAD_CHAIN);
    assert_non_null(strstr(err_text(&j.err), "expected a P-384 key"));
    machine_stop(&m);
}

/* A genuine key under SHA-256: right in X.509, never AWS's. */
static void
a_leaf_signed_over_sha256_is_refused(void **state)
{
    auto_arena arena = arena_new(2 << 20);
    struct machine m;

    (void)state;
    machine_start(&m);
    struct judgement j = judge_leaf(
        &m, BYTES_ARR(ecdsa_sha384), BYTES_ARR(ecdsa_sha256), NULL, &arena);
    assert_judged(j, SELFSAME_BAD_CHAIN);
    assert_non_null(strstr(err_text(&j.err), "expected ecdsa-with-SHA384"));
    machine_stop(&m);
}

/* Mistake 16. */
static void
an_instance_certificate_cannot_sign_documents(void **state)
{
    auto_arena arena = arena_new(2 << 20);
    struct machine m;

    (void)state;
    machine_start(&m);
    struct judgement j = judge_at(
        machine_quote(&m, SIM_CA_SIGNS, &arena), test_now_s, &arena);
    assert_judged(j, SELFSAME_BAD_CHAIN);
    assert_int_equal(j.checks.at[CHECK_SIGNATURE].outcome, CHECK_PASS);
    machine_stop(&m);
}

static void
a_leaf_without_digital_signature_is_refused(void **state)
{
    auto_arena arena = arena_new(2 << 20);
    struct machine m;

    (void)state;
    machine_start(&m);
    /* keyUsage: OCTET STRING of BIT STRING {0,1} becomes {1} */
    assert_judged(judge_leaf(&m, BYTES_LIT("\x04\x04\x03\x02\x06\xc0"),
                      BYTES_LIT("\x04\x04\x03\x02\x06\xc0"), NULL, &arena),
        SELFSAME_OK);
    assert_judged(judge_leaf(&m, BYTES_LIT("\x04\x04\x03\x02\x06\xc0"),
                      BYTES_LIT("\x04\x04\x03\x02\x06\x40"), NULL, &arena),
        SELFSAME_BAD_CHAIN);
    machine_stop(&m);
}

/* Mistake 19: nothing is remembered of a certificate but all of its bytes. */
static void
a_certificate_with_a_known_serial_but_other_bytes_is_verified_anew(void **state)
{
    auto_arena arena = arena_new(4 << 20);
    struct cert_cache *cache = cert_cache_new(64);
    struct machine m;

    (void)state;
    assert_non_null(cache);
    machine_start(&m);
    struct tee_trust trust = pinned_at(test_now_s);
    trust.cache = cache;
    struct selfsame_bytes doc = machine_quote(&m, 0, &arena);
    assert_judged(judge_with(doc, &trust, &arena), SELFSAME_OK);
    assert_judged(judge_with(doc, &trust, &arena), SELFSAME_OK);
    assert_true(cert_cache_stats(cache).hits > 0);

    struct cert_cache_stats before = cert_cache_stats(cache);
    assert_judged(judge_leaf(&m, BYTES_LIT("\x04\x04\x03\x02\x06\xc0"),
                      BYTES_LIT("\x04\x04\x03\x02\x06\xc0"), cache, &arena),
        SELFSAME_OK);
    /* Same serial and content, another signature: not the certificate known. */
    assert_true(cert_cache_stats(cache).misses > before.misses);

    /* Time is looked at on every hit. */
    trust.now_s += day;
    assert_judged(judge_with(doc, &trust, &arena), SELFSAME_BAD_CHAIN);
    machine_stop(&m);
    cert_cache_free(cache);
}

/* Mistake 20: the instance vouches for a leaf whose key is no point of the curve. */
static void
a_leaf_key_off_the_curve_is_refused(void **state)
{
    auto_arena arena = arena_new(4 << 20);
    struct selfsame_err e = { .depth = 0 };
    struct machine m;
    struct cert leaf;
    uint8_t bad[96];

    (void)state;
    machine_start(&m);
    assert_code(cert_parse(sim_cert_der(m.pki, SIM_LEAF), &leaf, &e), SELFSAME_OK, &e);
    assert_int_equal(leaf.key.len, 96);
    memcpy(bad, leaf.key.ptr, 96);
    bad[95] ^= 1;
    struct judgement j = judge_leaf(&m, leaf.key, BYTES_ARR(bad), NULL, &arena);
    assert_int_not_equal(j.code, SELFSAME_OK);
    assert_false(j.claims.authentic);
    memset(bad, 0xff, 48); /* x >= p */
    j = judge_leaf(&m, leaf.key, BYTES_ARR(bad), NULL, &arena);
    assert_int_not_equal(j.code, SELFSAME_OK);
    assert_false(j.claims.authentic);
    machine_stop(&m);
}

static void
both_failures_stand_in_the_verdict(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    struct machine m;

    (void)state;
    machine_start(&m);
    struct judgement j = judge_at(
        machine_quote(&m, SIM_EXPIRED | SIM_BAD_SIGNATURE, &arena), test_now_s, &arena);
    assert_judged(j, SELFSAME_BAD_CHAIN);
    assert_int_equal(j.checks.at[CHECK_PARSE].outcome, CHECK_PASS);
    assert_int_equal(j.checks.at[CHECK_CHAIN].outcome, CHECK_FAIL);
    assert_int_equal(j.checks.at[CHECK_CHAIN].code, SELFSAME_BAD_CHAIN);
    assert_int_equal(j.checks.at[CHECK_SIGNATURE].outcome, CHECK_FAIL);
    assert_int_equal(j.checks.at[CHECK_SIGNATURE].code, SELFSAME_BAD_SIGNATURE);
    assert_true(j.claims.count > 0);
    j = judge_at(BYTES_LIT("no CBOR at all"), test_now_s, &arena);
    assert_judged(j, SELFSAME_MALFORMED);
    assert_int_equal(j.checks.at[CHECK_CHAIN].outcome, CHECK_SKIPPED);
    machine_stop(&m);
}

static void
claims_say_what_the_document_says(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    struct machine m;

    (void)state;
    machine_start(&m);
    struct judgement j = judge_at(machine_quote(&m, 0, &arena), test_now_s, &arena);
    assert_judged(j, SELFSAME_OK);
    assert_string_equal(j.claims.tee, "nitro");
    assert_true(j.claims.simulated);
    assert_true(j.claims.has_time && j.claims.has_nonce_field);
    assert_true(j.claims.time_ms == test_now_s * 1000);
    assert_bytes(j.claims.nonce, BYTES_LIT("0123456789abcdef"));
    assert_bytes(j.claims.report_data, BYTES_LIT("the binder"));
    assert_null(j.claims.public_key.ptr);
    for (unsigned i = 0; i < 3; i++)
        assert_bytes(
            claims_find(&j.claims, nitro_pcr_path(i))->bytes, m.measured[i].bytes);
    assert_bytes(
        claims_find(&j.claims, "module_id")->bytes, bytes_str(m.pki->module_id));
    assert_true(
        claims_find(&j.claims, "timestamp_ms")->number == (uint64_t)test_now_s * 1000);
    assert_null(claims_find(&j.claims, "pcr.16"));
    machine_stop(&m);
}

/* A root of one's own stays marked: module_id says so in the signed payload. */
static void
a_simulator_with_another_root_is_still_simulated(void **state)
{
    auto_arena arena = arena_new(2 << 20);
    struct selfsame_err e = { .depth = 0 };
    struct tee_collected doc = { .evidence = BYTES_NONE };
    struct selfsame_bytes der;
    struct sim_pki *pki = NULL;
    char *pem;

    (void)state;
    assert_code(
        nitro_simulator.new_root(test_now_s * 1000, &arena, &pem, &e), SELFSAME_OK, &e);
    struct selfsame_bytes text = bytes_str(pem);
    assert_code(
        nitro_simulator.pki(text, test_now_s * 1000, &pki, &e), SELFSAME_OK, &e);
    assert_code(pem_next(&text, "CERTIFICATE", &arena, &der, &e), SELFSAME_OK, &e);
    const struct sim_quote_request q = { .now_ms = test_now_s * 1000 };
    assert_code(nitro_simulator.quote(pki, &q, &arena, &doc, &e), SELFSAME_OK, &e);
    const struct tee_anchor anchor = { .tee = "nitro", .der = der };
    struct tee_trust trust = {
        .now_s = test_now_s, .anchors = &anchor, .anchor_count = 1, .any_anchor = true
    };
    struct judgement j = judge_with(doc.evidence, &trust, &arena);
    assert_judged(j, SELFSAME_OK);
    assert_true(j.claims.simulated);
    assert_true(j.claims.any_anchor);
    assert_judged(judge_at(doc.evidence, test_now_s, &arena), SELFSAME_BAD_CHAIN);
    nitro_simulator.pki_free(pki);
}

static void
a_leaf_is_renewed_when_it_ends(void **state)
{
    auto_arena arena = arena_new(8 << 20);
    struct machine m;

    (void)state;
    machine_start(&m);
    static const int64_t later[] = { 0, 3600, 3 * 3600, 3 * 3600 + 60, 30 * 3600,
        8 * 24 * 3600, 40 * 24 * 3600 };
    for (size_t i = 0; i < COUNT(later); i++) {
        struct selfsame_err e = { .depth = 0 };
        struct tee_collected doc = { .evidence = BYTES_NONE };
        int64_t now = test_now_s + later[i];
        const struct sim_quote_request q = { .now_ms = now * 1000 };

        assert_code(
            nitro_simulator.quote(m.pki, &q, &arena, &doc, &e), SELFSAME_OK, &e);
        assert_judged(judge_at(doc.evidence, now, &arena), SELFSAME_OK);
    }
    machine_stop(&m);
}

/* The only test that asks the clock: a release must not ship a root about to end. */
static void
no_pinned_root_ends_within_90_days(void **state)
{
    (void)state;
    for (size_t i = 0; i < nitro_verifier.anchor_count; i++) {
        struct selfsame_err e = { .depth = 0 };
        struct cert c;

        assert_code(cert_parse(nitro_verifier.anchors[i].der, &c, &e), SELFSAME_OK, &e);
        assert_true(c.not_after > (int64_t)time(NULL) + 90 * day);
    }
}

static void
the_pinned_roots_have_their_fingerprints(void **state)
{
    auto_arena arena = arena_new(1 << 16);
    uint8_t digest[HASH_MAX];

    (void)state;
    assert_true(hash_bytes(HASH_SHA256, BYTES_ARR(nitro_root_aws_g1), digest));
    assert_bytes(BYTES(digest, 32),
        unhex("641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b",
            &arena));
    assert_true(hash_bytes(HASH_SHA256, BYTES_ARR(nitro_root_simulated), digest));
    assert_bytes(BYTES(digest, 32),
        unhex("a00e6d769f51fea6b11dfbf569b10a007df50f72a8dad62876035c6082a29a76",
            &arena));
    assert_false(nitro_verifier.anchors[0].simulated);
    assert_true(nitro_verifier.anchors[1].simulated);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_documents_verify_inside_their_windows),
        cmocka_unit_test(debug_is_seen_although_pcr4_is_real),
        cmocka_unit_test(one_zero_register_of_the_three_is_debug),
        cmocka_unit_test(a_measurement_must_name_pcr_0_1_and_2),
        cmocka_unit_test(broken_documents_of_others_are_refused),
        cmocka_unit_test(roots_of_the_caller_replace_the_pinned_ones),
        cmocka_unit_test(a_mock_document_verifies_under_its_own_root_only),
        cmocka_unit_test(the_root_in_the_document_is_not_trusted),
        cmocka_unit_test(permuted_bundles_are_refused),
        cmocka_unit_test(an_old_document_is_refused_live),
        cmocka_unit_test(defects_give_their_class),
        cmocka_unit_test(other_algorithms_are_refused),
        cmocka_unit_test(anything_in_the_unprotected_header_is_refused),
        cmocka_unit_test(other_tags_are_refused),
        cmocka_unit_test(indefinite_maps_are_read_and_chunked_strings_are_not),
        cmocka_unit_test(absent_null_and_empty_nonces_differ_from_each_other),
        cmocka_unit_test(payloads_beyond_the_limits_are_refused),
        cmocka_unit_test(fields_over_1024_bytes_are_refused),
        cmocka_unit_test(payloads_over_16384_bytes_are_refused),
        cmocka_unit_test(high_and_low_s_are_both_accepted),
        cmocka_unit_test(signature_halves_of_any_first_byte_are_accepted),
        cmocka_unit_test(r_and_s_out_of_range_are_refused),
        cmocka_unit_test(an_instance_certificate_of_another_instance_is_refused),
        cmocka_unit_test(an_instance_key_of_another_curve_is_refused),
        cmocka_unit_test(a_leaf_signed_over_sha256_is_refused),
        cmocka_unit_test(an_instance_certificate_cannot_sign_documents),
        cmocka_unit_test(a_leaf_without_digital_signature_is_refused),
        cmocka_unit_test(
            a_certificate_with_a_known_serial_but_other_bytes_is_verified_anew),
        cmocka_unit_test(a_leaf_key_off_the_curve_is_refused),
        cmocka_unit_test(both_failures_stand_in_the_verdict),
        cmocka_unit_test(claims_say_what_the_document_says),
        cmocka_unit_test(a_simulator_with_another_root_is_still_simulated),
        cmocka_unit_test(a_leaf_is_renewed_when_it_ends),
        cmocka_unit_test(no_pinned_root_ends_within_90_days),
        cmocka_unit_test(the_pinned_roots_have_their_fingerprints),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
