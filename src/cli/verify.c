/* SPDX-License-Identifier: Apache-2.0 */
#include "appraise/ratls.h"
#include "cli/collateral_fetch.h"
#include "cli/commands.h"
#include "cli/remote.h"
#include "cli/verify_options.h"
#include "codec/pem.h"
#include "codec/text_input.h"
#include "crypto/crypto.h"
#include "crypto/x509.h"
#include "os/os.h"

#include <fcntl.h>
#include <unistd.h>

enum { EVIDENCE_LIMIT = 1 << 20, KEY_LIMIT = 64 << 10 };

static const struct cli_option options[] = {
    VERIFY_OPTIONS,
    { .name = "nonce",
        .argument = "HEX|B64",
        .help = "the challenge the evidence must answer" },
    { .name = "key",
        .argument = "FILE",
        .help = "the key it must be about: PEM public key or certificate" },
    { .name = "ratls",
        .help = "evidence in a certificate: of the file, or of the TLS handshake" },
    { .name = "report-data",
        .argument = "HEX|B64",
        .help = "exact report data it must carry" },
    { .name = "at",
        .argument = "TIME",
        .help = "verify as of this time; never called fresh" },
    { .name = "explain", .help = "every check with expected, got, source and spec" },
    { .name = "report",
        .argument = "FILE.html",
        .help = "write one self-contained page" },
    { 0 },
};

static void
request_cleanup(struct selfsame_request **q)
{
    selfsame_request_free(*q);
}
#define auto_request __attribute__((cleanup(request_cleanup))) struct selfsame_request

/* What is no key must not be compared with one: every evidence would be "unbound". */
static enum selfsame_code
check_key(struct selfsame_bytes spki, struct selfsame_err *e)
{
    struct selfsame_err why = { 0 };
    struct selfsame_bytes ignored;
    enum sig_alg alg;

    if (spki_parse(spki, &alg, &ignored, &why) != SELFSAME_MALFORMED)
        return SELFSAME_OK;
    (void)err_set(e, SELFSAME_MALFORMED, __FILE__, __LINE__,
        "expected a public key or certificate (PEM or DER), got %zu other bytes",
        spki.len);
    err_remedy(e, "Give the public key of whom the evidence should be about: `openssl "
                  "pkey -pubout`, or its certificate.");
    return SELFSAME_MALFORMED;
}

/* SubjectPublicKeyInfo of a PEM public key, a certificate, or DER of either. */
static enum selfsame_code
key_of_file(
    struct cli *c, const char *path, struct selfsame_bytes *ret, struct selfsame_err *e)
{
    /* Nothing but the key counts, whoever made the certificate. */
    static const struct cert_profile foreign = { .foreign = true };
    struct selfsame_bytes file, der, rest;
    struct cert cert;

    TRY(file_read(path, KEY_LIMIT, cli_arena(c), &file, e));
    if (file.len == 0)
        return file_empty(e, "a public key or certificate (PEM or DER)");
    if (!pem_looks_like(file)) {
        struct selfsame_err ignored;

        *ret = cert_parse_as(file, &foreign, &cert, &ignored) == SELFSAME_OK ? cert.spki
                                                                             : file;
        return check_key(*ret, e);
    }
    rest = file;
    TRY(pem_next(&rest, "PUBLIC KEY", cli_arena(c), &der, e));
    if (der.ptr != NULL) {
        *ret = der;
        return check_key(*ret, e);
    }
    rest = file;
    TRY(pem_next(&rest, "CERTIFICATE", cli_arena(c), &der, e));
    if (der.ptr == NULL)
        FAIL(e, SELFSAME_MALFORMED,
            "expected a PUBLIC KEY or CERTIFICATE block, got PEM without either");
    TRY(cert_parse_as(der, &foreign, &cert, e));
    *ret = cert.spki;
    return check_key(*ret, e);
}

static enum selfsame_code
make_request(struct cli *c, struct selfsame_request **ret, struct selfsame_err *e)
{
    auto_request *q = NULL;
    struct selfsame_bytes nonce = BYTES_NONE, data = BYTES_NONE, key;
    int64_t at;

    TRY(selfsame_request_new(&q, e));
    if (cli_value(c, "at") != NULL) {
        TRY(cli_time(c, "at", &at, e));
        selfsame_request_set_as_of(q, at * 1000);
    }
    TRY(cli_bytes(c, "nonce", &nonce, e));
    if (nonce.ptr != NULL && (nonce.len < 8 || nonce.len > 512))
        FAIL(e, SELFSAME_USAGE, "--nonce: expected 8 to 512 bytes, got %zu", nonce.len);
    if (nonce.ptr != NULL)
        selfsame_request_set_nonce(q, nonce);
    TRY(cli_bytes(c, "report-data", &data, e));
    if (data.ptr != NULL)
        selfsame_request_expect_report_data(q, data);
    if (cli_value(c, "key") != NULL) {
        TRY_WHILE(e, key_of_file(c, cli_value(c, "key"), &key, e), "--key %s",
            cli_value(c, "key"));
        selfsame_request_expect_key(q, key);
    }
    *ret = q;
    q = NULL;
    return SELFSAME_OK;
}

/* Files that often stand beside evidence, told apart before a parser stumbles over them. */
static enum selfsame_code
check_evidence(struct selfsame_bytes in, struct selfsame_err *e)
{
    static const struct {
        const char *begin, *got, *remedy;
    } others[] = {
        { ".eif", "an enclave image",
            "`selfsame measure` says what the hardware reports for this image; "
            "evidence "
            "comes from the running enclave." },
        { "-----BEGIN ", "PEM",
            "The key or certificate goes with --key, a root with --trust-anchor." },
    };

    if (in.len == 0)
        return file_empty(e, "evidence");
    for (size_t i = 0; i < COUNT(others); i++) {
        if (!bytes_has_prefix(in, bytes_str(others[i].begin)))
            continue;
        (void)err_set(e, SELFSAME_MALFORMED, __FILE__, __LINE__,
            "expected evidence, got %s", others[i].got);
        err_remedy(e, others[i].remedy);
        return SELFSAME_MALFORMED;
    }
    return SELFSAME_OK;
}

/* Of a file: evidence as such, or a certificate that carries it. */
struct found {
    struct selfsame_bytes bytes;
    bool certificate;
};

/* Images are larger than any evidence: the head is looked at before the size. */
static enum selfsame_code
check_head(const char *path, struct selfsame_err *e)
{
    uint8_t head[16];
    auto_fd fd = strcmp(path, "-") == 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? pread(fd, head, sizeof(head), 0) : -1;

    /* Of a certificate the whole is looked at. */
    if (n <= 0 ||
        bytes_has_prefix(BYTES(head, (size_t)n), BYTES_LIT("-----BEGIN CERT")))
        return SELFSAME_OK;
    return check_evidence(BYTES(head, (size_t)n), e);
}

/* The first certificate of PEM, or the DER that it is, when evidence is in it. */
static enum selfsame_code
find_certificate(
    struct cli *c, struct selfsame_bytes in, struct found *ret, struct selfsame_err *e)
{
    struct selfsame_bytes der = in;

    /* DER first: the chain in a quote is PEM, and stands in many of them. */
    if (!ratls_recognise(in) && pem_looks_like(in))
        TRY(pem_next(&in, "CERTIFICATE", cli_arena(c), &der, e));
    else if (!ratls_recognise(in))
        (void)text_input_decode(&der, cli_arena(c));
    if (der.ptr == NULL && cli_flag(c, "ratls"))
        FAIL(e, SELFSAME_MALFORMED,
            "--ratls: expected a CERTIFICATE block, got PEM without one");
    if (der.ptr != NULL && (cli_flag(c, "ratls") || ratls_recognise(der)))
        *ret = (struct found){ .bytes = der, .certificate = true };
    return SELFSAME_OK;
}

static enum selfsame_code
read_evidence(
    struct cli *c, const char *path, struct found *ret, struct selfsame_err *e)
{
    struct selfsame_bytes in;

    TRY_WHILE(e, check_head(path, e), "%s", path);
    TRY(file_read(path, EVIDENCE_LIMIT, cli_arena(c), &in, e));
    TRY_WHILE(e, find_certificate(c, in, ret, e), "%s", path);
    if (ret->certificate)
        return SELFSAME_OK;
    TRY_WHILE(e, check_evidence(in, e), "%s", path);
    (void)text_input_decode(&in, cli_arena(c));
    *ret = (struct found){ .bytes = in };
    return SELFSAME_OK;
}

/* One run of the command. */
struct verifying {
    struct cli *c;
    const char *what;
    struct found evidence; /* of a file: read once, since it may be a pipe */
    struct selfsame_verifier *verifier;
    struct selfsame_policy *policy;
    struct releases releases;
};

static enum selfsame_code
verify_file(struct verifying *x, struct selfsame_result **ret, struct selfsame_err *e)
{
    auto_request *q = NULL;

    TRY(make_request(x->c, &q, e));
    releases_prepare(&x->releases, q);
    if (x->evidence.bytes.ptr == NULL)
        TRY(read_evidence(x->c, x->what, &x->evidence, e));
    /* Now is when all of it is there: whoever feeds a pipe slowly gains no age. */
    selfsame_request_set_time(q, os_now_ms());
    const enum selfsame_code code = x->evidence.certificate
                                        ? selfsame_verify_certificate(x->verifier,
                                              x->policy, q, x->evidence.bytes, false,
                                              ret, e)
                                        : selfsame_verify(x->verifier, x->policy, q,
                                              x->evidence.bytes, ret, e);
    return *ret != NULL ? releases_settle(&x->releases, *ret, e) : code;
}

static bool
is_url(const char *s)
{
    return strncmp(s, "https://", 8) == 0 || strncmp(s, "http://", 7) == 0;
}

static enum selfsame_code
verify_once(struct verifying *x, struct selfsame_result **ret, struct selfsame_err *e)
{
    return is_url(x->what) ? remote_verify(x->what, cli_flag(x->c, "ratls"),
                                 x->verifier, x->policy, &x->releases, ret, e)
                           : verify_file(x, ret, e);
}

static enum selfsame_code
check_usage(struct cli *c, struct selfsame_err *e)
{
    static const char *const file_only[] = { "nonce", "key", "report-data", "at" };

    TRY(collateral_check(c, e));
    for (size_t i = 0; is_url(cli_operand(c, 0)) && i < COUNT(file_only); i++)
        if (cli_value(c, file_only[i]) != NULL)
            FAIL(e, SELFSAME_USAGE,
                "--%s is for files: a URL is challenged here and now", file_only[i]);
    return SELFSAME_OK;
}

static enum selfsame_code
run(struct cli *c, struct selfsame_err *e)
{
    auto_policy *policy = NULL;
    auto_verifier *verifier = NULL;
    auto_result *result = NULL;
    struct verifying x = { .c = c, .what = cli_operand(c, 0) };

    TRY(verify_options_policy(c, &policy, e));
    TRY(verify_options_verifier(c, &verifier, e));
    TRY(check_usage(c, e));
    x.policy = policy;
    x.verifier = verifier;
    TRY(releases_load(c, policy, &x.releases, e));
    enum selfsame_code code = verify_once(&x, &result, e);
    if (result != NULL && code != SELFSAME_OK) {
        bool more;

        TRY(collateral_fetch_missing(c, result, verifier, &more, e));
        if (more) {
            result_cleanup(&result);
            result = NULL;
            *e = (struct selfsame_err){ 0 };
            code = verify_once(&x, &result, e);
            collateral_hint(c, code);
        }
    }
    return result != NULL ? verify_options_print(c, result, STDOUT_FILENO, e) : code;
}

const struct cli_command verify_command = {
    .name = "verify",
    .operands = "FILE|URL",
    .summary = "verify evidence against a policy and say why",
    .story = "Examples:\n"
             "  selfsame verify https://127.0.0.1:8443/ --policy policy.json\n"
             "  selfsame verify evidence.cmw --tee nitro --measurements "
             "measurements.json \\\n"
             "      --nonce 00112233445566778899aabbccddeeff --key service.pem\n"
             "  selfsame verify https://127.0.0.1:8443/ --ratls --policy key.json\n"
             "  selfsame verify https://127.0.0.1:8443/ --policy policy.json \\\n"
             "      --release example.com-hello-1.4.2.tlog-proof",
    .options = options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
