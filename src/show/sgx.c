/* SPDX-License-Identifier: Apache-2.0 */
#include "show/sgx.h"

#include "image/sigstruct.h"
#include "tee/sgx/gramine.h"
#include "tee/sgx/signed_elf.h"

static enum selfsame_code
put_hex(json_t *into, const char *name, struct selfsame_bytes b, struct arena *arena,
    struct selfsame_err *e)
{
    return show_put(into, name, json_string(hex_dup(arena, b)), e);
}

static enum selfsame_code
put_bits(json_t *into, const char *name, uint64_t bits, struct selfsame_err *e)
{
    return show_put(into, name, json_sprintf("0x%llx", (unsigned long long)bits), e);
}

static enum selfsame_code
put_number(json_t *into, const char *name, uint64_t n, struct selfsame_err *e)
{
    return show_put(into, name, json_integer((json_int_t)n), e);
}

/* ---- SIGSTRUCT ---- */

bool
show_is_sigstruct(struct selfsame_bytes in)
{
    return in.len == SIGSTRUCT_SIZE && sigstruct_recognise(in);
}

static enum selfsame_code
put_identity(json_t *into, const struct sigstruct *s, struct arena *arena,
    struct selfsame_err *e)
{
    uint8_t signer[32];

    if (!sigstruct_mrsigner(s, signer))
        FAIL(e, SELFSAME_NOMEM, "the output");
    TRY(put_hex(into, "mrenclave", s->enclave_hash, arena, e));
    TRY(put_hex(into, "mrsigner", BYTES_ARR(signer), arena, e));
    TRY(put_number(into, "isv_prod_id", s->isv_prod_id, e));
    TRY(put_number(into, "isv_svn", s->isv_svn, e));
    TRY(put_hex(into, "isv_ext_prod_id", s->isv_ext_prod_id, arena, e));
    return put_hex(into, "isv_family_id", s->isv_family_id, arena, e);
}

enum selfsame_code
show_sigstruct(
    struct selfsame_bytes in, struct arena *arena, json_t *into, struct selfsame_err *e)
{
    struct selfsame_err why;
    struct sigstruct s;

    TRY(sigstruct_parse(in, &s, e));
    /* Whose key it is nobody says; that it holds can be told without. */
    const bool holds = sigstruct_verify(&s, &why) == SELFSAME_OK;
    TRY(show_put(into, "signature_holds", json_boolean(holds), e));
    if (!holds)
        TRY(show_put(into, "why", json_string(err_text(&why)), e));
    TRY(show_put(into, "vendor", json_string(s.vendor != 0 ? "Intel" : "none"), e));
    TRY(show_put(
        into, "date", json_sprintf("%04u-%02u-%02u", s.year, s.month, s.day), e));
    TRY(put_identity(into, &s, arena, e));
    TRY(show_put(
        into, "debug", json_boolean(s.is_debug || (s.flags & SGX_FLAG_DEBUG) != 0), e));
    TRY(show_put(
        into, "debug_allowed", json_boolean((s.flags_mask & SGX_FLAG_DEBUG) == 0), e));
    TRY(put_bits(into, "attributes", s.flags, e));
    TRY(put_bits(into, "attributes_mask", s.flags_mask, e));
    TRY(put_bits(into, "xfrm", s.xfrm, e));
    TRY(put_bits(into, "xfrm_mask", s.xfrm_mask, e));
    TRY(put_bits(into, "misc_select", s.misc_select, e));
    return put_bits(into, "misc_mask", s.misc_mask, e);
}

/* ---- enclaves ---- */

bool
show_is_enclave(struct selfsame_bytes in)
{
    return elf_recognise(in);
}

enum selfsame_code
show_enclave(
    struct selfsame_bytes in, struct arena *arena, json_t *into, struct selfsame_err *e)
{
    struct selfsame_err why;
    struct signed_elf f;
    uint8_t mrenclave[32];
    json_t *sig = json_object();

    TRY(show_put(into, "sigstruct", sig, e));
    TRY(signed_elf_parse(in, &f, e));
    if (signed_elf_mrenclave(&f, mrenclave, &why) == SELFSAME_OK)
        TRY(put_hex(into, "mrenclave", BYTES_ARR(mrenclave), arena, e));
    else
        TRY(show_put(into, "not_measured", json_string(err_text(&why)), e));
    TRY(put_number(into, "enclave_size", f.enclave_size, e));
    TRY(put_number(into, "ssa_frame_pages", f.ssa_frame_pages, e));
    TRY(show_put(into, "metadata",
        json_sprintf("%u.%u", (unsigned)(f.version >> 32), (unsigned)f.version), e));
    return show_sigstruct(f.sigstruct, arena, sig, e);
}

/* ---- manifests ---- */

bool
show_is_manifest(struct selfsame_bytes in)
{
    return gramine_manifest_recognise(in);
}

static enum selfsame_code
put_trusted(json_t *into, const struct gramine_manifest *m, struct arena *arena,
    struct selfsame_err *e)
{
    json_t *list = json_object();

    TRY(show_put(into, "trusted_files", list, e));
    for (size_t i = 0; i < m->trusted_count; i++)
        TRY(put_hex(
            list, m->trusted[i].uri, BYTES_ARR(m->trusted[i].sha256), arena, e));
    return SELFSAME_OK;
}

enum selfsame_code
show_manifest(
    struct selfsame_bytes in, struct arena *arena, json_t *into, struct selfsame_err *e)
{
    struct gramine_manifest m;

    TRY(gramine_manifest_parse(in, arena, &m, e));
    if (m.entrypoint != NULL)
        TRY(show_put(into, "entrypoint", json_string(m.entrypoint), e));
    TRY(put_number(into, "enclave_size", m.enclave_size, e));
    TRY(put_number(into, "threads", m.max_threads, e));
    TRY(put_number(into, "isv_prod_id", m.isv_prod_id, e));
    TRY(put_number(into, "isv_svn", m.isv_svn, e));
    TRY(show_put(into, "debug", json_boolean(m.debug), e));
    TRY(show_put(into, "edmm", json_boolean(m.edmm), e));
    TRY(show_put(into, "remote_attestation", json_boolean(m.remote_attestation), e));
    TRY(put_bits(into, "xfrm", m.xfrm, e));
    TRY(put_bits(into, "xfrm_mask", m.xfrm_mask, e));
    if (m.has_libos_sha256)
        TRY(put_hex(into, "libos_sha256", BYTES_ARR(m.libos_sha256), arena, e));
    TRY(put_number(into, "allowed_files", m.allowed_count, e));
    if (m.file_policy != NULL) /* "allow_all_but_log": every file may be opened */
        TRY(show_put(into, "file_check_policy", json_string(m.file_policy), e));
    return put_trusted(into, &m, arena, e);
}
