/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/cbor.h"
#include "codec/json.h"
#include "log/export.h"

#include <assert.h>
#include <stdio.h>

/*
 * One TEE's items as reference triples. A list in a release means "any of", a triple
 * means "all of this": so there is a triple for each combination of the values.
 */
const char *const corim_tees[6] = { "amd-sev-snp", "aws-nitro", "intel-sgx",
    "intel-tdx", "sim", "tpm2" };
static const struct {
    const char *vendor, *model;
} classes[COUNT(corim_tees)] = { { "AMD", "SEV-SNP" }, { "Amazon", "Nitro Enclaves" },
    { "Intel", "SGX" }, { "Intel", "TDX" }, { "selfsame", "simulator" },
    { "TCG", "TPM 2.0" } };

enum {
    TAG_MIN_SVN = 553,
    TAG_RAW = 560,
    MVAL_SVN = 1,
    MVAL_DIGESTS = 2,
    MVAL_FLAGS = 3,
    MVAL_RAW = 4,
    MVAL_NAME = 11,
    MVAL_REGISTERS = 14,
    FLAG_DEBUG = 3,
    AXES = 64,
};

/* A value to choose: a digest by name, or the content of a register. */
struct axis {
    const char *mkey; /* NULL: register */
    uint64_t reg;
    const json_t *values; /* an array, or the one value */
};
struct item {
    const json_t *json;
    size_t tee; /* of corim_tees */
    struct axis axis[AXES];
    size_t count, registers; /* registers: of them, all in front */
    size_t combinations;
    bool never_debug;
};

static enum selfsame_code
bad(struct selfsame_err *e, const char *what)
{
    FAIL(e, SELFSAME_MALFORMED, "measurement: expected %s, got something else", what);
}

/* ---- reading an item ---- */

static size_t
value_count(const struct axis *a)
{
    return json_is_array(a->values) ? json_array_size(a->values) : 1;
}

static const json_t *
value_at(const struct axis *a, size_t i)
{
    return json_is_array(a->values) ? json_array_get(a->values, i) : a->values;
}

/* A launch has its digest inside. */
static const char *
digest_text(const json_t *value)
{
    return json_string_value(
        json_is_object(value) ? json_object_get(value, "digest") : value);
}

/* Named Information Hash Algorithms (IANA): 1 SHA-256, 7 SHA-384, 8 SHA-512. */
static int
algorithm(size_t len)
{
    return len == 32 ? 1 : len == 48 ? 7 : len == 64 ? 8 : 0;
}

static enum selfsame_code
check_values(const struct axis *a, struct selfsame_err *e)
{
    for (size_t i = 0; i < value_count(a); i++) {
        const char *text = digest_text(value_at(a, i));
        uint8_t raw[HASH_MAX];
        size_t len = 0;

        if (text == NULL || !hex_decode(text, strlen(text), raw, sizeof(raw), &len) ||
            algorithm(len) == 0)
            return bad(e, "digests in hexadecimal");
    }
    return SELFSAME_OK;
}

static enum selfsame_code
add_axis(struct item *it, const char *mkey, uint64_t reg, const json_t *values,
    struct selfsame_err *e)
{
    struct axis a = { mkey, reg, values };
    size_t at = it->count;

    TRY(check_values(&a, e));
    if (it->count == AXES || value_count(&a) == 0)
        return bad(e, "at most 64 lists of at least one value");
    if (it->combinations > CORIM_TRIPLES / value_count(&a))
        FAIL(e, SELFSAME_UNSUPPORTED,
            "CoRIM: expected at most %d combinations of values, got more",
            (int)CORIM_TRIPLES);
    it->combinations *= value_count(&a);
    /* Names of registers rise as text in a release, and as numbers in a CoRIM. */
    for (; mkey == NULL && at > 0 && it->axis[at - 1].reg > reg; at--)
        it->axis[at] = it->axis[at - 1];
    it->axis[at] = a;
    it->count++;
    it->registers += mkey == NULL;
    return SELFSAME_OK;
}

static enum selfsame_code
add_registers(struct item *it, const char *member, bool must, struct selfsame_err *e)
{
    json_t *all = json_object_get(it->json, member), *values;
    const char *name;
    uint64_t reg;

    if (all == NULL && !must)
        return SELFSAME_OK;
    if (!json_is_object(all) || (must && json_object_size(all) == 0))
        return bad(e, "registers by number");
    json_object_foreach(all, name, values)
    {
        if (!uint_parse(name, strlen(name), 255, &reg))
            return bad(e, "registers by number");
        TRY(add_axis(it, NULL, reg, values, e));
    }
    return SELFSAME_OK;
}

static enum selfsame_code
add_digest(struct item *it, const char *member, const char *mkey, bool must,
    struct selfsame_err *e)
{
    const json_t *values = json_object_get(it->json, member);

    if (values == NULL)
        return must ? bad(e, "all that the TEE measures") : SELFSAME_OK;
    return add_axis(it, mkey, 0, values, e);
}

/* What a boot logs, each on its own. */
static enum selfsame_code
add_events(struct item *it, struct selfsame_err *e)
{
    const json_t *events = json_object_get(it->json, "events");

    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *one = json_array_get(events, i);
        const char *what = json_string_value(json_object_get(one, "what"));

        if (what == NULL)
            return bad(e, "events that say what they measure");
        TRY(add_axis(it, what, 0, one, e));
    }
    return SELFSAME_OK;
}

static enum selfsame_code
read_item(const json_t *json, size_t tee, struct item *ret, struct selfsame_err *e)
{
    struct item it = { .json = json, .tee = tee, .combinations = 1 };
    const char *name = corim_tees[tee];
    const json_t *debug = json_object_get(json_object_get(json, "require"), "debug");

    it.never_debug = json_is_false(debug);
    if (strcmp(name, "amd-sev-snp") == 0) {
        TRY(add_digest(&it, "launch", "measurement", true, e));
    } else if (strcmp(name, "intel-sgx") == 0) {
        TRY(add_digest(&it, "mrenclave", "mrenclave", true, e));
        TRY(add_digest(&it, "mrsigner", "mrsigner", false, e));
    } else if (strcmp(name, "intel-tdx") == 0) {
        TRY(add_registers(&it, "rtmr", false, e));
        TRY(add_digest(&it, "mrtd", "mrtd", true, e));
    } else {
        bool events = json_array_size(json_object_get(json, "events")) > 0;

        TRY(add_registers(&it, "pcr", !events, e));
        TRY(add_events(&it, e));
    }
    *ret = it;
    return SELFSAME_OK;
}

/* ---- writing ---- */

static void
put_class(struct writer *w, const char *vendor, const char *model)
{
    cbor_put_map(w, 1);
    cbor_put_uint(w, 0);
    cbor_put_map(w, 2);
    cbor_put_uint(w, 1);
    cbor_put_str(w, vendor);
    cbor_put_uint(w, 2);
    cbor_put_str(w, model);
}

static void
put_digests(struct writer *w, const json_t *value)
{
    const char *text = digest_text(value);
    uint8_t raw[HASH_MAX];
    size_t len = 0;
    bool good = hex_decode(text, strlen(text), raw, sizeof(raw), &len);

    assert(good); /* check_values */
    cbor_put_array(w, 1);
    cbor_put_array(w, 2);
    cbor_put_int(w, algorithm(len));
    cbor_put_bytes(w, BYTES(raw, len));
}

static void
put_flags(struct writer *w)
{
    cbor_put_uint(w, MVAL_FLAGS);
    cbor_put_map(w, 1);
    cbor_put_uint(w, FLAG_DEBUG);
    cbor_put_bool(w, false);
}

/* Whole or not at all: half a character is no UTF-8. */
static const char *
word(const json_t *launch, const char *member)
{
    const char *text = json_string_value(json_object_get(launch, member));

    return text != NULL && strlen(text) <= 60 ? text : "other";
}

/* "qemu, 2 x EPYC-v4, features 0x1": which machine a launch digest is of. */
static void
put_launch_name(struct writer *w, const json_t *launch)
{
    const json_t *features = json_object_get(launch, "guestFeatures");
    char name[256], number[32];

    /* Written as in a recipe, or as a number. */
    (void)snprintf(number, sizeof(number), "0x%llx",
        (unsigned long long)json_integer_value(features));
    (void)snprintf(name, sizeof(name), "%s, %lld x %s, features %s",
        word(launch, "vmm"),
        (long long)json_integer_value(json_object_get(launch, "vcpus")),
        word(launch, "vcpuType"),
        json_is_integer(features) ? number : word(launch, "guestFeatures"));
    cbor_put_uint(w, MVAL_NAME);
    cbor_put_str(w, name);
}

/* The values of combination `n`: its digits, with the counts as bases. */
struct choice {
    const json_t *value[AXES];
};

static struct choice
choose(const struct item *it, size_t n)
{
    struct choice c = { { NULL } };

    for (size_t i = 0; i < it->count; i++) {
        c.value[i] = value_at(&it->axis[i], n % value_count(&it->axis[i]));
        n /= value_count(&it->axis[i]);
    }
    return c;
}

static void
put_registers(struct writer *w, const struct item *it, const struct choice *c)
{
    cbor_put_map(w, 1);
    cbor_put_uint(w, 1);
    cbor_put_map(w, it->never_debug ? 2 : 1);
    if (it->never_debug)
        put_flags(w);
    cbor_put_uint(w, MVAL_REGISTERS);
    cbor_put_map(w, it->registers);
    for (size_t i = 0; i < it->registers; i++) {
        cbor_put_uint(w, it->axis[i].reg);
        put_digests(w, c->value[i]);
    }
}

static void
put_named(
    struct writer *w, const struct item *it, const char *mkey, const json_t *value)
{
    bool launch = json_object_get(value, "vmm") != NULL;
    bool flags = it->never_debug && it->registers == 0;

    cbor_put_map(w, 2);
    cbor_put_uint(w, 0);
    cbor_put_str(w, mkey);
    cbor_put_uint(w, 1);
    cbor_put_map(w, 1u + launch + flags);
    cbor_put_uint(w, MVAL_DIGESTS);
    put_digests(w, value);
    if (flags)
        put_flags(w);
    if (launch)
        put_launch_name(w, value);
}

/* SGX: which product of a signer, and from which version on. */
static size_t
put_product(struct writer *w, const json_t *json)
{
    const json_t *product = json_object_get(json, "isvProdId");
    const json_t *svn = json_object_get(json, "isvSvnMin");
    bool has_product = json_is_integer(product), has_svn = json_is_integer(svn);

    if (has_product && w != NULL) {
        json_int_t v = json_integer_value(product);
        const uint8_t raw[] = { (uint8_t)v, (uint8_t)(v >> 8) };

        cbor_put_map(w, 2);
        cbor_put_uint(w, 0);
        cbor_put_str(w, "isvprodid");
        cbor_put_uint(w, 1);
        cbor_put_map(w, 1);
        cbor_put_uint(w, MVAL_RAW);
        cbor_put_tag(w, TAG_RAW);
        cbor_put_bytes(w, BYTES_ARR(raw));
    }
    if (has_svn && w != NULL) {
        cbor_put_map(w, 2);
        cbor_put_uint(w, 0);
        cbor_put_str(w, "isvsvn");
        cbor_put_uint(w, 1);
        cbor_put_map(w, 1);
        cbor_put_uint(w, MVAL_SVN);
        cbor_put_tag(w, TAG_MIN_SVN);
        cbor_put_int(w, json_integer_value(svn));
    }
    return (size_t)has_product + has_svn;
}

static void
put_triple(struct writer *w, const struct item *it, size_t n)
{
    const struct choice c = choose(it, n);

    cbor_put_array(w, 2);
    put_class(w, classes[it->tee].vendor, classes[it->tee].model);
    cbor_put_array(w,
        (it->registers > 0) + it->count - it->registers + put_product(NULL, it->json));
    if (it->registers > 0)
        put_registers(w, it, &c);
    for (size_t i = it->registers; i < it->count; i++)
        put_named(w, it, it->axis[i].mkey, c.value[i]);
    (void)put_product(w, it->json);
}

/* The least TCB of a product line is about another environment: the platform. */
static enum selfsame_code
put_platform(
    struct writer *w, const char *product, json_t *levels, struct selfsame_err *e)
{
    const char *name;
    json_t *level;

    if (json_object_size(levels) == 0)
        return bad(e, "levels of a product line");
    cbor_put_array(w, 2);
    put_class(w, "AMD", product);
    cbor_put_array(w, json_object_size(levels));
    json_object_foreach(levels, name, level)
    {
        if (!json_is_integer(level) || json_integer_value(level) < 0)
            return bad(e, "levels of a product line");
        cbor_put_map(w, 2);
        cbor_put_uint(w, 0);
        cbor_put_str(w, name);
        cbor_put_uint(w, 1);
        cbor_put_map(w, 1);
        cbor_put_uint(w, MVAL_SVN);
        cbor_put_tag(w, TAG_MIN_SVN);
        cbor_put_int(w, json_integer_value(level));
    }
    return SELFSAME_OK;
}

static json_t *
least_tcb(const json_t *item)
{
    return json_object_get(json_object_get(item, "require"), "minTcb");
}

static enum selfsame_code
put_item(struct writer *w, const json_t *json, size_t tee, size_t *count,
    struct selfsame_err *e)
{
    struct item it;
    const char *product;
    json_t *levels;

    TRY(read_item(json, tee, &it, e));
    *count += it.combinations + json_object_size(least_tcb(json));
    if (*count > CORIM_TRIPLES)
        FAIL(e, SELFSAME_UNSUPPORTED, "CoRIM: expected at most %d triples, got more",
            (int)CORIM_TRIPLES);
    for (size_t n = 0; n < it.combinations; n++)
        put_triple(w, &it, n);
    json_object_foreach(least_tcb(json), product, levels)
        TRY(put_platform(w, product, levels, e));
    return SELFSAME_OK;
}

static enum selfsame_code
put_items(struct writer *w, const json_t *items, size_t tee, size_t *ret,
    struct selfsame_err *e)
{
    size_t count = 0;

    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *one = json_array_get(items, i);
        const char *name = json_string_value(json_object_get(one, "tee"));

        if (name != NULL && strcmp(name, corim_tees[tee]) == 0)
            TRY(put_item(w, one, tee, &count, e));
    }
    *ret = count;
    return SELFSAME_OK;
}

enum selfsame_code
corim_triples(const json_t *items, const char *tee, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    struct writer w = writer_of(NULL, 0);
    size_t which = 0, count = 0;

    while (which < COUNT(corim_tees) && strcmp(corim_tees[which], tee) != 0)
        which++;
    assert(which < COUNT(corim_tees));
    TRY(put_items(&w, items, which, &count, e));
    *ret = BYTES_NONE;
    if (count == 0)
        return SELFSAME_OK;
    size_t cap = w.need + 16;
    uint8_t *buf = arena_alloc(arena, 1, cap);
    if (buf == NULL)
        FAIL(e, SELFSAME_NOMEM, "CoRIM: out of memory");
    w = writer_of(buf, cap);
    cbor_put_array(&w, count);
    TRY(put_items(&w, items, which, &count, e));
    assert(!w.bad);
    *ret = writer_bytes(&w);
    return SELFSAME_OK;
}
