/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "tee/sgx/sgx.h"
#include "tee/shared/dcap_device.h"
#include "tee/shared/dcap_simulate.h"
#include "tee/tdx/tdx.h"

/* The simulators of SGX and TDX against the verifiers: each fault gives its class. */
enum { SETTINGS = 6, PIECES = 10 };
static const int64_t now_s = 1780272000; /* 2026-06-01T00:00:00Z */

struct machine {
    const struct tee_simulator *sim;
    const struct tee_verifier *verifier;
    struct sim_pki *pki;
    struct arena arena;
    struct selfsame_bytes quote, piece[PIECES];
    size_t pieces;
};

static void
machine_start(struct machine *m, const char *tee)
{
    struct selfsame_err e = { .depth = 0 };

    *m = (struct machine){ .sim = tee_simulator_find(tee),
        .verifier = tee_verifier_find(tee),
        .arena = arena_new((size_t)16 << 20) };
    assert_non_null(m->sim);
    assert_non_null(m->verifier);
    assert_code(m->sim->pki(BYTES_NONE, now_s * 1000, &m->pki, &e), SELFSAME_OK, &e);
}

static void
machine_stop(struct machine *m)
{
    m->sim->pki_free(m->pki);
    arena_free(&m->arena);
}

static struct sim_subject
subject_of(uint64_t defects, const char *const *settings)
{
    struct sim_subject s = { .defects = defects, .settings = settings };

    while (settings != NULL && s.setting_count < SETTINGS &&
           settings[s.setting_count] != NULL)
        s.setting_count++;
    return s;
}

/* A quote and its collateral, made as by two runs of a program. */
static void
machine_quote(struct machine *m, uint64_t defects, const char *const *settings)
{
    const struct sim_quote_request q = {
        .now_ms = now_s * 1000,
        .subject = subject_of(defects, settings),
        .report_data = BYTES_LIT("what the guest says"),
    };
    struct selfsame_err e = { .depth = 0 };
    struct tee_collected made = { .evidence = BYTES_NONE };
    struct sim_pki *service = NULL;
    struct sim_file *files = NULL;

    assert_code(sim_subject_check(m->sim, &q.subject, &e), SELFSAME_OK, &e);
    assert_code(m->sim->quote(m->pki, &q, &m->arena, &made, &e), SELFSAME_OK, &e);
    m->quote = made.evidence;
    assert_code(m->sim->pki(BYTES_NONE, now_s * 1000, &service, &e), SELFSAME_OK, &e);
    assert_code(m->sim->collateral(service, now_s * 1000, &q.subject, &m->arena, &files,
                    &m->pieces, &e),
        SELFSAME_OK, &e);
    assert_true(m->pieces <= PIECES);
    for (size_t i = 0; i < m->pieces; i++)
        m->piece[i] = files[i].bytes;
    m->sim->pki_free(service);
}

struct verdict {
    enum selfsame_code code;
    struct checks checks;
    struct selfsame_claims claims;
    struct selfsame_err err;
    struct arena arena;
};

static struct verdict
judge(const struct machine *m)
{
    struct verdict v = { .arena = arena_new((size_t)4 << 20) };
    const struct tee_trust trust = {
        .now_s = now_s,
        .anchors = m->verifier->anchors,
        .anchor_count = m->verifier->anchor_count,
        .collateral = m->piece,
        .collateral_count = m->pieces,
    };

    v.code = m->verifier->verify(
        m->quote, &trust, &v.arena, &v.checks, &v.claims, &v.err);
    return v;
}

/* ---- sound ---- */

static void
what_is_simulated_verifies_and_is_marked(void **state)
{
    static const struct {
        const char *tee, *settings[SETTINGS];
    } rows[] = {
        { "sgx", { NULL } },
        { "sgx", { "version=4", "ca=platform" } },
        { "sgx", { "version=5", "auth_size=0", "nul=1", "twin=1" } },
        { "sgx", { "auth_size=300", "root_first=1", "tcb_version=2" } },
        { "sgx", { "components=0a0b", "pce_svn=3", "fmspc=00906ed50000" } },
        { "sgx", { "cert_type=1" } },
        { "sgx", { "cert_type=3", "version=5", "ca=platform" } },
        { "sgx", { "cert_type=4" } },
        { "sgx", { "attributes=0x85", "config_svn=3", "pceid=0100" } },
        { "tdx", { NULL } },
        { "tdx", { "version=5" } },
        { "tdx", { "version=5", "body=1.0", "trailer=3065" } },
        { "tdx", { "body=1.5", "tee_tcb_svn2=070106" } },
        { "tdx", { "tee_tcb_svn=0300ff", "trailer=39" } },
        { "tdx", { "tee_tcb_svn=010a" } },
        { "tdx", { "cert_type=2", "issue_date=2026-05-31T00:00:00Z" } },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct machine m;

        machine_start(&m, rows[i].tee);
        machine_quote(&m, 0, rows[i].settings);
        struct verdict v = judge(&m);
        if (v.code != SELFSAME_OK)
            fail_msg("row %zu: %s", i, err_text(&v.err));
        if (!v.claims.authentic || !v.claims.simulated || v.claims.debug)
            fail_msg("row %zu: authentic %d simulated %d debug %d", i,
                v.claims.authentic, v.claims.simulated, v.claims.debug);
        const struct claim *c = claims_find(&v.claims, "tcb_status");
        assert_non_null(c);
        assert_bytes(c->bytes, BYTES_LIT("UpToDate"));
        arena_free(&v.arena);
        machine_stop(&m);
    }
}

static void
what_is_set_is_what_is_claimed(void **state)
{
    static const struct {
        const char *tee, *settings[SETTINGS], *path, *want;
    } rows[] = {
        { "sgx", { "tcb_status=SWHardeningNeeded" }, "tcb_status",
            "SWHardeningNeeded" },
        { "sgx", { "qe_status=OutOfDate" }, "tcb_status", "OutOfDate" },
        { "tdx", { "module_status=OutOfDate" }, "tcb_status", "OutOfDate" },
        { "tdx", { "tcb_status=ConfigurationNeeded", "qe_status=OutOfDate" },
            "tcb_status", "OutOfDateConfigurationNeeded" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct machine m;

        machine_start(&m, rows[i].tee);
        machine_quote(&m, 0, rows[i].settings);
        struct verdict v = judge(&m);
        assert_code(v.code, SELFSAME_OK, &v.err);
        const struct claim *c = claims_find(&v.claims, rows[i].path);
        assert_non_null(c);
        assert_bytes(c->bytes, bytes_str(rows[i].want));
        arena_free(&v.arena);
        machine_stop(&m);
    }
}

/* ---- faults ---- */

struct fault {
    uint64_t defect;
    enum selfsame_code code;
    enum check_name check;
    const char *settings[SETTINGS];
};
static const struct fault faults[] = {
    { SIM_TRUNCATED, SELFSAME_MALFORMED, CHECK_PARSE, { NULL } },
    { SIM_WRONG_ALG, SELFSAME_UNSUPPORTED, CHECK_PARSE, { NULL } },
    { DCAP_SIM_OTHER_VENDOR, SELFSAME_UNSUPPORTED, CHECK_PARSE, { NULL } },
    { DCAP_SIM_NESTED_LENGTH, SELFSAME_MALFORMED, CHECK_PARSE, { NULL } },
    { DCAP_SIM_BODY_SIZE, SELFSAME_MALFORMED, CHECK_PARSE, { "version=5" } },
    { SIM_RESERVED, SELFSAME_MALFORMED, CHECK_PARSE, { NULL } },
    { SIM_EXPIRED, SELFSAME_BAD_CHAIN, CHECK_CHAIN, { NULL } },
    { SIM_FUTURE, SELFSAME_BAD_CHAIN, CHECK_CHAIN, { NULL } },
    { SIM_BAD_CHAIN_SIGNATURE, SELFSAME_BAD_CHAIN, CHECK_CHAIN, { NULL } },
    { SIM_OTHER_ROOT, SELFSAME_BAD_CHAIN, CHECK_CHAIN, { NULL } },
    { SIM_NO_LEAF, SELFSAME_BAD_CHAIN, CHECK_CHAIN, { NULL } },
    { DCAP_SIM_SIGNER_AS_LEAF, SELFSAME_BAD_CHAIN, CHECK_CHAIN, { NULL } },
    { SIM_REVOKED, SELFSAME_REVOKED, CHECK_REVOCATION, { NULL } },
    { SIM_REVOKED, SELFSAME_REVOKED, CHECK_REVOCATION, { "ca=platform" } },
    { SIM_NO_CRL, SELFSAME_REVOKED, CHECK_REVOCATION, { NULL } },
    { SIM_STALE_CRL, SELFSAME_REVOKED, CHECK_REVOCATION, { NULL } },
    { SIM_FUTURE_CRL, SELFSAME_REVOKED, CHECK_REVOCATION, { NULL } },
    { DCAP_SIM_REVOKED_LEAF, SELFSAME_REVOKED, CHECK_REVOCATION, { NULL } },
    { DCAP_SIM_REVOKED_SIGNER, SELFSAME_REVOKED, CHECK_REVOCATION, { NULL } },
    { DCAP_SIM_FOREIGN_CRL, SELFSAME_REVOKED, CHECK_REVOCATION, { NULL } },
    { DCAP_SIM_ENDLESS_CRL, SELFSAME_REVOKED, CHECK_REVOCATION, { NULL } },
    { DCAP_SIM_NO_ROOT_CRL, SELFSAME_REVOKED, CHECK_REVOCATION, { NULL } },
    { DCAP_SIM_STALE_ROOT_CRL, SELFSAME_REVOKED, CHECK_REVOCATION, { NULL } },
    { DCAP_SIM_FOREIGN_ROOT_CRL, SELFSAME_REVOKED, CHECK_REVOCATION, { NULL } },
    { SIM_BAD_SIGNATURE, SELFSAME_BAD_SIGNATURE, CHECK_SIGNATURE, { NULL } },
    { SIM_CA_SIGNS, SELFSAME_BAD_SIGNATURE, CHECK_SIGNATURE, { NULL } },
    { DCAP_SIM_FOREIGN_QE, SELFSAME_BAD_SIGNATURE, CHECK_SIGNATURE, { NULL } },
    { DCAP_SIM_QE_HASH, SELFSAME_BAD_SIGNATURE, CHECK_SIGNATURE, { NULL } },
    { DCAP_SIM_FOREIGN_KEY, SELFSAME_BAD_SIGNATURE, CHECK_SIGNATURE, { NULL } },
    { DCAP_SIM_DEBUG_QE, SELFSAME_BAD_SIGNATURE, CHECK_SIGNATURE, { NULL } },
    { SIM_DUPLICATE_KEY, SELFSAME_TCB, CHECK_TCB, { NULL } },
    { DCAP_SIM_LEAF_AS_SIGNER, SELFSAME_TCB, CHECK_TCB, { NULL } },
    { DCAP_SIM_NO_TCB_INFO, SELFSAME_TCB, CHECK_TCB, { NULL } },
    { DCAP_SIM_STALE_TCB_INFO, SELFSAME_TCB, CHECK_TCB, { NULL } },
    { DCAP_SIM_FUTURE_TCB_INFO, SELFSAME_TCB, CHECK_TCB, { NULL } },
    { DCAP_SIM_BAD_TCB_SIGNATURE, SELFSAME_TCB, CHECK_TCB, { NULL } },
    { DCAP_SIM_EDITED_JSON, SELFSAME_TCB, CHECK_TCB, { NULL } },
    { DCAP_SIM_OTHER_FMSPC, SELFSAME_TCB, CHECK_TCB, { NULL } },
    { DCAP_SIM_OTHER_PCEID, SELFSAME_TCB, CHECK_TCB, { NULL } },
    { DCAP_SIM_OTHER_TEE, SELFSAME_TCB, CHECK_TCB, { NULL } },
    { DCAP_SIM_NO_LEVEL, SELFSAME_TCB, CHECK_TCB, { NULL } },
    { DCAP_SIM_NO_QE_IDENTITY, SELFSAME_TCB, CHECK_TCB, { NULL } },
    { DCAP_SIM_STALE_QE_IDENTITY, SELFSAME_TCB, CHECK_TCB, { NULL } },
    { DCAP_SIM_UNKNOWN_MODULE, SELFSAME_TCB, CHECK_TCB, { NULL } },
    { DCAP_SIM_SEAM_SIGNER, SELFSAME_TCB, CHECK_TCB, { NULL } },
    { 0, SELFSAME_REVOKED, CHECK_TCB, { "tcb_status=Revoked" } },
    { 0, SELFSAME_REVOKED, CHECK_TCB, { "qe_status=Revoked" } },
    { 0, SELFSAME_REVOKED, CHECK_TCB, { "tcb_status=Splendid" } },
    { 0, SELFSAME_TCB, CHECK_TCB, { "next_update=2026-05-31T23:59:59Z" } },
    { 0, SELFSAME_TCB, CHECK_TCB, { "issue_date=2026-06-01T00:00:01Z" } },
    { 0, SELFSAME_UNSUPPORTED, CHECK_PARSE, { "cert_type=7" } },
};

/* Faults that verification leaves to policies. */
static const uint64_t of_policies = SIM_DEBUG | SIM_WRONG_BINDING |
                                    DCAP_SIM_PROVISION_KEY | DCAP_SIM_NO_SEPT_VE |
                                    DCAP_SIM_MIGRATABLE;

static void
every_fault_gives_its_class(void **state)
{
    static const char *const tees[] = { "sgx", "tdx" };

    (void)state;
    for (size_t t = 0; t < COUNT(tees); t++) {
        uint64_t seen = of_policies;
        struct machine m;

        machine_start(&m, tees[t]);
        for (size_t i = 0; i < COUNT(faults); i++) {
            const struct fault *f = &faults[i];

            seen |= f->defect;
            if ((f->defect & ~m.sim->defects) != 0)
                continue;
            machine_quote(&m, f->defect, f->settings);
            struct verdict v = judge(&m);
            const char *word = f->defect != 0 ? sim_defect_word(m.sim, f->defect)
                                              : f->settings[0];
            if (v.code != f->code || v.checks.at[f->check].outcome != CHECK_FAIL ||
                v.checks.at[f->check].code != f->code)
                fail_msg("%s %s: expected %s at %s, got %s: %s", tees[t], word,
                    selfsame_code_name(f->code), check_word(f->check),
                    selfsame_code_name(v.code), err_text(&v.err));
            arena_free(&v.arena);
        }
        assert_true((m.sim->defects & ~seen) == 0);
        machine_stop(&m);
    }
}

static void
faults_of_policies_are_claimed(void **state)
{
    struct machine m;

    (void)state;
    for (unsigned tdx = 0; tdx < 2; tdx++) {
        machine_start(&m, tdx ? "tdx" : "sgx");
        machine_quote(&m, SIM_DEBUG, NULL);
        struct verdict v = judge(&m);
        assert_code(v.code, SELFSAME_OK, &v.err);
        assert_true(v.claims.debug);
        arena_free(&v.arena);
        machine_quote(&m, SIM_WRONG_BINDING, NULL);
        v = judge(&m);
        assert_code(v.code, SELFSAME_OK, &v.err);
        assert_int_equal(v.claims.report_data.len, 64);
        assert_int_equal(v.claims.report_data.ptr[63], 1);
        arena_free(&v.arena);
        machine_stop(&m);
    }
}

/* ---- settings ---- */

static void
settings_out_of_form_are_refused(void **state)
{
    static const struct {
        const char *tee, *setting;
        uint64_t defect;
    } rows[] = {
        { "sgx", "version=6", 0 },
        { "sgx", "version=2", 0 },
        { "tdx", "version=3", 0 },
        { "sgx", "mrtd=00", 0 },
        { "tdx", "mrenclave=00", 0 },
        { "tdx", "rtmr.4=00", 0 },
        { "sgx", "mrenclave=00", 0 },
        { "sgx", "mrenclave", 0 },
        { "sgx", "isv_svn=65536", 0 },
        { "sgx", "components=000000000000000000000000000000000000", 0 },
        { "sgx", "tcb_status=\"", 0 },
        { "sgx", "tcb_date=yesterday", 0 },
        { "sgx", "nul=2", 0 },
        { "sgx", "ca=root", 0 },
        { "sgx", "body=1.5", 0 },
        { "tdx", "body=2.0", 0 },
        { "tdx", "tcb_version=2", 0 },
        { "sgx", "tcb_version=1", 0 },
        { "sgx", "cert_type=0", 0 },
        { "sgx", "cert_type=8", 0 },
        { "sgx", "", 0 },
        { "sgx", "=", 0 },
        { "sgx", "version=3", DCAP_SIM_BODY_SIZE },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *const settings[] = { rows[i].setting };
        struct sim_quote_request q = { .now_ms = now_s * 1000 };
        struct selfsame_err e = { .depth = 0 };
        struct tee_collected made;
        struct machine m;

        machine_start(&m, rows[i].tee);
        q.subject = (struct sim_subject){
            .defects = rows[i].defect, .settings = settings, .setting_count = 1
        };
        enum selfsame_code code = m.sim->quote(m.pki, &q, &m.arena, &made, &e);
        if (code != SELFSAME_USAGE)
            fail_msg("%s: got %s", rows[i].setting, selfsame_code_name(code));
        machine_stop(&m);
    }
}

static void
measured_values_are_attested(void **state)
{
    static const uint8_t mrtd[48] = { 1, 2, 3 }, enclave[32] = { 4, 5 };
    const struct claim measured[] = {
        { .path = "mrtd", .kind = CLAIM_BYTES, .bytes = BYTES_ARR(mrtd) },
        { .path = "mrenclave", .kind = CLAIM_BYTES, .bytes = BYTES_ARR(enclave) },
        { .path = "min_isv_svn", .kind = CLAIM_UINT, .number = 9 },
        { .path = "events.1", .kind = CLAIM_BYTES, .bytes = BYTES_ARR(enclave) },
        { .path = "mrtd", .kind = CLAIM_BYTES, .bytes = BYTES_ARR(enclave) },
    };
    struct sim_subject s = { .measured = measured, .measured_count = COUNT(measured) };
    struct selfsame_err e = { .depth = 0 };
    struct dcap_setup setup;

    (void)state;
    assert_code(dcap_sim_setup(DCAP_TDX, &s, &setup, &e), SELFSAME_OK, &e);
    assert_bytes(BYTES_ARR(setup.mr_td), BYTES_ARR(mrtd));
    assert_code(dcap_sim_setup(DCAP_SGX, &s, &setup, &e), SELFSAME_OK, &e);
    assert_bytes(BYTES_ARR(setup.mr_enclave), BYTES_ARR(enclave));
    assert_int_equal(setup.isv_svn, 9);
    s.measured = measured + 4; /* of 32 bytes */
    s.measured_count = 1;
    assert_int_equal(dcap_sim_setup(DCAP_TDX, &s, &setup, &e), SELFSAME_USAGE);
}

/* ---- roots of one's own ---- */

static void
a_root_of_ones_own_is_no_pinned_one(void **state)
{
    struct selfsame_err e = { .depth = 0 };
    struct machine m;
    char *pem = NULL;

    (void)state;
    machine_start(&m, "sgx");
    assert_code(m.sim->new_root(now_s * 1000, &m.arena, &pem, &e), SELFSAME_OK, &e);
    m.sim->pki_free(m.pki);
    m.pki = NULL;
    assert_code(m.sim->pki(bytes_str(pem), now_s * 1000, &m.pki, &e), SELFSAME_OK, &e);
    machine_quote(&m, 0, NULL);
    struct verdict v = judge(&m);
    assert_int_equal(v.code, SELFSAME_BAD_CHAIN);
    arena_free(&v.arena);
    /* Without its last key, and without its certificate. */
    struct sim_pki *other = NULL;
    char *last = strstr(pem, "PRIVATE KEY");
    for (char *at = last; at != NULL; at = strstr(at + 1, "-----BEGIN PRIVATE"))
        last = at;
    assert_int_equal(m.sim->pki(BYTES((uint8_t *)pem, (size_t)(last - pem)),
                         now_s * 1000, &other, &e),
        SELFSAME_MALFORMED);
    assert_int_equal(m.sim->pki(bytes_str(strstr(pem, "-----BEGIN PRIVATE")),
                         now_s * 1000, &other, &e),
        SELFSAME_MALFORMED);
    machine_stop(&m);
}

/* ---- the device ---- */

static struct selfsame_bytes
ask(const struct machine *m, void *device, uint32_t want, const void *request,
    size_t len, struct arena *arena)
{
    struct selfsame_err e = { .depth = 0 };
    struct selfsame_bytes answer;

    assert_code(m->sim->device_call(
                    device, now_s * 1000, BYTES(request, len), arena, &answer, &e),
        SELFSAME_OK, &e);
    struct reader r = reader_of(answer);
    assert_int_equal(get_be32(&r), want);
    assert_false(r.bad);
    return r.rest;
}

static void
the_device_of_tdx_extends_its_registers(void **state)
{
    uint8_t quote[65] = { DCAP_DEVICE_QUOTE, 1 },
            extend[50] = { DCAP_DEVICE_EXTEND, 3, 7 };
    const uint8_t get[2] = { DCAP_DEVICE_REGISTER, 3 };
    uint8_t report[65] = { DCAP_DEVICE_REPORT, 2 };
    uint8_t old_and_new[96] = { 0 }, want[HASH_MAX];
    const struct sim_subject subject = { .defects = 0 };
    struct selfsame_err e = { .depth = 0 };
    void *device = NULL;
    struct machine m;

    (void)state;
    machine_start(&m, "tdx");
    machine_quote(&m, 0, NULL);
    assert_code(m.sim->device_new(m.pki, &subject, &device, &e), SELFSAME_OK, &e);
    assert_true(bytes_is_zero(ask(&m, device, 0, get, 2, &m.arena)));
    assert_int_equal(ask(&m, device, 0, extend, 50, &m.arena).len, 0);
    memcpy(old_and_new + 48, extend + 2, 48);
    assert_true(hash_bytes(HASH_SHA384, BYTES_ARR(old_and_new), want));
    assert_bytes(ask(&m, device, 0, get, 2, &m.arena), BYTES(want, 48));
    m.quote = ask(&m, device, 0, quote, 65, &m.arena);
    struct verdict v = judge(&m);
    assert_code(v.code, SELFSAME_OK, &v.err);
    const struct claim *c = claims_find(&v.claims, "rtmr.3");
    assert_non_null(c);
    assert_bytes(c->bytes, BYTES(want, 48));
    assert_int_equal(v.claims.report_data.ptr[0], 1);
    arena_free(&v.arena);
    /* The local report has the same in its own places, and hashes of both halves. */
    struct selfsame_bytes td = ask(&m, device, 0, report, 65, &m.arena);
    assert_int_equal(td.len, 1024);
    assert_int_equal(td.ptr[128], 2);
    assert_bytes(BYTES(td.ptr + 864, 48), BYTES(want, 48));
    assert_true(hash_bytes(HASH_SHA384, BYTES(td.ptr + 512, 512), want));
    assert_bytes(BYTES(td.ptr + 80, 48), BYTES(want, 48));
    assert_true(hash_bytes(HASH_SHA384, BYTES(td.ptr + 256, 239), want));
    assert_bytes(BYTES(td.ptr + 32, 48), BYTES(want, 48));
    m.sim->device_free(device);
    machine_stop(&m);
}

static void
requests_out_of_form_are_refused(void **state)
{
    const struct sim_subject subject = { .defects = 0 };
    uint8_t request[70] = { 0 };

    (void)state;
    for (unsigned tdx = 0; tdx < 2; tdx++) {
        struct selfsame_err e = { .depth = 0 };
        void *device = NULL;
        struct machine m;

        machine_start(&m, tdx ? "tdx" : "sgx");
        assert_code(m.sim->device_new(m.pki, &subject, &device, &e), SELFSAME_OK, &e);
        for (uint8_t op = 0; op < 6; op++)
            for (size_t len = 0; len <= sizeof(request); len++) {
                auto_arena arena = arena_new(1 << 20);
                struct selfsame_bytes answer;

                request[0] = op;
                request[1] = 4; /* a register that nobody extends */
                assert_code(m.sim->device_call(device, now_s * 1000,
                                BYTES(request, len), &arena, &answer, &e),
                    SELFSAME_OK, &e);
                const bool quotes = op == DCAP_DEVICE_QUOTE || op == DCAP_DEVICE_REPORT;
                const bool good = (len == 65 && quotes) ||
                                  (len == 2 && op == DCAP_DEVICE_REGISTER && tdx);
                assert_int_equal(answer.len > 4, good);
            }
        m.sim->device_free(device);
        machine_stop(&m);
    }
}

static void
the_device_of_sgx_quotes_and_reports(void **state)
{
    uint8_t request[65] = { DCAP_DEVICE_QUOTE, 9 };
    const struct sim_subject subject = { .defects = 0 };
    struct selfsame_err e = { .depth = 0 };
    struct dcap_report parsed;
    void *device = NULL;
    struct machine m;

    (void)state;
    machine_start(&m, "sgx");
    machine_quote(&m, 0, NULL);
    assert_code(m.sim->device_new(m.pki, &subject, &device, &e), SELFSAME_OK, &e);
    m.quote = ask(&m, device, 0, request, 65, &m.arena);
    struct verdict v = judge(&m);
    assert_code(v.code, SELFSAME_OK, &v.err);
    assert_int_equal(v.claims.report_data.ptr[0], 9);
    arena_free(&v.arena);
    request[0] = DCAP_DEVICE_REPORT;
    struct selfsame_bytes report = ask(&m, device, 0, request, 65, &m.arena);
    assert_int_equal(report.len, 432);
    assert_code(
        dcap_report_parse(BYTES(report.ptr, 384), &parsed, &e), SELFSAME_OK, &e);
    assert_int_equal(parsed.report_data.ptr[0], 9);
    m.sim->device_free(device);
    machine_stop(&m);
}

/* ---- memory ---- */

static void
nothing_is_made_without_memory(void **state)
{
    (void)state;
    for (unsigned tdx = 0; tdx < 2; tdx++) {
        const struct sim_quote_request q = { .now_ms = now_s * 1000 };
        struct machine m;
        long n = 0;

        machine_start(&m, tdx ? "tdx" : "sgx");
        for (enum selfsame_code code = SELFSAME_NOMEM; code != SELFSAME_OK;) {
            auto_arena arena = arena_new((size_t)16 << 20);
            struct selfsame_err e = { .depth = 0 };
            struct tee_collected made;
            struct sim_file *files = NULL;
            size_t count = 0;

            arena.fail_at = ++n;
            code = m.sim->quote(m.pki, &q, &arena, &made, &e);
            if (code == SELFSAME_OK)
                code = m.sim->collateral(
                    m.pki, now_s * 1000, &q.subject, &arena, &files, &count, &e);
            assert_true(code == SELFSAME_NOMEM || code == SELFSAME_OK);
            assert_true(n < 5000);
        }
        assert_true(n > 20);
        machine_stop(&m);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_simulated_verifies_and_is_marked),
        cmocka_unit_test(what_is_set_is_what_is_claimed),
        cmocka_unit_test(every_fault_gives_its_class),
        cmocka_unit_test(faults_of_policies_are_claimed),
        cmocka_unit_test(settings_out_of_form_are_refused),
        cmocka_unit_test(measured_values_are_attested),
        cmocka_unit_test(a_root_of_ones_own_is_no_pinned_one),
        cmocka_unit_test(the_device_of_tdx_extends_its_registers),
        cmocka_unit_test(requests_out_of_form_are_refused),
        cmocka_unit_test(the_device_of_sgx_quotes_and_reports),
        cmocka_unit_test(nothing_is_made_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
