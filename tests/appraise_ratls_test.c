/* SPDX-License-Identifier: Apache-2.0 */
#include "ratls.h"

#include "codec/cmw.h"
#include "codec/der.h"

/*
 * Certificates with evidence, up to what the evidence must say; whether it does is for
 * tests/api_certificate_test.c. The quotes here are bytes of no meaning.
 */

/* As long as an SGX quote says it is: 48 + 384 bytes, a size, signature data. */
static struct selfsame_bytes
some_quote(struct maker *m)
{
    struct writer w;

    (void)maker_room(m, &w, 600);
    put_be16(&w, 0x0300);
    put_zeros(&w, 430);
    put_le32(&w, 40);
    for (unsigned i = 0; i < 40; i++)
        put_u8(&w, (uint8_t)i);
    return writer_bytes(&w);
}

static struct ratls
parsed(struct maker *m, struct selfsame_bytes der)
{
    struct selfsame_err e = { 0 };
    struct ratls r;

    assert_true(ratls_recognise(der));
    assert_code(ratls_parse(der, &m->arena, &r, &e), SELFSAME_OK, &e);
    assert_code(ratls_self_signed(&r, &e), SELFSAME_OK, &e);
    return r;
}

/* ---- every form ---- */

struct form_row {
    const char *what;
    enum ratls_form form;
    struct selfsame_bytes oid;
    struct selfsame_bytes (*value)(struct maker *m);
    struct selfsame_bytes (*data)(struct maker *m); /* report data that it must have */
};

static struct selfsame_bytes
dice_value(struct maker *m)
{
    return maker_dice(m, 60000, some_quote(m),
        maker_claims(m, &(struct claims_spec){ .spki = m->spki }));
}

static struct selfsame_bytes
dice_data(struct maker *m)
{
    return maker_sha256_data(
        m, maker_claims(m, &(struct claims_spec){ .spki = m->spki }));
}

static struct selfsame_bytes
cmw_value(struct maker *m)
{
    struct selfsame_err e = { 0 };
    struct selfsame_bytes cmw;

    assert_code(cmw_encode_evidence("application/vnd.attest.snp", some_quote(m), NULL,
                    BYTES_NONE, &m->arena, &cmw, &e),
        SELFSAME_OK, &e);
    return cmw;
}

static struct selfsame_bytes
cmw_octets(struct maker *m)
{
    return maker_octets(m, cmw_value(m));
}

/* docs/formats/binder.md, written down once more: role 4, no request, no exporter. */
static struct selfsame_bytes
binder_data(struct maker *m)
{
    static const char prefix[] = "attest-tls/v1";
    static const uint8_t none[32], role[] = { 4 };
    uint8_t key[HASH_MAX], extra[HASH_MAX];
    struct writer w;

    struct selfsame_bytes ret = maker_room(m, &w, 64);
    assert_true(hash_bytes(HASH_SHA256, m->spki, key));
    assert_true(hash_bytes(HASH_SHA256, BYTES_NONE, extra));
    const struct selfsame_bytes part[] = { { (const uint8_t *)prefix, sizeof(prefix) },
        BYTES_ARR(role), BYTES_ARR(none), BYTES(key, 32), BYTES_ARR(none),
        BYTES(extra, 32) };
    uint8_t digest[HASH_MAX];
    assert_true(hash_parts(HASH_SHA512, part, COUNT(part), digest));
    put_bytes(&w, BYTES_ARR(digest));
    return ret;
}

static struct selfsame_bytes
oe_report(struct maker *m)
{
    return maker_oe_report(m, 1, 2, some_quote(m));
}

static struct selfsame_bytes
pem_data(struct maker *m)
{
    return maker_sha256_data(m, maker_pem(m, m->spki));
}

static struct selfsame_bytes
oe_evidence(struct maker *m)
{
    return maker_oe_evidence(
        m, some_quote(m), maker_oe_claims(m, maker_pem(m, m->spki), false));
}

static struct selfsame_bytes
oe_evidence_list(struct maker *m)
{
    return maker_oe_evidence(
        m, some_quote(m), maker_oe_claims(m, maker_pem(m, m->spki), true));
}

static struct selfsame_bytes
oe_list_data(struct maker *m)
{
    return maker_sha256_data(m, maker_oe_claims(m, maker_pem(m, m->spki), true));
}

static struct selfsame_bytes
spki_data(struct maker *m)
{
    return maker_sha256_data(m, m->spki);
}

static struct selfsame_bytes
dstack_value(struct maker *m)
{
    return maker_octets(m, some_quote(m));
}

static struct selfsame_bytes
dstack_data(struct maker *m)
{
    const struct selfsame_bytes part[] = { BYTES_LIT("ratls-cert:"), m->spki };
    uint8_t digest[HASH_MAX];
    struct writer w;

    struct selfsame_bytes ret = maker_room(m, &w, 64);
    assert_true(hash_parts(HASH_SHA512, part, 2, digest));
    put_bytes(&w, BYTES_ARR(digest));
    return ret;
}

#define OID_OF(s)                           \
    {                                       \
        (const uint8_t *)(s), sizeof(s) - 1 \
    }
static const struct form_row forms[] = {
    { "DICE", RATLS_DICE, OID_OF("\x67\x81\x05\x05\x04\x09"), dice_value, dice_data },
    { "CMW as OCTET STRING", RATLS_CMW, OID_OF("\x2b\x06\x01\x05\x05\x07\x01\x23"),
        cmw_octets, binder_data },
    { "CMW as it is", RATLS_CMW, OID_OF("\x2b\x06\x01\x05\x05\x07\x01\x23"), cmw_value,
        binder_data },
    { "report", RATLS_OE_REPORT, OID_OF("\x2a\x86\x48\x86\xf7\x14\x0a\x01\x01"),
        oe_report, pem_data },
    { "report, newer", RATLS_OE_REPORT, OID_OF("\x2b\x06\x01\x04\x01\x82\x37\x69\x01"),
        oe_report, pem_data },
    { "evidence", RATLS_OE_EVIDENCE, OID_OF("\x2a\x86\x48\x86\xf7\x14\x0a\x01\x02"),
        oe_evidence, pem_data },
    { "evidence, newer", RATLS_OE_EVIDENCE,
        OID_OF("\x2b\x06\x01\x04\x01\x82\x37\x69\x02"), oe_evidence_list,
        oe_list_data },
    { "dstack", RATLS_DSTACK, OID_OF("\x2b\x06\x01\x04\x01\x83\xe7\x3d\x01\x01"),
        dstack_value, dstack_data },
    { "Gramine", RATLS_GRAMINE, OID_OF("\x06\x09\x2a\x86\x48\x86\xf8\x4d\x8a\x39\x06"),
        some_quote, spki_data },
    { "Intel", RATLS_INTEL, OID_OF("\x2a\x86\x48\x86\xf8\x4d\x01\x0d\x01"), some_quote,
        pem_data },
};

static void
each_form_names_its_key_in_its_own_way(void **state)
{
    (void)state;
    static const enum key_type types[] = { KEY_P256, KEY_P384, KEY_ED25519 };

    for (size_t t = 0; t < COUNT(types); t++)
        for (size_t i = 0; i < COUNT(forms); i++) {
            struct maker m;

            maker_start(&m, types[t]);
            struct ratls r = parsed(
                &m, maker_cert_one(&m, forms[i].oid, forms[i].value(&m)));
            if (r.form != forms[i].form || r.unbound != NULL)
                fail_msg("%s: form %d, %s", forms[i].what, (int)r.form, r.unbound);
            assert_bytes(r.report_data, forms[i].data(&m));
            assert_bytes(r.evidence,
                forms[i].form == RATLS_CMW ? cmw_value(&m) : some_quote(&m));
            assert_bytes(r.cert.spki, m.spki);
            assert_non_null(r.rule);
            maker_stop(&m);
        }
}

static void
of_several_forms_the_first_in_the_order_counts(void **state)
{
    (void)state;
    struct maker m;
    struct cert_extension list[COUNT(forms)];
    size_t count = 0;

    maker_start(&m, KEY_P256);
    for (size_t i = COUNT(forms); i-- > 0;)
        if (i != 2) /* another CMW */
            list[count++] = (struct cert_extension){ .oid = forms[i].oid,
                .value = forms[i].value(&m) };
    struct ratls r = parsed(&m, maker_cert(&m, list, count));
    assert_int_equal(r.form, RATLS_DICE);
    assert_bytes(r.report_data, dice_data(&m));
    assert_int_equal(r.others, 1u << RATLS_CMW | 1u << RATLS_OE_EVIDENCE |
                                   1u << RATLS_OE_REPORT | 1u << RATLS_DSTACK |
                                   1u << RATLS_GRAMINE | 1u << RATLS_INTEL);
    maker_stop(&m);
}

static void
one_form_twice_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(forms); i++) {
        struct selfsame_err e = { 0 };
        struct maker m;
        struct ratls r;

        maker_start(&m, KEY_P256);
        const struct cert_extension one = { .oid = forms[i].oid,
            .value = forms[i].value(&m) };
        const struct cert_extension twice[] = { one, one };
        assert_code(ratls_parse(maker_cert(&m, twice, 2), &m.arena, &r, &e),
            SELFSAME_MALFORMED, &e);
        maker_stop(&m);
    }
}

/* ---- claims ---- */

static struct ratls
with_claims(struct maker *m, const struct claims_spec *c)
{
    return parsed(m, maker_cert_one(m, RATLS_OID_DICE,
                         maker_dice(m, 60000, some_quote(m), maker_claims(m, c))));
}

static void
claims_hash_the_key_with_three_algorithms(void **state)
{
    (void)state;
    static const uint64_t algs[] = { 1, 7, 8 };
    struct maker m;

    maker_start(&m, KEY_P384);
    for (size_t i = 0; i < COUNT(algs); i++) {
        const struct claims_spec c = { .spki = m.spki, .alg = algs[i] };
        struct ratls r = with_claims(&m, &c);
        assert_null(r.unbound);
        assert_bytes(r.report_data, maker_sha256_data(&m, maker_claims(&m, &c)));
    }
    maker_stop(&m);
}

static void
unknown_claims_are_hashed_and_not_read(void **state)
{
    (void)state;
    struct maker m;

    maker_start(&m, KEY_P256);
    const struct claims_spec c = {
        .spki = m.spki, .nonce = BYTES_LIT("12345678"), .more = true
    };
    struct ratls r = with_claims(&m, &c);
    assert_null(r.unbound);
    assert_bytes(r.nonce, c.nonce);
    assert_bytes(r.claims, maker_claims(&m, &c));
    assert_bytes(r.report_data, maker_sha256_data(&m, maker_claims(&m, &c)));
    maker_stop(&m);
}

static void
claims_about_another_key_bind_nothing(void **state)
{
    (void)state;
    struct maker m;

    maker_start(&m, KEY_P256);
    const struct claims_spec rows[] = {
        { .spki = m.other_spki },
        { .spki = m.spki, .alg = 2 }, /* a hash of 15 bytes in IANA's list */
        { .spki = m.spki, .short_by = 1 },
        { .nonce = BYTES_LIT("12345678") }, /* no pubkey-hash */
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_non_null(with_claims(&m, &rows[i]).unbound);
    maker_stop(&m);
}

static void
dice_that_is_none_is_refused(void **state)
{
    (void)state;
    struct selfsame_err e = { 0 };
    struct maker m;
    struct ratls r;

    maker_start(&m, KEY_P256);
    struct selfsame_bytes quote = some_quote(&m);
    const struct selfsame_bytes good = maker_claims(
        &m, &(struct claims_spec){ .spki = m.spki });
    const struct {
        struct selfsame_bytes value;
        enum selfsame_code code;
    } rows[] = {
        { maker_dice(&m, 60001, quote, good),
            SELFSAME_UNSUPPORTED }, /* a local report */
        { maker_dice(&m, 60002, quote, good), SELFSAME_UNSUPPORTED },
        { maker_dice(&m, 60000, quote, BYTES_LIT("")), SELFSAME_MALFORMED },
        { maker_dice(&m, 60000, quote, BYTES_LIT("\xa1\x01")), SELFSAME_MALFORMED },
        { BYTES_LIT("\x82\x40\x40"), SELFSAME_MALFORMED },         /* no tag */
        { BYTES_LIT("\xd9\xea\x60\x81\x40"), SELFSAME_MALFORMED }, /* one member */
        { BYTES_LIT("\xd9\xea\x60\x83\x40\x41\xa0\x40"), SELFSAME_MALFORMED },
        { BYTES_LIT(""), SELFSAME_MALFORMED },
        /* the same claim twice */
        { maker_dice(
              &m, 60000, quote, BYTES_LIT("\xa2\x65nonce\x41\x01\x65nonce\x41\x02")),
            SELFSAME_MALFORMED },
        /* a nonce of no bytes */
        { maker_dice(&m, 60000, quote, BYTES_LIT("\xa1\x65nonce\x40")),
            SELFSAME_MALFORMED },
        /* pubkey-hash that is not [ algorithm, hash ], or with bytes behind */
        { maker_dice(&m, 60000, quote, BYTES_LIT("\xa1\x6bpubkey-hash\x42\x01\x02")),
            SELFSAME_MALFORMED },
        { maker_dice(
              &m, 60000, quote, BYTES_LIT("\xa1\x6bpubkey-hash\x44\x82\x01\x40\x00")),
            SELFSAME_MALFORMED },
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_code(ratls_parse(maker_cert_one(&m, RATLS_OID_DICE, rows[i].value),
                        &m.arena, &r, &e),
            rows[i].code, &e);
    maker_stop(&m);
}

static void
endorsements_come_along_with_dice(void **state)
{
    (void)state;
    struct selfsame_err e = { 0 };
    struct maker m;
    struct writer w;
    struct ratls r;

    maker_start(&m, KEY_P256);
    (void)maker_room(&m, &w, 128);
    cbor_put_tag(&w, 60000);
    cbor_put_array(&w, 4);
    cbor_put_uint(&w, 1);
    cbor_put_bytes(&w, BYTES_LIT("{\"tcbInfo\":{}}"));
    cbor_put_bytes(&w, BYTES_LIT(""));
    cbor_put_bytes(&w, BYTES_LIT("chain"));
    struct cert_extension list[] = {
        { .oid = RATLS_OID_DICE, .value = dice_value(&m) },
        { .oid = RATLS_OID_ENDORSEMENTS, .value = writer_bytes(&w) },
        { .oid = RATLS_OID_ENDORSEMENTS, .value = writer_bytes(&w) },
    };
    r = parsed(&m, maker_cert(&m, list, 2));
    assert_int_equal(r.endorsement_count, 2);
    assert_bytes(r.endorsements[1], BYTES_LIT("chain"));
    assert_code(
        ratls_parse(maker_cert(&m, list, 3), &m.arena, &r, &e), SELFSAME_MALFORMED, &e);
    list[1].value = BYTES_LIT("\x01");
    assert_code(
        ratls_parse(maker_cert(&m, list, 2), &m.arena, &r, &e), SELFSAME_MALFORMED, &e);
    (void)maker_room(&m, &w, 128);
    cbor_put_array(&w, 17);
    for (unsigned i = 0; i < 17; i++)
        cbor_put_bytes(&w, BYTES_LIT("x"));
    list[1].value = writer_bytes(&w);
    assert_code(
        ratls_parse(maker_cert(&m, list, 2), &m.arena, &r, &e), SELFSAME_MALFORMED, &e);
    maker_stop(&m);
}

/* ---- Open Enclave, dstack ---- */

static void
headers_that_lie_are_refused(void **state)
{
    (void)state;
    struct selfsame_err e = { 0 };
    struct maker m;
    struct ratls r;

    maker_start(&m, KEY_P256);
    struct selfsame_bytes report = oe_report(&m), evidence = oe_evidence(&m);
    struct selfsame_bytes no_quote = maker_oe_evidence(
        &m, BYTES(some_quote(&m).ptr, 471), BYTES_NONE);
    const struct {
        struct selfsame_bytes oid, value;
        enum selfsame_code code;
    } rows[] = {
        { RATLS_OE_REPORT_OLD, maker_oe_report(&m, 1, 1, some_quote(&m)),
            SELFSAME_UNSUPPORTED }, /* local */
        { RATLS_OE_REPORT_OLD, maker_oe_report(&m, 2, 2, some_quote(&m)),
            SELFSAME_UNSUPPORTED },
        { RATLS_OE_REPORT_NEW, BYTES(report.ptr, report.len - 1), SELFSAME_MALFORMED },
        { RATLS_OE_REPORT_NEW, BYTES(report.ptr, 15), SELFSAME_MALFORMED },
        { RATLS_OE_EVIDENCE_OLD, BYTES(evidence.ptr, evidence.len - 1),
            SELFSAME_MALFORMED },
        { RATLS_OE_EVIDENCE_NEW, BYTES(evidence.ptr, 27), SELFSAME_MALFORMED },
        { RATLS_OE_EVIDENCE_NEW, report, SELFSAME_MALFORMED },
        { RATLS_OE_EVIDENCE_NEW, no_quote, SELFSAME_MALFORMED },
        { RATLS_OID_DSTACK, some_quote(&m), SELFSAME_MALFORMED }, /* no OCTET STRING */
        { RATLS_OID_CMW, BYTES_LIT("\x04\x01\x00"), SELFSAME_MALFORMED },
        { RATLS_OID_CMW, BYTES_LIT(""), SELFSAME_MALFORMED },
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_code(ratls_parse(maker_cert_one(&m, rows[i].oid, rows[i].value),
                        &m.arena, &r, &e),
            rows[i].code, &e);
    maker_stop(&m);
}

static void
custom_claims_of_another_key_bind_nothing(void **state)
{
    (void)state;
    struct maker m;

    maker_start(&m, KEY_P256);
    for (int list = 0; list < 2; list++) {
        struct selfsame_bytes claims = maker_oe_claims(
            &m, maker_pem(&m, m.other_spki), list != 0);
        struct ratls r = parsed(&m, maker_cert_one(&m, RATLS_OE_EVIDENCE_NEW,
                                        maker_oe_evidence(&m, some_quote(&m), claims)));
        assert_non_null(r.unbound);
    }
    /* a list with bytes behind it, and one whose sizes wrap */
    struct selfsame_bytes whole = maker_oe_claims(&m, maker_pem(&m, m.spki), true);
    uint8_t *more = arena_alloc(&m.arena, 1, whole.len + 1);
    assert_non_null(more);
    memcpy(more, whole.ptr, whole.len);
    struct ratls r = parsed(
        &m, maker_cert_one(&m, RATLS_OE_EVIDENCE_NEW,
                maker_oe_evidence(&m, some_quote(&m), BYTES(more, whole.len + 1))));
    assert_non_null(r.unbound);
    memset(more + 16, 0xff, 8);
    r = parsed(&m, maker_cert_one(&m, RATLS_OE_EVIDENCE_NEW,
                       maker_oe_evidence(&m, some_quote(&m), BYTES(more, whole.len))));
    assert_non_null(r.unbound);
    maker_stop(&m);
}

/* Its identifier is also that of the SGX extension of every PCK certificate. */
static void
a_pck_certificate_carries_no_evidence(void **state)
{
    (void)state;
    struct selfsame_err e = { 0 };
    struct maker m;
    struct ratls r;

    maker_start(&m, KEY_P256);
    struct selfsame_bytes der = maker_cert_one(
        &m, RATLS_OID_INTEL, BYTES_LIT("\x30\x03\x02\x01\x00"));
    assert_false(ratls_recognise(der));
    assert_code(ratls_parse(der, &m.arena, &r, &e), SELFSAME_UNSUPPORTED, &e);
    der = maker_cert(&m, NULL, 0);
    assert_false(ratls_recognise(der));
    assert_code(ratls_parse(der, &m.arena, &r, &e), SELFSAME_UNSUPPORTED, &e);
    maker_stop(&m);
}

/* ---- certificates that strict readers refuse ---- */

static void
critical_extensions_and_other_signers_are_read(void **state)
{
    (void)state;
    struct selfsame_err e = { 0 };
    struct maker m;
    struct ratls r;
    struct cert c;

    maker_start(&m, KEY_P256);
    const struct cert_extension x = {
        .oid = RATLS_OE_EVIDENCE_NEW, .value = oe_evidence(&m), .critical = true
    };
    struct selfsame_bytes der = maker_cert(&m, &x, 1);
    assert_code(cert_parse(der, &c, &e), SELFSAME_UNSUPPORTED, &e);
    assert_null(parsed(&m, der).unbound);
    /* signed by another key: it is read, and nobody is shown to hold the key */
    const struct cert_request q = {
        .common_name = "RATLS", .path_len = -1, .extensions = &x, .extension_count = 1
    };
    assert_code(
        cert_make(&q, m.key, BYTES_NONE, m.other, &m.arena, &der, &e), SELFSAME_OK, &e);
    assert_code(ratls_parse(der, &m.arena, &r, &e), SELFSAME_OK, &e);
    assert_code(ratls_self_signed(&r, &e), SELFSAME_UNBOUND, &e);
    maker_stop(&m);
}

static void
a_certificate_of_version_1_is_read_and_has_none(void **state)
{
    (void)state;
    struct selfsame_err e = { 0 };
    auto_arena arena = arena_new(1 << 16);
    const struct cert_profile foreign = { .foreign = true };
    struct cert c;

    /* { { serial, algorithm, no names, dates, key of nobody } algorithm, signature } */
    static const char sound[] =
        "3052"
        "3040"
        "020101"
        "300a06082a8648ce3d040302"
        "3000"
        "301e170d3031303130313030303030305a170d3330313233313233353935395a"
        "3000"
        "300b300506032b656e03020000"
        "300a06082a8648ce3d040302"
        "03020000";
    assert_code(cert_parse_as(unhex(sound, &arena), &foreign, &c, &e), SELFSAME_OK, &e);
    assert_int_equal(c.key_alg, SIG_NONE);
    assert_int_equal(c.not_before, 978307200);
    assert_code(cert_parse(unhex(sound, &arena), &c, &e), SELFSAME_UNSUPPORTED, &e);
}

/* ---- our own ---- */

static void
what_is_written_is_read_again(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        size_t count;
        enum ratls_form form;
    } rows[] = {
        { "application/vnd.attest.sgx", 2, RATLS_DICE },
        { "application/vnd.attest.tdx", 2, RATLS_DICE },
        { "application/vnd.attest.snp", 1, RATLS_CMW },
        { "application/vnd.attest.nitro+cbor", 1, RATLS_CMW },
    };
    struct selfsame_err e = { 0 };
    struct maker m;

    maker_start(&m, KEY_P256);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct cert_extension list[RATLS_EXTENSIONS];
        struct selfsame_bytes cmw;
        uint8_t data[64];
        size_t count = 0;

        assert_code(cmw_encode_evidence(rows[i].type, some_quote(&m),
                        "application/octet-stream", BYTES_LIT("what the host gave"),
                        &m.arena, &cmw, &e),
            SELFSAME_OK, &e);
        assert_code(
            ratls_extensions(cmw, m.spki, &m.arena, list, &count, &e), SELFSAME_OK, &e);
        assert_int_equal(count, rows[i].count);
        struct ratls r = parsed(&m, maker_cert(&m, list, count));
        assert_int_equal(r.form, rows[i].form);
        assert_null(r.unbound);
        assert_true(ratls_report_data(rows[i].type, m.spki, data));
        assert_bytes(r.report_data, BYTES_ARR(data));
        assert_bytes(r.report_data,
            rows[i].form == RATLS_DICE ? dice_data(&m) : binder_data(&m));
        for (size_t k = 0; k < count; k++)
            assert_false(list[k].critical);
        /* the other form alone carries the same evidence */
        r = parsed(&m, maker_cert(&m, &list[count - 1], 1));
        assert_bytes(r.evidence, cmw);
    }
    maker_stop(&m);
}

/* The vector of docs/formats/ratls.md. */
static void
the_published_vector_holds(void **state)
{
    (void)state;
    auto_arena arena = arena_new(1 << 12);
    struct selfsame_bytes spki = unhex(
        "302a300506032b65700321008a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf374"
        "8801b40f6f5c",
        &arena);
    uint8_t data[64];

    assert_true(ratls_report_data("application/vnd.attest.snp", spki, data));
    assert_bytes(BYTES_ARR(data),
        unhex("cf4c6ff0aca69278c378b5c52fa80749f8075bd962ccb1cbd01b342dc3adf417"
              "694a72450e1e342938f3773e41fbe8cca381ac6057667e5d7ba5c1e96ef346a4",
            &arena));
    assert_true(ratls_report_data("application/vnd.attest.tdx", spki, data));
    assert_bytes(BYTES(data, 32),
        unhex("06154791c5c8558d63eaf319d149fd3956d8756fa676e0a5a23181fcaeaf7711",
            &arena));
    assert_true(bytes_is_zero(BYTES(data + 32, 32)));
}

static void
what_is_no_cmw_goes_into_no_certificate(void **state)
{
    (void)state;
    struct selfsame_err e = { 0 };
    struct cert_extension list[RATLS_EXTENSIONS];
    size_t count = 77;
    struct maker m;

    maker_start(&m, KEY_P256);
    assert_code(ratls_extensions(BYTES_LIT("\x00"), m.spki, &m.arena, list, &count, &e),
        SELFSAME_MALFORMED, &e);
    assert_int_equal(count, 77);
    maker_stop(&m);
}

/* ---- sweeps ---- */

static void
no_changed_certificate_is_signed_by_its_key(void **state)
{
    (void)state;
    struct maker m;
    size_t read = 0;

    maker_start(&m, KEY_P256);
    struct selfsame_bytes good = maker_cert_one(&m, RATLS_OID_DICE, dice_value(&m));
    uint8_t *copy = arena_alloc(&m.arena, 1, good.len + 1);
    assert_non_null(copy);
    memcpy(copy, good.ptr, good.len);
    for (size_t bit = 0; bit < 8 * good.len; bit++) {
        auto_arena arena = arena_new(1 << 16);
        struct selfsame_err e = { 0 };
        struct ratls r;

        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        (void)ratls_recognise(BYTES(copy, good.len));
        if (ratls_parse(BYTES(copy, good.len), &arena, &r, &e) == SELFSAME_OK) {
            read++;
            assert_code(ratls_self_signed(&r, &e), SELFSAME_UNBOUND, &e);
        }
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(read > 1000); /* or nothing was looked at */
    for (size_t len = 0; len <= good.len + 1; len++) {
        auto_arena arena = arena_new(1 << 16);
        struct selfsame_err e = { 0 };
        struct ratls r;

        if (len != good.len)
            assert_code(
                ratls_parse(BYTES(copy, len), &arena, &r, &e), SELFSAME_MALFORMED, &e);
    }
    maker_stop(&m);
}

/* Of a handshake nothing else is proven than the key: the extension stands for itself. */
static void
no_changed_extension_wants_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(forms); i++) {
        struct maker m;

        maker_start(&m, KEY_P256);
        struct selfsame_bytes good = forms[i].value(&m);
        const struct ratls want = parsed(&m, maker_cert_one(&m, forms[i].oid, good));
        uint8_t *copy = arena_alloc(&m.arena, 1, good.len + 1);
        assert_non_null(copy);
        memcpy(copy, good.ptr, good.len);
        for (size_t bit = 0; bit < 8 * good.len; bit++) {
            auto_arena arena = arena_new(1 << 16);
            struct selfsame_err e = { 0 };
            struct ratls r = { .cert = want.cert };
            enum selfsame_code (*read[])(struct selfsame_bytes, struct arena *,
                struct ratls *, struct selfsame_err *) = {
                [RATLS_DICE] = ratls_read_dice,
                [RATLS_CMW] = ratls_read_cmw,
                [RATLS_OE_EVIDENCE] = ratls_read_oe_evidence,
                [RATLS_OE_REPORT] = ratls_read_oe_report,
                [RATLS_DSTACK] = ratls_read_dstack,
                [RATLS_GRAMINE] = ratls_read_gramine,
                [RATLS_INTEL] = ratls_read_intel,
            };

            copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
            if (read[forms[i].form](BYTES(copy, good.len), &arena, &r, &e) ==
                    SELFSAME_OK &&
                r.unbound == NULL && bytes_eq(r.evidence, want.evidence) &&
                bytes_eq(r.report_data, want.report_data))
                fail_msg("%s: bit %zu is not looked at", forms[i].what, bit);
            copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        maker_stop(&m);
    }
}

static void
each_allocation_that_fails_is_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(forms); i++) {
        struct maker m;
        bool done = false;

        maker_start(&m, KEY_P256);
        struct selfsame_bytes der = maker_cert_one(
            &m, forms[i].oid, forms[i].value(&m));
        for (long n = 1; !done; n++) {
            auto_arena arena = arena_new(1 << 20);
            struct selfsame_err e = { 0 };
            struct ratls r = { .form = RATLS_NAME };

            arena.fail_at = n;
            enum selfsame_code code = ratls_parse(der, &arena, &r, &e);
            done = code == SELFSAME_OK;
            assert_true(done || code == SELFSAME_NOMEM);
            assert_true(done || r.form == RATLS_NAME); /* untouched */
            assert_true(n < 100);
        }
        maker_stop(&m);
    }
}

/* ---- real certificates ---- */

enum { SGX_REPORT_DATA = 48 + 320 };
static void
real_certificates_say_what_they_must(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        enum ratls_form form;
        unsigned others;
        bool self_signed;
    } rows[] = {
        { "vectors/ra-tls/CCC-Attestation+interoperable-ra-tls/gramine-cert.pem",
            RATLS_DICE, 1u << RATLS_GRAMINE, true },
        { "specs/samples/software/intel-sgxsdk-cert.pem", RATLS_DICE, 1u << RATLS_INTEL,
            true },
        { "specs/samples/software/rats-tls-cert.pem", RATLS_DICE, 0, true },
        /* what was changed inside broke its own signature too */
        { "vectors/ra-tls/openenclave+openenclave/sgx_cert_ec_bad.der", RATLS_OE_REPORT,
            0, false },
        { "vectors/ra-tls/evervault+attestation-doc-validation/"
          "debug-mode-cert-containing-attestation-doc-18-1-23.pem",
            RATLS_NAME, 0, false },
        { "vectors/ra-tls/veraison+cmw/x509-cert+cbor-cmw.der", RATLS_CMW, 0, false },
    };

    need_shared();
    for (size_t i = 0; i < COUNT(rows); i++) {
        auto_arena arena = arena_new(1 << 20);
        struct selfsame_err e = { 0 };
        struct selfsame_bytes der = shared_file(rows[i].path, &arena), rest = der;
        struct ratls r;

        assert_non_null(der.ptr);
        if (bytes_has_prefix(der, BYTES_LIT("-----BEGIN ")))
            assert_code(
                pem_next(&rest, "CERTIFICATE", &arena, &der, &e), SELFSAME_OK, &e);
        assert_true(ratls_recognise(der));
        assert_code(ratls_parse(der, &arena, &r, &e), SELFSAME_OK, &e);
        assert_int_equal(r.form, rows[i].form);
        assert_int_equal(r.others, rows[i].others);
        assert_null(r.unbound);
        assert_int_equal(ratls_self_signed(&r, &e) == SELFSAME_OK, rows[i].self_signed);
        if (r.form == RATLS_DICE || r.form == RATLS_OE_REPORT)
            assert_bytes(r.report_data, BYTES(r.evidence.ptr + SGX_REPORT_DATA, 64));
        if (r.form == RATLS_NAME)
            assert_bytes(r.report_data, r.cert.spki);
    }
}

static void
the_legacy_quote_of_gramine_names_the_key(void **state)
{
    (void)state;
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct selfsame_bytes der, rest;
    struct ratls r;

    need_shared();
    rest = shared_file(
        "vectors/ra-tls/CCC-Attestation+interoperable-ra-tls/gramine-cert.pem", &arena);
    assert_code(pem_next(&rest, "CERTIFICATE", &arena, &der, &e), SELFSAME_OK, &e);
    assert_code(ratls_parse(der, &arena, &r, &e), SELFSAME_OK, &e);
    struct ratls legacy = { .cert = r.cert };
    assert_code(ratls_read_gramine(
                    cert_extension(&r.cert, RATLS_OID_GRAMINE), &arena, &legacy, &e),
        SELFSAME_OK, &e);
    assert_bytes(legacy.report_data, BYTES(legacy.evidence.ptr + SGX_REPORT_DATA, 64));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_form_names_its_key_in_its_own_way),
        cmocka_unit_test(of_several_forms_the_first_in_the_order_counts),
        cmocka_unit_test(one_form_twice_is_refused),
        cmocka_unit_test(claims_hash_the_key_with_three_algorithms),
        cmocka_unit_test(unknown_claims_are_hashed_and_not_read),
        cmocka_unit_test(claims_about_another_key_bind_nothing),
        cmocka_unit_test(dice_that_is_none_is_refused),
        cmocka_unit_test(endorsements_come_along_with_dice),
        cmocka_unit_test(headers_that_lie_are_refused),
        cmocka_unit_test(custom_claims_of_another_key_bind_nothing),
        cmocka_unit_test(a_pck_certificate_carries_no_evidence),
        cmocka_unit_test(critical_extensions_and_other_signers_are_read),
        cmocka_unit_test(a_certificate_of_version_1_is_read_and_has_none),
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(the_published_vector_holds),
        cmocka_unit_test(what_is_no_cmw_goes_into_no_certificate),
        cmocka_unit_test(no_changed_certificate_is_signed_by_its_key),
        cmocka_unit_test(no_changed_extension_wants_the_same),
        cmocka_unit_test(each_allocation_that_fails_is_told),
        cmocka_unit_test(real_certificates_say_what_they_must),
        cmocka_unit_test(the_legacy_quote_of_gramine_names_the_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
