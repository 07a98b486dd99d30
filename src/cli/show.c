/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/show.h"
#include "cli/print.h"
#include "cli/show_sgx.h"

#include "appraise/ratls.h"
#include "appraise/report.h"
#include "cli/commands.h"
#include "cli/events.h"
#include "codec/pem.h"
#include "image/elf.h"
#include "image/sgxs.h"
#include "image/tdvf.h"
#include "os/os.h"
#include "tee/snp/snp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/*
 * Decodes and believes nothing: what the bytes say, never whether it is true.
 * Every kind becomes one JSON object; text is that object, indented.
 */
enum { SHOW_LIMIT = 16 << 20, SHOW_LIMIT_ELF = 48 << 20 };
#define EVENT_LOG "event log"

static const struct cli_option options[] = { { 0 } };

static const struct shower {
    const char *kind;
    bool (*recognise)(struct selfsame_bytes in);
    enum selfsame_code (*show)(struct selfsame_bytes in, struct arena *arena,
        json_t *into, struct selfsame_err *e);
} showers[] = {
    { "evidence", show_is_quote, show_evidence }, /* before PEM, which is in it */
    /* Before the wrapper: their first bytes may be anything, also those of CBOR. */
    { "firmware of a TD", tdvf_recognise, show_tdvf },
    { "host certificate table", snp_table_recognise, show_table },
    { EVENT_LOG, show_is_event_log, show_event_log },
    { "CCEL table", show_is_ccel_table, show_ccel_table },
    { "ID block of SEV-SNP", show_is_id_block, show_id_block },
    { "ID authentication of SEV-SNP", show_is_id_auth, show_id_auth },
    { "SIGSTRUCT of SGX", show_is_sigstruct, show_sigstruct },
    { "signed enclave of SGX", show_is_enclave, show_enclave },
    { "manifest of Gramine", show_is_manifest, show_manifest },
    { "TCB info", show_is_tcb_info, show_tcb_info },
    { "QE identity", show_is_identity, show_identity },
    { "proof of a log", show_is_proof, show_proof },
    { "signed note", show_is_note, show_note },
    { "trust policy", show_is_trust, show_trust },
    { "signed statement", show_is_envelope, show_envelope },
    { "verifier key", show_is_vkey, show_vkey },
    { "public key", show_is_public_key, show_public_key },
    { "CoRIM", show_is_corim, show_corim },
    { "COSE receipt of a log", show_is_receipt, show_receipt },
    { "conceptual message wrapper", show_is_cmw, show_cmw },
    { "certificate with evidence (DER)", ratls_recognise, show_certificate },
    { "certificates (PEM)", pem_looks_like, show_pem },
    { "JSON", show_is_json, show_json },
    { "evidence", show_is_evidence, show_evidence },
    { "revocation list", show_is_crl, show_crl },
    { "certificate (DER)", show_is_certificate, show_certificate },
};

enum selfsame_code
show_any(
    struct selfsame_bytes in, struct arena *arena, json_t *into, struct selfsame_err *e)
{
    for (size_t i = 0; i < COUNT(showers); i++) {
        if (!showers[i].recognise(in))
            continue;
        TRY(show_put(into, "kind", json_string(showers[i].kind), e));
        TRY_WHILE(e, showers[i].show(in, arena, into, e), "%s", showers[i].kind);
        return SELFSAME_OK;
    }
    (void)err_set(e, SELFSAME_UNSUPPORTED, __FILE__, __LINE__,
        "expected evidence, an image, an envelope, a certificate or a policy, got %zu "
        "bytes that are none known here",
        in.len);
    err_remedy(e,
        "Known: Nitro documents, SNP reports, quotes of SGX and TDX, EIF images, "
        "enclaves of SGX (SGXS, signed, SIGSTRUCT, manifest of Gramine), firmware of "
        "TDX, CMW, X.509 (DER, PEM), CRLs, certificate tables, ID blocks, TCB info, QE "
        "identities, event logs (CCEL), proofs, checkpoints, "
        "receipts and verifier "
        "keys "
        "of "
        "logs, envelopes, public keys, CoRIM, trust policies, policies, JSON.");
    return SELFSAME_UNSUPPORTED;
}

/* What could command a terminal or fool its reader never reaches it: names neither. */
static void
print_safe(const char *text, size_t width)
{
    uint8_t piece[4];
    size_t shown = 0;

    for (struct selfsame_bytes rest = bytes_str(text); rest.len > 0;) {
        struct writer w = writer_of(piece, sizeof(piece));
        size_t len = 1;

        while (len < rest.len && (rest.ptr[len] & 0xc0) == 0x80)
            len++;
        put_safe(&w, BYTES(rest.ptr, len));
        (void)fwrite(piece, 1, w.len, stdout);
        rest = BYTES(rest.ptr + len, rest.len - len);
        shown++;
    }
    for (; shown < width; shown++)
        (void)putchar(' ');
}

enum { NAME_WIDTH = 14 };
static void
print_string(const char *name, const char *text)
{
    print_safe(name, NAME_WIDTH);
    (void)putchar(' ');
    print_safe(text, 0);
    (void)putchar('\n');
}

static void
print_title(const char *name)
{
    print_safe(name, 0);
    (void)putchar('\n');
}

static void
indent(int depth)
{
    (void)printf("%*s", depth * 2, "");
}

static void
print_value(const char *name, const json_t *value, int depth)
{
    const char *key;
    char number[40];
    json_t *item;
    size_t i;

    indent(depth);
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        print_title(name);
        json_object_foreach((json_t *)(uintptr_t)value, key, item)
            print_value(key, item, depth + 1);
        return;
    case JSON_ARRAY:
        print_title(name);
        json_array_foreach((json_t *)(uintptr_t)value, i, item)
        {
            char label[24];

            (void)snprintf(label, sizeof(label), "%zu", i);
            print_value(label, item, depth + 1);
        }
        return;
    case JSON_STRING: print_string(name, json_string_value(value)); return;
    case JSON_INTEGER:
        (void)snprintf(
            number, sizeof(number), "%lld", (long long)json_integer_value(value));
        print_string(name, number);
        return;
    case JSON_REAL:
        (void)snprintf(number, sizeof(number), "%g", json_real_value(value));
        print_string(name, number);
        return;
    case JSON_TRUE: print_string(name, "yes"); return;
    case JSON_FALSE: print_string(name, "no"); return;
    case JSON_NULL: print_string(name, "-"); return;
    }
}

void
show_print(const json_t *tree)
{
    const char *key;
    json_t *item;

    json_object_foreach((json_t *)(uintptr_t)tree, key, item) print_value(key, item, 0);
}

static enum selfsame_code
print(struct cli *c, json_t *tree, struct selfsame_err *e)
{
    if (cli_json(c))
        return print_json_line(tree, e);
    if (strcmp(json_string_value(json_object_get(tree, "kind")), EVENT_LOG) == 0) {
        print_string("kind", EVENT_LOG);
        events_print(tree);
        return SELFSAME_OK;
    }
    show_print(tree);
    return SELFSAME_OK;
}

static enum selfsame_code
run(struct cli *c, struct selfsame_err *e)
{
    auto_json *tree = json_object();
    const char *path = cli_operand(c, 0);
    struct selfsame_bytes in;
    uint8_t magic[8] = { 0 };
    ssize_t head = 0;

    if (tree == NULL)
        FAIL(e, SELFSAME_NOMEM, "the output");
    auto_fd fd = strcmp(path, "-") == 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    /* Images may be larger than memory: only their head and small sections are read. */
    if (fd >= 0)
        head = pread(fd, magic, sizeof(magic), 0);
    struct selfsame_bytes first = BYTES(magic, head > 0 ? (size_t)head : 0);
    if (bytes_has_prefix(first, BYTES_LIT(".eif"))) {
        TRY_WHILE(e, show_eif(fd, cli_arena(c), tree, e), "%s", path);
        return print(c, tree, e);
    }
    if (sgxs_recognise(first)) {
        TRY_WHILE(e, show_sgxs(fd, tree, e), "%s", path);
        return print(c, tree, e);
    }
    TRY(file_read(path, elf_recognise(first) ? (size_t)SHOW_LIMIT_ELF : SHOW_LIMIT,
        cli_arena(c), &in, e));
    if (in.len == 0)
        TRY_WHILE(e,
            file_empty(e, "evidence, an image, an envelope, a certificate or a policy"),
            "%s", path);
    if (!show_is_vkey(in)) /* which may be made of the letters of base64 alone */
        show_unwrap(&in, cli_arena(c));
    TRY_WHILE(e, show_any(in, cli_arena(c), tree, e), "%s", path);
    return print(c, tree, e);
}

const struct cli_command show_command = {
    .name = "show",
    .operands = "FILE",
    .summary =
        "decode evidence, image, envelope, certificate or policy; believe nothing",
    .story = "What is printed is what the bytes say. `verify` says whether it is true.",
    .options = options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
