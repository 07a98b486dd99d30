/* SPDX-License-Identifier: Apache-2.0 */
/* TCB info, QE identity, levels and bundles; jansson is the oracle of what the JSON says. */
#include "test.h"

#include "codec/json.h"
#include "codec/pem.h"
#include "tee/shared/dcap.h"

#define SGX "vectors/sgx/"
#define TDX "vectors/tdx/"
struct place {
    const char *dir;
    bool tdx, has_identity, has_chain;
    unsigned version;
};
static const struct place places[] = {
    { SGX "Phala-Network+dcap-qvl/sgx-v3", false, true, true, 3 },
    { SGX "matter-labs+teepot/v3-outofdate", false, true, true, 2 },
    { SGX "mobilecoinfoundation+attestation/hw-v3", false, true, false, 3 },
    { SGX "oasisprotocol+oasis-core/v3-pck-chain", false, true, false, 3 },
    { TDX "Phala-Network+dcap-qvl/tdx-v4", true, true, true, 3 },
    { TDX "Phala-Network+dcap-qvl/tdx-v5-outdated", true, true, true, 3 },
    { TDX "automata-network+automata-dcap-attestation/v4-solana", true, true, false,
        3 },
    { TDX "google+go-tdx-guest/v4-spr", true, true, true, 3 },
    { TDX "google+go-tdx-guest/v5", true, false, false, 3 },
    { TDX "oasisprotocol+oasis-core/v4", true, true, false, 3 },
    { TDX "oasisprotocol+oasis-core/v4-out-of-date", true, true, false, 3 },
};

static struct selfsame_bytes
piece(const struct place *p, const char *name, struct arena *arena)
{
    char *path = arena_printf(arena, "%s/%s", p->dir, name);

    assert_non_null(path);
    struct selfsame_bytes b = shared_file(path, arena);
    if (b.ptr == NULL)
        fail_msg("%s is missing", path);
    return b;
}

/* The first certificate of a PEM chain. */
static struct cert
signer_of(const struct place *p, const char *name, struct arena *arena)
{
    struct selfsame_bytes rest = piece(p, name, arena), der;
    struct selfsame_err e = { 0 };
    struct cert c;

    assert_code(pem_next(&rest, "CERTIFICATE", arena, &der, &e), SELFSAME_OK, &e);
    assert_code(cert_parse(der, &c, &e), SELFSAME_OK, &e);
    return c;
}

static const char *
word_in(const json_t *o, const char *name)
{
    const char *s = json_string_value(json_object_get(o, name));

    assert_non_null(s);
    return s;
}

static void
same_levels(const struct dcap_levels *got, const json_t *want, const char *svn)
{
    assert_int_equal(got->count, json_array_size(want));
    for (size_t i = 0; i < got->count; i++) {
        const json_t *w = json_array_get(want, i);
        const struct dcap_level *l = &got->list[i];
        const json_t *ids = json_object_get(w, "advisoryIDs");
        int64_t date = 0;

        assert_string_equal(dcap_status_word(l->status), word_in(w, "tcbStatus"));
        assert_true(time_parse(word_in(w, "tcbDate"), &date));
        assert_int_equal(l->date_s, date);
        assert_int_equal(l->svn,
            json_integer_value(json_object_get(json_object_get(w, "tcb"), svn)));
        assert_int_equal(l->advisories.count, json_array_size(ids));
        for (size_t k = 0; k < l->advisories.count; k++)
            assert_bytes(l->advisories.list[k],
                bytes_str(json_string_value(json_array_get(ids, k))));
    }
}

static void
same_components(const uint8_t *got, const json_t *tcb, const char *name)
{
    const json_t *list = json_object_get(tcb, name);

    for (size_t i = 0; i < DCAP_COMPONENTS; i++) {
        char flat[32];

        (void)snprintf(flat, sizeof(flat), "sgxtcbcomp%02zusvn", i + 1);
        const json_t *svn = list != NULL
                                ? json_object_get(json_array_get(list, i), "svn")
                                : json_object_get(tcb, flat);
        assert_true(json_is_integer(svn));
        assert_int_equal(got[i], json_integer_value(svn));
    }
}

static void
real_tcb_infos_say_what_jansson_reads(void **state)
{
    (void)state;
    need_shared();
    for (size_t i = 0; i < COUNT(places); i++) {
        auto_arena arena = arena_new(4 << 20);
        const struct place *p = &places[i];
        struct selfsame_bytes in = piece(p, "tcb_info.json", &arena);
        struct selfsame_err e = { 0 };
        struct dcap_tcb_info info;
        auto_json *all = NULL;
        int64_t t = 0;

        assert_true(dcap_tcb_info_recognise(in));
        assert_false(dcap_identity_recognise(in));
        assert_code(dcap_tcb_info_parse(in, &arena, &info, &e), SELFSAME_OK, &e);
        assert_code(json_parse(in, "TCB info", &all, &e), SELFSAME_OK, &e);
        const json_t *want = json_object_get(all, "tcbInfo");
        const json_t *levels = json_object_get(want, "tcbLevels");
        assert_int_equal(info.version, p->version);
        assert_int_equal(info.tee == DCAP_TDX, p->tdx);
        same_levels(&info.levels, levels, "pcesvn");
        for (size_t k = 0; k < info.levels.count; k++) {
            const json_t *tcb = json_object_get(json_array_get(levels, k), "tcb");

            same_components(info.levels.list[k].sgx, tcb, "sgxtcbcomponents");
            if (p->tdx)
                same_components(info.levels.list[k].tdx, tcb, "tdxtcbcomponents");
        }
        assert_true(time_parse(word_in(want, "nextUpdate"), &t));
        assert_int_equal(info.next_update_s, t);
        assert_int_equal(info.evaluation,
            json_integer_value(json_object_get(want, "tcbEvaluationDataNumber")));
        const json_t *modules = json_object_get(want, "tdxModuleIdentities");
        assert_int_equal(info.module_count, json_array_size(modules));
        for (size_t k = 0; k < info.module_count; k++)
            same_levels(&info.modules[k].levels,
                json_object_get(json_array_get(modules, k), "tcbLevels"), "isvsvn");
    }
}

static void
real_identities_say_what_jansson_reads(void **state)
{
    (void)state;
    need_shared();
    for (size_t i = 0; i < COUNT(places); i++) {
        auto_arena arena = arena_new(4 << 20);
        const struct place *p = &places[i];
        struct selfsame_err e = { 0 };
        struct dcap_identity id;
        auto_json *all = NULL;

        if (!p->has_identity)
            continue;
        struct selfsame_bytes in = piece(p, "qe_identity.json", &arena);
        assert_true(dcap_identity_recognise(in));
        assert_code(dcap_identity_parse(in, &arena, &id, &e), SELFSAME_OK, &e);
        assert_code(json_parse(in, "QE identity", &all, &e), SELFSAME_OK, &e);
        const json_t *want = json_object_get(all, "enclaveIdentity");
        assert_int_equal(id.tee == DCAP_TDX, p->tdx);
        same_levels(&id.levels, json_object_get(want, "tcbLevels"), "isvsvn");
        assert_int_equal(
            id.isv_prod_id, json_integer_value(json_object_get(want, "isvprodid")));
    }
}

static void
real_signatures_hold_and_end_with_any_bit(void **state)
{
    (void)state;
    need_shared();
    size_t seen = 0;
    for (size_t i = 0; i < COUNT(places); i++) {
        auto_arena arena = arena_new(4 << 20);
        const struct place *p = &places[i];
        struct selfsame_err e = { 0 };
        struct dcap_tcb_info info;
        struct dcap_identity id;

        if (!p->has_chain)
            continue;
        struct cert signer = signer_of(p, "tcb_issuer_chain.pem", &arena);
        assert_code(
            dcap_tcb_info_parse(piece(p, "tcb_info.json", &arena), &arena, &info, &e),
            SELFSAME_OK, &e);
        assert_code(
            dcap_signed_verify(&info.proof, &signer, NULL, &e), SELFSAME_OK, &e);
        assert_code(
            dcap_identity_parse(piece(p, "qe_identity.json", &arena), &arena, &id, &e),
            SELFSAME_OK, &e);
        assert_code(dcap_signed_verify(&id.proof, &signer, NULL, &e), SELFSAME_OK, &e);
        seen++;
    }
    assert_int_equal(seen, 5);
}

/* One bit anywhere: not read, not verified, or outside of what is signed and unread. */
static void
a_changed_bit_is_never_believed(void **state)
{
    (void)state;
    need_shared();
    auto_arena arena = arena_new(16 << 20);
    const struct place *p = &places[4];
    struct selfsame_err e = { 0 };
    struct cert signer = signer_of(p, "tcb_issuer_chain.pem", &arena);
    struct selfsame_bytes in = piece(p, "tcb_info.json", &arena), copy;
    struct dcap_tcb_info good, info;
    size_t read = 0;

    assert_code(dcap_tcb_info_parse(in, &arena, &good, &e), SELFSAME_OK, &e);
    assert_true(arena_dup(&arena, in, &copy));
    uint8_t *changed = (uint8_t *)(uintptr_t)copy.ptr;
    for (size_t i = 0; i < in.len; i++) {
        auto_arena inner = arena_new(1 << 20);

        changed[i] ^= (uint8_t)(1u << i % 8);
        if (dcap_tcb_info_parse(copy, &inner, &info, &e) == SELFSAME_OK) {
            read++;
            const bool held = dcap_signed_verify(&info.proof, &signer, NULL, &e) ==
                              SELFSAME_OK;
            if (held != bytes_eq(info.proof.object, good.proof.object) &&
                bytes_eq(
                    BYTES_ARR(info.proof.signature), BYTES_ARR(good.proof.signature)))
                fail_msg("byte %zu: the signature holds over other bytes", i);
        }
        changed[i] ^= (uint8_t)(1u << i % 8);
    }
    assert_true(read > 100);
    for (size_t len = 0; len < in.len; len++) {
        auto_arena inner = arena_new(1 << 20);

        assert_int_not_equal(
            dcap_tcb_info_parse(BYTES(in.ptr, len), &inner, &info, &e), SELFSAME_OK);
    }
    for (long n = 1; n < 200; n++) {
        auto_arena inner = arena_new(1 << 20);

        inner.fail_at = n;
        enum selfsame_code code = dcap_tcb_info_parse(in, &inner, &info, &e);
        if (code == SELFSAME_OK)
            return;
        assert_int_equal(code, SELFSAME_NOMEM);
    }
    fail_msg("never enough memory");
}

/* ---- levels ---- */

static struct dcap_level
level(uint8_t sgx7, uint16_t pcesvn, uint8_t tdx0, uint8_t tdx2, enum dcap_status s)
{
    struct dcap_level l = { .svn = pcesvn, .status = s };

    l.sgx[7] = sgx7;
    l.tdx[0] = tdx0;
    l.tdx[2] = tdx2;
    return l;
}

static void
the_first_level_that_is_reached_whole_counts(void **state)
{
    (void)state;
    auto_arena arena = arena_new(1 << 16);
    const struct dcap_level list[] = { level(5, 13, 6, 4, DCAP_UP_TO_DATE),
        level(5, 11, 4, 2, DCAP_SW_HARDENING_NEEDED),
        level(3, 5, 0, 0, DCAP_OUT_OF_DATE) };
    const struct dcap_tcb_info info = { .levels = { list, COUNT(list) } };
    struct dcap_pck pck = { .pce_svn = 13 };
    uint8_t svn[16] = { 6, 0, 4 };

    pck.component[7] = 5;
    assert_ptr_equal(dcap_platform_level(&info, &pck, BYTES_NONE), &list[0]);
    assert_ptr_equal(dcap_platform_level(&info, &pck, BYTES_ARR(svn)), &list[0]);
    pck.pce_svn = 12; /* PCESVN one lower */
    assert_ptr_equal(dcap_platform_level(&info, &pck, BYTES_NONE), &list[1]);
    assert_string_equal(
        dcap_short_of(&list[0], &pck, BYTES_NONE, &arena), "PCESVN: has 12, needs 13");
    pck.pce_svn = 13;
    svn[2] = 3; /* a level that SGX reaches and TDX does not is passed over */
    assert_ptr_equal(dcap_platform_level(&info, &pck, BYTES_ARR(svn)), &list[1]);
    svn[2] = 4;
    svn[0] = 5; /* component 0 counts where there is no module of its own */
    assert_ptr_equal(dcap_platform_level(&info, &pck, BYTES_ARR(svn)), &list[1]);
    svn[1] = 1;
    assert_ptr_equal(dcap_platform_level(&info, &pck, BYTES_ARR(svn)), &list[0]);
    pck.component[7] = 2;
    assert_null(dcap_platform_level(&info, &pck, BYTES_NONE));
    assert_string_equal(dcap_short_of(&list[2], &pck, BYTES_NONE, &arena),
        "SGX component 7: has 2, needs 3");
}

/* Every pair of the table in src/tee/sgx/README.md. */
static void
statuses_merge_as_the_table_says(void **state)
{
    (void)state;
    static const enum dcap_status out[] = { 0, DCAP_OUT_OF_DATE, DCAP_OUT_OF_DATE,
        DCAP_OUT_OF_DATE_CONFIGURATION_NEEDED, DCAP_OUT_OF_DATE_CONFIGURATION_NEEDED,
        DCAP_OUT_OF_DATE, DCAP_OUT_OF_DATE_CONFIGURATION_NEEDED, DCAP_REVOKED };

    for (enum dcap_status s = DCAP_UP_TO_DATE; s <= DCAP_REVOKED; s++) {
        assert_int_equal(dcap_status_merge(s, DCAP_UP_TO_DATE), s);
        assert_int_equal(dcap_status_merge(s, DCAP_OUT_OF_DATE), out[s]);
        assert_int_equal(dcap_status_merge(s, DCAP_REVOKED), DCAP_REVOKED);
        assert_int_equal(dcap_status_merge(s, DCAP_NO_STATUS), DCAP_NO_STATUS);
        assert_int_equal(dcap_status_merge(DCAP_NO_STATUS, s), DCAP_NO_STATUS);
        for (enum dcap_status o = DCAP_UP_TO_DATE; o <= DCAP_REVOKED; o++) {
            enum dcap_status m = dcap_status_merge(s, o);

            assert_int_equal(m, dcap_status_merge(o, s));
            assert_true(m >= s && m >= o);
        }
        assert_int_equal(dcap_status_of(bytes_str(dcap_status_word(s))), s);
    }
    assert_int_equal(dcap_status_of(BYTES_LIT("Fine")), DCAP_REVOKED);
    assert_int_equal(dcap_status_of(BYTES_LIT("none")), DCAP_REVOKED);
    assert_int_equal(dcap_status_of(BYTES_LIT("uptodate")), DCAP_REVOKED);
}

static void
modules_are_found_by_number(void **state)
{
    (void)state;
    const struct dcap_identity modules[] = { { .module = 1 }, { .module = 0x0a } };
    const struct dcap_tcb_info info = { .modules = modules, .module_count = 2 };
    const struct dcap_identity *m = NULL;
    struct selfsame_err e = { 0 };
    uint8_t svn[16] = { 3, 0x0a };

    assert_code(dcap_module_of(&info, BYTES_ARR(svn), &m, &e), SELFSAME_OK, &e);
    assert_ptr_equal(m, &modules[1]);
    svn[1] = 0;
    assert_code(dcap_module_of(&info, BYTES_ARR(svn), &m, &e), SELFSAME_OK, &e);
    assert_null(m);
    svn[1] = 3;
    assert_code(dcap_module_of(&info, BYTES_ARR(svn), &m, &e), SELFSAME_TCB, &e);
    assert_code(dcap_module_of(&info, BYTES(svn, 15), &m, &e), SELFSAME_MALFORMED, &e);
}

static void
advisories_are_named_once_and_in_order(void **state)
{
    (void)state;
    auto_arena arena = arena_new(1 << 16);
    const struct selfsame_bytes a[] = { BYTES_LIT("INTEL-SA-00615"),
        BYTES_LIT("INTEL-SA-00289") },
                                b[] = { BYTES_LIT("INTEL-SA-00615"),
                                    BYTES_LIT("INTEL-SA-00657") };
    const struct dcap_advisories lists[] = { { a, 2 }, { NULL, 0 }, { b, 2 } };
    struct dcap_advisories all;

    assert_true(dcap_advisories_merge(lists, 3, &arena, &all));
    assert_int_equal(all.count, 3);
    assert_bytes(all.list[0], BYTES_LIT("INTEL-SA-00289"));
    assert_bytes(all.list[1], BYTES_LIT("INTEL-SA-00615"));
    assert_bytes(all.list[2], BYTES_LIT("INTEL-SA-00657"));
}

/* ---- what is refused ---- */

#define LEVEL(svn, status)                                                \
    "{\"tcb\":{\"isvsvn\":" svn "},\"tcbDate\":\"2024-03-13T00:00:00Z\"," \
    "\"tcbStatus\":\"" status "\"}"
#define IDENTITY(id, version, mask, value, levels, more)                         \
    "{\"enclaveIdentity\":{\"id\":\"" id "\",\"version\":" version               \
    ",\"issueDate\":\"2026-01-02T03:04:05Z\",\"nextUpdate\":"                    \
    "\"2026-02-01T03:04:05Z\",\"tcbEvaluationDataNumber\":17,"                   \
    "\"miscselect\":\"00000000\",\"miscselectMask\":\"FFFFFFFF\","               \
    "\"attributes\":\"" value "\",\"attributesMask\":\"" mask "\",\"mrsigner\":" \
    "\"8C4F5775D796503E96137F77C68A829A0056AC8DED70140B081B094490C57BFF\","      \
    "\"isvprodid\":1,\"tcbLevels\":[" levels "]" more "},\"signature\":\"" SIG "\"}"
#define SIG16 "00112233445566778899aabbccddeeff"
#define SIG SIG16 SIG16 SIG16 SIG16
#define MASK "FBFFFFFFFFFFFFFF0000000000000000"
#define VALUE "11000000000000000000000000000000"

static enum selfsame_code
read_identity(const char *json, struct dcap_identity *ret)
{
    static struct arena arena;
    struct selfsame_err e = { 0 };

    arena_free(&arena);
    arena = arena_new(1 << 16);
    enum selfsame_code code = dcap_identity_parse(bytes_str(json), &arena, ret, &e);
    if (code != SELFSAME_OK)
        arena_free(&arena);
    return code;
}

static void
identities_that_mean_nothing_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        enum selfsame_code code;
    } cases[] = {
        { IDENTITY("QE", "2", MASK, VALUE, LEVEL("6", "UpToDate"), ""), SELFSAME_OK },
        { IDENTITY("TD_QE", "2", MASK, VALUE, LEVEL("6", "UpToDate"), ",\"x\":[1]"),
            SELFSAME_OK },
        { IDENTITY("QVE", "2", MASK, VALUE, LEVEL("6", "UpToDate"), ""),
            SELFSAME_UNSUPPORTED },
        { IDENTITY("QE", "3", MASK, VALUE, LEVEL("6", "UpToDate"), ""),
            SELFSAME_UNSUPPORTED },
        { IDENTITY("QE", "2", MASK, "15000000000000000000000000000000",
              LEVEL("6", "UpToDate"), ""),
            SELFSAME_MALFORMED },
        { IDENTITY("QE", "2", MASK, VALUE, "", ""), SELFSAME_MALFORMED },
        { IDENTITY("QE", "2", MASK, VALUE,
              LEVEL("6", "UpToDate") "," LEVEL("6", "Revoked"), ""),
            SELFSAME_MALFORMED },
        { IDENTITY("QE", "2", MASK, VALUE, LEVEL("65536", "UpToDate"), ""),
            SELFSAME_MALFORMED },
        { IDENTITY("QE", "2", MASK, VALUE, LEVEL("6", "UpToDate"), ",\"id\":\"QE\""),
            SELFSAME_MALFORMED },
        { "{\"enclaveIdentity\":{},\"signature\":\"" SIG "\"}", SELFSAME_MALFORMED },
        { "{\"signature\":\"" SIG "\"}", SELFSAME_MALFORMED },
    };
    struct dcap_identity id;

    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(read_identity(cases[i].json, &id), cases[i].code);
    /* Their own order counts, not that of the JSON; a word nobody knows is the worst. */
    assert_int_equal(
        read_identity(IDENTITY("QE", "2", MASK, VALUE,
                          LEVEL("2", "Perfect") "," LEVEL("8", "UpToDate"), ""),
            &id),
        SELFSAME_OK);
    assert_int_equal(dcap_svn_level(&id.levels, 9)->status, DCAP_UP_TO_DATE);
    assert_int_equal(dcap_svn_level(&id.levels, 7)->status, DCAP_REVOKED);
    assert_null(dcap_svn_level(&id.levels, 1));
    (void)read_identity("", &id);
}

/* ---- bundles ---- */

static void
pieces_are_sorted_by_what_they_are(void **state)
{
    (void)state;
    need_shared();
    static const char *const names[] = { "tcb_info.json", "qe_identity.json",
        "tcb_issuer_chain.pem", "qe_issuer_chain.pem", "pck_crl.der", "root_crl.der" };
    auto_arena arena = arena_new(8 << 20);
    struct dcap_bundle b = { .info_count = 0 };
    struct selfsame_err e = { 0 };

    for (size_t i = 0; i < COUNT(names); i++)
        assert_code(
            dcap_bundle_add(&b, piece(&places[4], names[i], &arena), &arena, &e),
            SELFSAME_OK, &e);
    assert_int_equal(b.info_count, 1);
    assert_int_equal(b.identity_count, 1);
    assert_int_equal(b.pki.cert_count, 2);
    assert_int_equal(b.pki.crl_count, 2);
    assert_int_equal(b.pki.aside, 0);
    /* A CRL in hex is the CRL, and what is nothing is put aside. */
    char *hex = hex_dup(&arena, piece(&places[4], "pck_crl.der", &arena));
    assert_code(dcap_bundle_add(&b, bytes_str(hex), &arena, &e), SELFSAME_OK, &e);
    assert_int_equal(b.pki.crl_count, 2);
    assert_code(
        dcap_bundle_add(&b, BYTES_LIT("{\"a\":1}"), &arena, &e), SELFSAME_OK, &e);
    assert_code(dcap_bundle_add(&b, BYTES_LIT("3"), &arena, &e), SELFSAME_OK, &e);
    assert_int_equal(b.pki.aside, 2);
    assert_non_null(b.pki.why);
}

static struct selfsame_bytes
percent(struct selfsame_bytes in, struct arena *arena)
{
    char *s = arena_alloc(arena, 1, 3 * in.len + 1);
    size_t n = 0;

    assert_non_null(s);
    for (size_t i = 0; i < in.len; i++)
        if (in.ptr[i] == ' ' || in.ptr[i] == '\n' || in.ptr[i] == '+')
            n += (size_t)snprintf(s + n, 4, "%%%02X", in.ptr[i]);
        else
            s[n++] = (char)in.ptr[i];
    return BYTES((uint8_t *)s, n);
}

static void
chains_as_headers_carry_them_are_read(void **state)
{
    (void)state;
    need_shared();
    auto_arena arena = arena_new(8 << 20);
    struct dcap_bundle b = { .info_count = 0 };
    struct selfsame_err e = { 0 };
    struct selfsame_bytes chain = percent(
        piece(&places[0], "tcb_issuer_chain.pem", &arena), &arena);

    assert_code(dcap_bundle_add(&b, chain, &arena, &e), SELFSAME_OK, &e);
    assert_int_equal(b.pki.cert_count, 2);
    assert_int_equal(b.pki.aside, 0);
}

/* The object of quoting libraries: everything as strings, the JSON escaped. */
static void
collateral_in_one_object_is_read(void **state)
{
    (void)state;
    need_shared();
    auto_arena arena = arena_new(8 << 20);
    struct dcap_bundle b = { .info_count = 0 };
    struct selfsame_err e = { 0 };
    struct dcap_tcb_info info;
    auto_json *all = json_object();

    assert_code(dcap_tcb_info_parse(
                    piece(&places[4], "tcb_info.json", &arena), &arena, &info, &e),
        SELFSAME_OK, &e);
    char *hex = hex_dup(&arena, BYTES_ARR(info.proof.signature));
    char *crl = hex_dup(&arena, piece(&places[4], "pck_crl.der", &arena));
    char *chain = arena_str(&arena, piece(&places[4], "tcb_issuer_chain.pem", &arena));
    json_object_set_new(all, "tcb_info",
        json_stringn((const char *)info.proof.object.ptr, info.proof.object.len));
    json_object_set_new(all, "tcb_info_signature", json_string(hex));
    json_object_set_new(all, "pck_crl", json_string(crl));
    json_object_set_new(all, "tcb_info_issuer_chain", json_string(chain));
    char *text = json_compact(all);
    assert_code(dcap_bundle_add(&b, bytes_str(text), &arena, &e), SELFSAME_OK, &e);
    free(text);
    assert_int_equal(b.info_count, 1);
    assert_bytes(b.info[0].proof.object, info.proof.object);
    assert_int_equal(b.pki.crl_count, 1);
    assert_int_equal(b.pki.cert_count, 2);
    assert_int_equal(b.pki.aside, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_tcb_infos_say_what_jansson_reads),
        cmocka_unit_test(real_identities_say_what_jansson_reads),
        cmocka_unit_test(real_signatures_hold_and_end_with_any_bit),
        cmocka_unit_test(a_changed_bit_is_never_believed),
        cmocka_unit_test(the_first_level_that_is_reached_whole_counts),
        cmocka_unit_test(statuses_merge_as_the_table_says),
        cmocka_unit_test(modules_are_found_by_number),
        cmocka_unit_test(advisories_are_named_once_and_in_order),
        cmocka_unit_test(identities_that_mean_nothing_are_refused),
        cmocka_unit_test(pieces_are_sorted_by_what_they_are),
        cmocka_unit_test(chains_as_headers_carry_them_are_read),
        cmocka_unit_test(collateral_in_one_object_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
