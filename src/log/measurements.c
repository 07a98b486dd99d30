/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The measurements of a release: what it promises for each TEE, as values that can be
 * looked up and as the words that policies use (transparency §13.2). An array of values
 * means any of them, different members all of them. A TEE that this build does not know
 * is passed over; a member of `require` that it does not know makes its item unusable.
 */
#include "log/statement_fields.h"

#include <stdlib.h>

struct item {
    const struct fields *f;
    struct release *r;
    const json_t *j;
    json_t *entry, *options; /* in the words of policies */
    const char *tee;         /* ours */
    const char *unusable;    /* why, or NULL */
    size_t room;             /* in r->values */
};

/* ---- values ---- */

static enum selfsame_code
add_value(struct item *x, const char *path, const json_t *value, size_t len)
{
    struct release *r = x->r;
    uint8_t raw[64];
    struct statement_value *v = &r->values[r->value_count];

    if (!hex_of(value, raw, len) || bytes_is_zero(BYTES(raw, len)))
        FAIL(x->f->e, SELFSAME_MALFORMED,
            "statement: %s %s: expected %zu bytes as hex in lower case, not all zero",
            x->tee, path, len);
    if (r->value_count == x->room)
        FAIL(x->f->e, SELFSAME_MALFORMED, "statement: expected at most %zu values",
            x->room);
    *v = (struct statement_value){ .tee = x->tee, .path = path };
    if (!arena_dup(x->f->arena, BYTES(raw, len), &v->value))
        return field_nomem(x->f);
    r->value_count++;
    return SELFSAME_OK;
}

/* A list of values, at least one; `to` gets the same list under `key`. */
static enum selfsame_code
add_values(struct item *x, const char *path, const json_t *list, size_t len, json_t *to,
    const char *key)
{
    if (json_array_size(list) == 0)
        FAIL(x->f->e, SELFSAME_MALFORMED, "statement: %s %s: expected a list of values",
            x->tee, path);
    for (size_t i = 0; i < json_array_size(list); i++)
        TRY(add_value(x, path, json_array_get(list, i), len));
    if (json_object_set(to, key, (json_t *)(uintptr_t)list) != 0)
        return field_nomem(x->f);
    return SELFSAME_OK;
}

/* {"0": [...], "1": [...]} under `member`; `must`: indices that have to be there. */
static enum selfsame_code
add_registers(struct item *x, const char *member, size_t len, const char *must)
{
    const json_t *all;
    const char *key;
    json_t *list, *to = json_object();

    if (json_object_set_new(x->entry, member, to) != 0)
        return field_nomem(x->f);
    TRY(field_object(x->f, x->j, member, &all));
    json_object_foreach((json_t *)(uintptr_t)all, key, list)
    {
        uint64_t index;
        const char *path = arena_printf(x->f->arena, "%s.%s", member, key);

        if (path == NULL)
            return field_nomem(x->f);
        /* "00" and "0x0" would be register 0 a second time. */
        if (!uint_parse(key, strlen(key), 31, &index) ||
            (key[0] == '0' && key[1] != '\0'))
            FAIL(x->f->e, SELFSAME_MALFORMED,
                "statement: %s: expected the number of a register, got \"%.20s\"",
                x->tee, key);
        TRY(add_values(x, path, list, len, to, key));
    }
    for (; *must != '\0'; must++)
        if (json_object_get(all, (char[]){ *must, '\0' }) == NULL)
            FAIL(x->f->e, SELFSAME_MALFORMED, "statement: %s: expected %s %c, got none",
                x->tee, member, *must);
    return SELFSAME_OK;
}

/* ---- require ---- */

static bool
put(json_t *to, const char *key, const json_t *value)
{
    return json_object_set(to, key, (json_t *)(uintptr_t)value) == 0;
}

static json_t *
group(json_t *in, const char *name)
{
    json_t *g = json_object_get(in, name);

    if (g == NULL && json_object_set_new(in, name, json_object()) == 0)
        g = json_object_get(in, name);
    return g;
}

/* Debug may be forbidden, never asked for. */
static bool
debug_off(struct item *x, const json_t *value)
{
    if (!json_is_false(value))
        x->unusable = "require.debug is not false";
    return true;
}

/* {"milan": {"bootloader", "tee", "snp", "microcode", "fmc"}} */
static bool
min_tcb(struct item *x, const json_t *value)
{
    static const char *const lines[] = { "milan", "genoa", "turin" };
    static const char *const parts[] = { "bootloader", "tee", "snp", "microcode",
        "fmc" };
    const char *line, *part;
    json_t *levels, *level;
    size_t good = 0, all = 0;

    json_object_foreach((json_t *)(uintptr_t)value, line, levels)
    {
        bool known = false;

        for (size_t i = 0; i < COUNT(lines); i++)
            known = known || strcmp(line, lines[i]) == 0;
        json_object_foreach(levels, part, level)
        {
            bool is_part = false;

            for (size_t i = 0; i < COUNT(parts); i++)
                is_part = is_part || strcmp(part, parts[i]) == 0;
            good += known && is_part && json_is_integer(level) &&
                    json_integer_value(level) >= 0;
            all++;
        }
        if (json_object_size(levels) == 0)
            all++;
    }
    if (all == 0 || good != all)
        x->unusable = "require.minTcb says what this build does not know";
    return put(x->options, "min_tcb", value);
}

static bool
snp_require(struct item *x, const char *key, const json_t *value)
{
    if (strcmp(key, "debug") == 0)
        return debug_off(x, value);
    if (strcmp(key, "minTcb") == 0)
        return min_tcb(x, value);
    if (strcmp(key, "migration") == 0 && json_is_boolean(value))
        return put(group(x->options, "guest_policy"), "migrate_ma", value);
    if (strcmp(key, "smt") == 0 && json_is_boolean(value))
        return put(group(x->options, "guest_policy"), "smt", value);
    if (strcmp(key, "vmpl") == 0)
        return put(x->options, "vmpl", value);
    if (strcmp(key, "idKeyDigest") == 0)
        return put(x->options, "id_key_digests", value);
    if (strcmp(key, "hostData") == 0)
        return put(x->options, "host_data", value);
    x->unusable = "require names what this build does not know";
    return true;
}

/* {"mask": 16 bytes, "value": 16 bytes}: "value/mask" for policies. */
static bool
attributes(struct item *x, const json_t *value)
{
    const json_t *mask = json_object_get(value, "mask"),
                 *want = json_object_get(value, "value");
    uint8_t m[16], v[16];

    if (json_object_size(value) != 2 || !hex_of(mask, m, sizeof(m)) ||
        !hex_of(want, v, sizeof(v))) {
        x->unusable = "require.attributes is no mask and value of 16 bytes";
        return true;
    }
    return json_object_set_new(x->options, "attributes_masked",
               json_sprintf(
                   "%s/%s", json_string_value(want), json_string_value(mask))) == 0;
}

/* What both TEEs of Intel have. False: out of memory; *ret_known: the key was one of them. */
static bool
intel_require(struct item *x, const char *key, const json_t *value, bool *ret_known)
{
    *ret_known = true;
    if (strcmp(key, "debug") == 0)
        return debug_off(x, value);
    if (strcmp(key, "tcbStatus") == 0)
        return put(x->options, "tcb_status", value);
    if (strcmp(key, "advisoriesAllowed") == 0)
        return put(x->options, "allowed_advisories", value);
    *ret_known = false;
    return true;
}

static bool
sgx_require(struct item *x, const char *key, const json_t *value)
{
    bool known;

    if (!intel_require(x, key, value, &known))
        return false;
    if (known)
        return true;
    if (strcmp(key, "miscSelect") == 0)
        return put(x->options, "misc_select", value);
    if (strcmp(key, "attributes") == 0)
        return attributes(x, value);
    x->unusable = "require names what this build does not know";
    return true;
}

static bool
tdx_require(struct item *x, const char *key, const json_t *value)
{
    bool known;

    if (!intel_require(x, key, value, &known))
        return false;
    if (known)
        return true;
    if (strcmp(key, "xfam") == 0)
        return put(x->options, "xfam", value);
    if (strcmp(key, "mrseam") == 0)
        return put(x->options, "mr_seam", value);
    x->unusable = "require names what this build does not know";
    return true;
}

static bool
debug_require(struct item *x, const char *key, const json_t *value)
{
    if (strcmp(key, "debug") == 0)
        return debug_off(x, value);
    x->unusable = "require names what this build does not know";
    return true;
}

/* ---- one TEE each ---- */

static enum selfsame_code
nitro_values(struct item *x)
{
    const char *alg = json_string_value(json_object_get(x->j, "alg"));

    if (alg == NULL || strcmp(alg, "sha384") != 0)
        FAIL(x->f->e, SELFSAME_MALFORMED, "statement: aws-nitro: expected alg sha384");
    return add_registers(x, "pcr", 48, "012");
}

static enum selfsame_code
snp_values(struct item *x)
{
    const json_t *launch;
    json_t *list = json_array();

    if (json_object_set_new(x->entry, "measurement", list) != 0)
        return field_nomem(x->f);
    TRY(field_list(x->f, x->j, "launch", STATEMENT_SHAPES, &launch));
    if (json_array_size(launch) == 0)
        FAIL(x->f->e, SELFSAME_MALFORMED, "statement: amd-sev-snp: no launch digest");
    for (size_t i = 0; i < json_array_size(launch); i++) {
        json_t *digest = json_object_get(json_array_get(launch, i), "digest");

        TRY(add_value(x, "measurement", digest, 48));
        if (json_array_append(list, digest) != 0)
            return field_nomem(x->f);
    }
    return SELFSAME_OK;
}

/* Registers, or in place of some the events that an event log shows to be in them. */
static enum selfsame_code
tdx_values(struct item *x)
{
    TRY(add_values(x, "mrtd", json_object_get(x->j, "mrtd"), 48, x->entry, "mrtd"));
    if (json_object_get(x->j, "events") != NULL) {
        TRY(add_registers(x, "events", 48, ""));
        if (json_object_get(x->j, "rtmr") == NULL)
            return SELFSAME_OK;
    }
    return add_registers(x, "rtmr", 48, "");
}

/* A number of the statement under the name that policies have for it. */
static enum selfsame_code
add_number(struct item *x, const char *member, const char *key)
{
    const json_t *n = json_object_get(x->j, member);

    if (!json_is_integer(n) || json_integer_value(n) < 0 ||
        json_integer_value(n) > UINT16_MAX)
        FAIL(x->f->e, SELFSAME_MALFORMED,
            "statement: %s %s: expected a whole number below 65536", x->tee, member);
    return put(x->entry, key, n) ? SELFSAME_OK : field_nomem(x->f);
}

/* The enclave, or its signer with product and security version; a signer is never enough. */
static enum selfsame_code
sgx_values(struct item *x)
{
    const json_t *signer = json_object_get(x->j, "mrsigner");
    const bool enclave = json_object_get(x->j, "mrenclave") != NULL;
    auto_json *list = json_is_array(signer) ? json_incref((json_t *)(uintptr_t)signer)
                                            : json_array();

    if (enclave || signer == NULL)
        TRY(add_values(x, "mrenclave", json_object_get(x->j, "mrenclave"), 32, x->entry,
            "mrenclave"));
    if (signer == NULL)
        return SELFSAME_OK;
    if (!json_is_array(signer) &&
        json_array_append(list, (json_t *)(uintptr_t)signer) != 0)
        return field_nomem(x->f);
    TRY(add_values(x, "mrsigner", list, 32, x->entry, "mrsigner"));
    if (!enclave || json_object_get(x->j, "isvProdId") != NULL)
        TRY(add_number(x, "isvProdId", "isv_prod_id"));
    if (!enclave || json_object_get(x->j, "isvSvnMin") != NULL)
        TRY(add_number(x, "isvSvnMin", "min_isv_svn"));
    return SELFSAME_OK;
}

static enum selfsame_code
tpm_values(struct item *x)
{
    const json_t *bank = json_object_get(x->j, "bank");

    if (bank != NULL &&
        (!json_is_string(bank) || strcmp(json_string_value(bank), "sha256") != 0))
        FAIL(x->f->e, SELFSAME_MALFORMED, "statement: tpm2: expected the bank sha256");
    if (json_object_get(x->j, "pcr") == NULL) {
        if (json_array_size(json_object_get(x->j, "events")) == 0)
            FAIL(x->f->e, SELFSAME_MALFORMED,
                "statement: tpm2: expected pcr or events, got neither");
        return SELFSAME_OK; /* events alone */
    }
    return add_registers(x, "pcr", 32, "");
}

/* `require` is translated where a verifier of this build reads the result. */
static const struct {
    const char *word, *tee;
    enum selfsame_code (*values)(struct item *x);
    bool (*require)(struct item *x, const char *key, const json_t *value);
} tees[] = {
    { "aws-nitro", "nitro", nitro_values, debug_require },
    { "amd-sev-snp", "snp", snp_values, snp_require },
    { "intel-tdx", "tdx", tdx_values, tdx_require },
    { "intel-sgx", "sgx", sgx_values, sgx_require },
    { "tpm2", "tpm", tpm_values, NULL },
    { "sim", "sim", nitro_values, NULL },
};

/* ---- an item ---- */

static bool
is_subject(const struct statement *s, const char *name)
{
    for (size_t i = 0; i < s->subject_count; i++)
        if (strcmp(s->subjects[i].name, name) == 0)
            return true;
    return false;
}

static enum selfsame_code
to_text(const struct fields *f, json_t *j, struct selfsame_bytes *ret)
{
    char *text = json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS);
    bool good = text != NULL && arena_dup(f->arena, bytes_str(text), ret);

    free(text);
    return good ? SELFSAME_OK : field_nomem(f);
}

static enum selfsame_code
require_parse(struct item *x, size_t kind)
{
    const json_t *require = json_object_get(x->j, "require");
    const char *key;
    json_t *value;

    if (tees[kind].require == NULL) {
        x->unusable = "this build has no verifier for it";
        return SELFSAME_OK;
    }
    if (require != NULL && !json_is_object(require))
        FAIL(x->f->e, SELFSAME_MALFORMED, "statement: expected an object in require");
    json_object_foreach((json_t *)(uintptr_t)require, key, value)
    {
        if (!tees[kind].require(x, key, value))
            return field_nomem(x->f);
    }
    return SELFSAME_OK;
}

static enum selfsame_code
item_known(struct item *x, size_t kind)
{
    struct release_reference *ref = &x->r->references[x->r->reference_count];
    auto_json *entry = json_pack("{s:s}", "tee", tees[kind].tee);
    auto_json *options = json_object();

    if (entry == NULL || options == NULL)
        return field_nomem(x->f);
    x->entry = entry;
    x->options = options;
    x->tee = tees[kind].tee;
    TRY(tees[kind].values(x));
    TRY(require_parse(x, kind));
    *ref = (struct release_reference){ .tee = x->tee, .unusable = x->unusable };
    TRY(to_text(x->f, entry, &ref->entry));
    TRY(to_text(x->f, options, &ref->options));
    x->r->reference_count++;
    return SELFSAME_OK;
}

static enum selfsame_code
item_parse(const struct fields *f, struct statement *s, const json_t *j, size_t room)
{
    struct item x = { .f = f, .r = &s->release, .j = j, .room = room };
    const char *tee, *artifact;

    TRY(field_text(f, j, "tee", &tee));
    TRY(field_text(f, j, "artifact", &artifact));
    if (!is_subject(s, artifact))
        FAIL(f->e, SELFSAME_MALFORMED,
            "statement: the artifact \"%.80s\" is not one of the subjects", artifact);
    for (size_t i = 0; i < COUNT(tees); i++)
        if (strcmp(tee, tees[i].word) == 0)
            return item_known(&x, i);
    return SELFSAME_OK;
}

/* Strings below this: no fewer than values. */
static size_t
strings_in(const json_t *j)
{
    size_t n = json_is_string(j) ? 1 : 0;
    const char *key;
    json_t *value;

    for (size_t i = 0; i < json_array_size(j); i++)
        n += strings_in(json_array_get(j, i));
    json_object_foreach((json_t *)(uintptr_t)j, key, value) n += strings_in(value);
    return n;
}

enum selfsame_code
measurements_parse(const struct fields *f, const json_t *predicate, struct statement *s)
{
    struct release *r = &s->release;
    const json_t *list;

    TRY(field_list(f, predicate, "measurements", STATEMENT_LIST, &list));
    size_t n = json_array_size(list);
    if (n == 0)
        FAIL(f->e, SELFSAME_MALFORMED, "statement: expected a measurement, got none");
    size_t room = strings_in(list);
    if (room > STATEMENT_SHAPES)
        room = STATEMENT_SHAPES;
    r->values = ARENA_NEW(f->arena, struct statement_value, room + 1);
    r->references = ARENA_NEW(f->arena, struct release_reference, n);
    if (r->values == NULL || r->references == NULL)
        return field_nomem(f);
    for (size_t i = 0; i < n; i++)
        TRY_WHILE(f->e, item_parse(f, s, json_array_get(list, i), room),
            "measurements[%zu] of a release", i);
    return to_text(f, json_object_get(predicate, "measurements"), &r->measurements);
}
