/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "codec/cbor.h"
#include "codec/cose.h"
#include "log/export.h"

/* Seeds 01, 02, … as everywhere; the independent reader is tests/export_peer.py. */
static struct key *
seeded(uint8_t byte)
{
    uint8_t seed[32];
    struct selfsame_err e = { 0 };
    struct key *k = NULL;

    memset(seed, byte, sizeof(seed));
    assert_code(key_from_seed(BYTES_ARR(seed), &k, &e), SELFSAME_OK, &e);
    return k;
}

#define A96                                            \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B96                                            \
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb" \
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C64                            \
    "cccccccccccccccccccccccccccccccc" \
    "cccccccccccccccccccccccccccccccc"
#define NITRO(pcr) \
    "[{\"pcr\":{" pcr "},\"require\":{\"debug\":false},\"tee\":\"aws-nitro\"}]"

static struct statement
release_with(const char *measurements)
{
    struct statement s = { .kind = STATEMENT_RELEASE,
        .release = { .name = "example.com/hello",
            .measurements = bytes_str(measurements),
            .not_before_s = 1700000000,
            .not_after_s = 1731536000 } };

    memset(s.sha256, 0x5a, sizeof(s.sha256));
    return s;
}

static enum selfsame_code export(const char *measurements, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e) {
    const struct statement s = release_with(measurements);

    return corim_of_release(&s, NULL, arena, ret, e);
}

/* ---- CoRIM ---- */

static void
measurements_that_a_corim_can_say_or_not(void **state)
{
    static const struct {
        const char *json;
        enum selfsame_code want;
    } cases[] = {
        { NITRO("\"0\":[\"" A96 "\"],\"1\":[\"" B96 "\"]"), SELFSAME_OK },
        { NITRO("\"0\":[]"), SELFSAME_MALFORMED },
        { NITRO("\"x\":[\"" A96 "\"]"), SELFSAME_MALFORMED },
        { NITRO("\"256\":[\"" A96 "\"]"), SELFSAME_MALFORMED },
        { NITRO("\"0\":[\"aa\"]"), SELFSAME_MALFORMED },
        { NITRO("\"0\":[\"" A96 "a\"]"), SELFSAME_MALFORMED },
        { NITRO("\"0\":[7]"), SELFSAME_MALFORMED },
        { NITRO("\"0\":{}"), SELFSAME_MALFORMED },
        { NITRO(""), SELFSAME_MALFORMED },
        { "[{\"tee\":\"aws-nitro\"}]", SELFSAME_MALFORMED },
        { "[{\"launch\":[],\"tee\":\"amd-sev-snp\"}]", SELFSAME_MALFORMED },
        { "[{\"launch\":[{\"digest\":\"" A96 "\"}],\"tee\":\"amd-sev-snp\"}]",
            SELFSAME_OK },
        { "[{\"launch\":[{\"digest\":\"" A96
          "\"}],\"require\":{\"minTcb\":{\"milan\":{\"snp\":-1}}},\"tee\":\"amd-sev-"
          "snp\"}]",
            SELFSAME_MALFORMED },
        { "[{\"launch\":[{\"digest\":\"" A96
          "\"}],\"require\":{\"minTcb\":{\"milan\":{}}},\"tee\":\"amd-sev-snp\"}]",
            SELFSAME_MALFORMED },
        { "[{\"isvProdId\":1,\"isvSvnMin\":2,\"mrenclave\":[\"" C64
          "\"],\"mrsigner\":\"" C64 "\",\"tee\":\"intel-sgx\"}]",
            SELFSAME_OK },
        { "[{\"mrsigner\":\"" C64 "\",\"tee\":\"intel-sgx\"}]", SELFSAME_MALFORMED },
        { "[{\"mrtd\":[\"" A96 "\"],\"rtmr\":{\"0\":[\"" A96
          "\"]},\"tee\":\"intel-tdx\"}]",
            SELFSAME_OK },
        { "[{\"mrtd\":[\"" A96 "\"],\"tee\":\"intel-tdx\"}]", SELFSAME_OK },
        { "[{\"mrtd\":[\"" A96 "\"],\"rtmr\":[],\"tee\":\"intel-tdx\"}]",
            SELFSAME_MALFORMED },
        { "[{\"rtmr\":{\"0\":[\"" A96 "\"]},\"tee\":\"intel-tdx\"}]",
            SELFSAME_MALFORMED },
        { "[{\"events\":[{\"digest\":\"" C64
          "\",\"pcr\":11,\"what\":\".linux\"}],\"tee\":\"tpm2\"}]",
            SELFSAME_OK },
        { "[{\"events\":[{\"digest\":\"" C64 "\",\"pcr\":11}],\"tee\":\"tpm2\"}]",
            SELFSAME_MALFORMED },
        { "[{\"tee\":\"z-series\"}]", SELFSAME_UNSUPPORTED },
        { "[]", SELFSAME_UNSUPPORTED },
        { "[", SELFSAME_MALFORMED },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        auto_arena arena = arena_new(1 << 20);
        struct selfsame_err e = { 0 };
        struct selfsame_bytes out = BYTES_NONE;

        assert_code(export(cases[i].json, &arena, &out, &e), cases[i].want, &e);
        assert_true((out.ptr != NULL) == (cases[i].want == SELFSAME_OK));
    }
}

/* Every list of two values doubles the triples: 2^10 is the most. */
static void
combinations_are_bounded(void **state)
{
    (void)state;
    for (unsigned lists = 10; lists <= 11; lists++) {
        auto_arena arena = arena_new(8 << 20);
        struct selfsame_err e = { 0 };
        struct selfsame_bytes out = BYTES_NONE;
        char *json = arena_printf(&arena, "[{\"pcr\":{");

        for (unsigned i = 0; i < lists; i++)
            json = arena_printf(&arena, "%s%s\"%u\":[\"" A96 "\",\"" B96 "\"]", json,
                i > 0 ? "," : "", i);
        json = arena_printf(&arena, "%s},\"tee\":\"sim\"}]", json);
        assert_non_null(json);
        assert_code(export(json, &arena, &out, &e),
            lists == 10 ? SELFSAME_OK : SELFSAME_UNSUPPORTED, &e);
    }
}

/* The whole of a small one, written down by hand from the draft's CDDL. */
static void
a_corim_byte_for_byte(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct selfsame_bytes out = BYTES_NONE, want;
    const char *id = "7847"
                     "7368613235363a"
                     "3561356135613561356135613561356135613561356135613561356135613561"
                     "3561356135613561356135613561356135613561356135613561356135613561";
    char *comid = arena_printf(&arena,
        "a2"
        "01a1007851%s2f6177732d6e6974726f" /* 1: {0: "sha256:…/aws-nitro"} */
        "04a10081"                         /* 4: {0: [ */
        "82a100a20166416d617a6f6e026e4e6974726f20456e636c61766573" /* [{0: {1:, 2:}}, */
        "81a101a2"                                                 /* [{1: { */
        "03a103f4"                                                 /* 3: {3: false}, */
        "0ea1008182075830%s", /* 14: {0: [[7, h'…']]} */
        id + 4, A96);

    (void)state;
    assert_non_null(comid);
    char *corim = arena_printf(&arena,
        "d901f5a4"
        "00%s"
        "0181d901fa58%02zx%s"
        "03d820"
        "7829"
        "68747470733a2f2f73656c6673616d652e6465762f636f72696d2f7465652d72656c656173652f"
        "7631"
        "04a200c11a6553f10001c11a67352480",
        id, strlen(comid) / 2, comid);
    assert_non_null(corim);
    want = unhex(corim, &arena);
    assert_code(
        export(NITRO("\"0\":[\"" A96 "\"]"), &arena, &out, &e), SELFSAME_OK, &e);
    assert_bytes(out, want);
}

static void
a_signed_corim_verifies_and_is_always_the_same(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    auto_key *k = seeded(1);
    struct selfsame_err e = { 0 };
    struct selfsame_bytes plain, once, twice, spki, message;
    struct statement s = release_with(NITRO("\"0\":[\"" A96 "\"]"));
    struct cose_sign1 c;
    struct cose_tbs tbs;
    uint8_t buf[4096];
    struct writer w = writer_of(buf, sizeof(buf));

    (void)state;
    assert_code(corim_of_release(&s, NULL, &arena, &plain, &e), SELFSAME_OK, &e);
    assert_code(corim_of_release(&s, k, &arena, &once, &e), SELFSAME_OK, &e);
    assert_code(corim_of_release(&s, k, &arena, &twice, &e), SELFSAME_OK, &e);
    assert_bytes(once, twice);
    assert_code(cose_sign1_parse(once, &c, &e), SELFSAME_OK, &e);
    assert_bytes(c.payload, plain);
    cose_sign1_tbs(&c, BYTES_NONE, &tbs);
    for (size_t i = 0; i < tbs.count; i++)
        put_bytes(&w, tbs.part[i]);
    message = writer_bytes(&w);
    assert_code(key_spki(k, &arena, &spki, &e), SELFSAME_OK, &e);
    struct sig_check check = { .alg = SIG_ED25519,
        .key = BYTES(spki.ptr + spki.len - 32, 32),
        .digest = message,
        .signature = c.signature };
    assert_code(sig_verify(&check, &e), SELFSAME_OK, &e);
    buf[100] ^= 1;
    assert_code(sig_verify(&check, &e), SELFSAME_BAD_SIGNATURE, &e);
    s.kind = STATEMENT_INDEX;
    assert_code(corim_of_release(&s, k, &arena, &once, &e), SELFSAME_USAGE, &e);
}

static void
a_corim_without_memory(void **state)
{
    struct selfsame_err e = { 0 };
    struct selfsame_bytes out = BYTES_NONE;
    struct statement s = release_with(NITRO("\"0\":[\"" A96 "\"]"));
    auto_key *k = seeded(1);
    long n = 1;

    (void)state;
    for (;; n++) {
        auto_arena arena = arena_new(1 << 20);

        arena.fail_at = n;
        enum selfsame_code code = corim_of_release(&s, k, &arena, &out, &e);
        if (code == SELFSAME_OK)
            break;
        assert_code(code, SELFSAME_NOMEM, &e);
        assert_null(out.ptr);
    }
    assert_true(n > 4);
}

/* ---- receipts ---- */

enum { LEAVES = 300 };
struct forest {
    uint8_t leaf[LEAVES][LOG_HASH];
};

static bool
node(void *ctx, unsigned height, uint64_t index, uint8_t ret[static LOG_HASH])
{
    struct forest *f = ctx;
    uint8_t a[LOG_HASH], b[LOG_HASH];

    if (height == 0) {
        if (index >= LEAVES)
            return false;
        memcpy(ret, f->leaf[index], LOG_HASH);
        return true;
    }
    return node(ctx, height - 1, 2 * index, a) &&
           node(ctx, height - 1, 2 * index + 1, b) && merkle_node(a, b, ret);
}

static struct forest *
grow(struct arena *arena)
{
    struct forest *f = ARENA_NEW(arena, struct forest, 1);

    assert_non_null(f);
    for (uint16_t i = 0; i < LEAVES; i++) {
        const uint8_t entry[] = { (uint8_t)(i >> 8), (uint8_t)i };

        assert_true(merkle_leaf(BYTES_ARR(entry), f->leaf[i]));
    }
    return f;
}

struct setting {
    struct forest *forest;
    struct key *key;
    struct note_key log;
};

static void
tear_down(struct setting *s)
{
    key_free(&s->key);
}
#define auto_setting __attribute__((cleanup(tear_down))) struct setting

static struct setting
set_up(struct arena *arena)
{
    struct setting s = { .forest = grow(arena), .key = seeded(3) };
    struct selfsame_err e = { 0 };

    assert_code(
        note_key_of(bytes_str("log.example/x"), NOTE_ED25519, s.key, arena, &s.log, &e),
        SELFSAME_OK, &e);
    return s;
}

static struct selfsame_bytes
receipt_of(const struct setting *s, uint64_t index, uint64_t size, struct arena *arena)
{
    struct merkle_source source = { .node = node, .ctx = s->forest };
    uint8_t hashes[LOG_PATH_MAX * LOG_HASH];
    struct selfsame_err e = { 0 };
    struct selfsame_bytes out;
    size_t count = 0;

    assert_true(merkle_prove_inclusion(&source, index, size, hashes, &count));
    assert_code(receipt_make(index, size, s->forest->leaf[index],
                    (struct merkle_path){ hashes, count }, s->key, arena, &out, &e),
        SELFSAME_OK, &e);
    return out;
}

static void
receipts_of_every_leaf_lead_to_the_root(void **state)
{
    static const uint64_t sizes[] = { 1, 2, 3, 7, 8, 255, 256, 257, 300 };

    (void)state;
    for (size_t k = 0; k < COUNT(sizes); k++)
        for (uint64_t i = 0; i < sizes[k]; i += 1 + sizes[k] / 16) {
            auto_arena arena = arena_new(1 << 20);
            auto_setting s = set_up(&arena);
            struct merkle_source source = { .node = node, .ctx = s.forest };
            struct selfsame_bytes in = receipt_of(&s, i, sizes[k], &arena);
            struct selfsame_err e = { 0 };
            uint8_t root[LOG_HASH];
            struct receipt r;

            assert_code(receipt_verify(in, s.forest->leaf[i], &s.log, &arena, &r, &e),
                SELFSAME_OK, &e);
            assert_true(merkle_root(&source, sizes[k], root));
            assert_memory_equal(r.root, root, LOG_HASH);
            assert_int_equal(r.index, i);
            assert_int_equal(r.size, sizes[k]);
            assert_code(
                receipt_verify(in, s.forest->leaf[i + 1], &s.log, &arena, &r, &e),
                SELFSAME_LOG, &e);
        }
}

static enum selfsame_code
judge_into(const struct setting *s, struct selfsame_bytes in, struct receipt *ret)
{
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };

    return receipt_verify(in, s->forest->leaf[2], &s->log, &arena, ret, &e);
}

static enum selfsame_code
judge(const struct setting *s, struct selfsame_bytes in)
{
    struct receipt r;

    return judge_into(s, in, &r);
}

static void
a_receipt_with_any_bit_flipped_or_cut(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    auto_setting s = set_up(&arena);
    struct selfsame_bytes in = receipt_of(&s, 2, 5, &arena);
    struct receipt good, r;
    uint8_t copy[1024];
    size_t lies = 0;

    (void)state;
    assert_true(in.len + 1 < sizeof(copy));
    assert_int_equal(judge_into(&s, in, &good), SELFSAME_OK);
    for (size_t bit = 0; bit < 8 * in.len; bit++) {
        memcpy(copy, in.ptr, in.len);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (judge_into(&s, BYTES(copy, in.len), &r) != SELFSAME_OK)
            continue;
        assert_memory_equal(r.root, good.root, LOG_HASH);
        assert_int_equal(r.size, 7); /* 5 ^ 2: the same path, and the same root */
        lies++;
    }
    assert_int_equal(lies, 1);
    memcpy(copy, in.ptr, in.len);
    copy[in.len] = 0;
    assert_int_equal(judge(&s, BYTES(copy, in.len + 1)), SELFSAME_MALFORMED);
    for (size_t len = 0; len < in.len; len++)
        assert_int_equal(judge(&s, BYTES(copy, len)), SELFSAME_MALFORMED);
}

/* What is wrong with the headers is said before any signature is looked at. */
static void
receipts_of_another_kind(void **state)
{
#define SIG40 "5840" A96 "00000000000000000000000000000000"
    static const struct {
        const char *hex;
        enum selfsame_code want;
    } cases[] = {
        { "d28447a2012719018b01a119018ca120814483010080f6" SIG40, SELFSAME_LOG },
        { "8447a2012719018b01a119018ca120814483010080f6" SIG40, SELFSAME_LOG },
        /* ES256; CCF's trees; no algorithm; no tree */
        { "d28447a2012619018b01a119018ca120814483010080f6" SIG40,
            SELFSAME_UNSUPPORTED },
        { "d28447a2012719018b02a119018ca120814483010080f6" SIG40,
            SELFSAME_UNSUPPORTED },
        { "d28445a119018b01a119018ca120814483010080f6" SIG40, SELFSAME_UNSUPPORTED },
        { "d28443a10127a119018ca120814483010080f6" SIG40, SELFSAME_UNSUPPORTED },
        /* a payload; no proofs; consistency alone; two proofs; an index out of the tree */
        { "d28447a2012719018b01a119018ca12081448301008041aa" SIG40,
            SELFSAME_MALFORMED },
        { "d28447a2012719018b01a0f6" SIG40, SELFSAME_MALFORMED },
        { "d28447a2012719018b01a119018ca121814483010080f6" SIG40,
            SELFSAME_UNSUPPORTED },
        { "d28447a2012719018b01a119018ca1208244830100804483010080f6" SIG40,
            SELFSAME_MALFORMED },
        { "d28447a2012719018b01a119018ca120814483010180f6" SIG40, SELFSAME_LOG },
        { "d28447a2012719018b01a119018ca120814483000080f6" SIG40, SELFSAME_LOG },
        /* a hash of one byte; a path that is none; four members */
        { "d28447a2012719018b01a119018ca12081468302008141aaf6" SIG40,
            SELFSAME_MALFORMED },
        { "d28447a2012719018b01a119018ca1208144830100a0f6" SIG40, SELFSAME_MALFORMED },
        { "d28447a2012719018b01a119018ca12081458401008000f6" SIG40,
            SELFSAME_MALFORMED },
        { "", SELFSAME_MALFORMED },
        { "00", SELFSAME_MALFORMED },
    };
    auto_arena arena = arena_new(1 << 20);
    auto_setting s = set_up(&arena);

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (judge(&s, unhex(cases[i].hex, &arena)) != cases[i].want)
            fail_msg("%s: expected %s, got %s", cases[i].hex,
                selfsame_code_name(cases[i].want),
                selfsame_code_name(judge(&s, unhex(cases[i].hex, &arena))));
}

static void
a_receipt_of_another_log(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    auto_setting s = set_up(&arena);
    struct selfsame_bytes in = receipt_of(&s, 2, 5, &arena);
    auto_key *other = seeded(4);
    struct selfsame_err e = { 0 };

    (void)state;
    assert_code(note_key_of(bytes_str("log.example/x"), NOTE_ED25519, other, &arena,
                    &s.log, &e),
        SELFSAME_OK, &e);
    assert_int_equal(judge(&s, in), SELFSAME_LOG);
    s.log.type = NOTE_COSIGNATURE;
    assert_int_equal(judge(&s, in), SELFSAME_UNSUPPORTED);
}

static void
a_path_that_leads_nowhere_gets_no_receipt(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    auto_setting s = set_up(&arena);
    struct merkle_path none = { NULL, 0 };
    struct selfsame_bytes out = BYTES_NONE;
    struct selfsame_err e = { 0 };

    (void)state;
    assert_code(receipt_make(0, 2, s.forest->leaf[0], none, s.key, &arena, &out, &e),
        SELFSAME_LOG, &e);
    assert_code(receipt_make(2, 2, s.forest->leaf[0], none, s.key, &arena, &out, &e),
        SELFSAME_LOG, &e);
    assert_code(receipt_make(0, 0, s.forest->leaf[0], none, s.key, &arena, &out, &e),
        SELFSAME_LOG, &e);
    assert_null(out.ptr);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measurements_that_a_corim_can_say_or_not),
        cmocka_unit_test(combinations_are_bounded),
        cmocka_unit_test(a_corim_byte_for_byte),
        cmocka_unit_test(a_signed_corim_verifies_and_is_always_the_same),
        cmocka_unit_test(a_corim_without_memory),
        cmocka_unit_test(receipts_of_every_leaf_lead_to_the_root),
        cmocka_unit_test(a_receipt_with_any_bit_flipped_or_cut),
        cmocka_unit_test(receipts_of_another_kind),
        cmocka_unit_test(a_receipt_of_another_log),
        cmocka_unit_test(a_path_that_leads_nowhere_gets_no_receipt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
