/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "codec/json.h"
#include "log/log.h"

#include <inttypes.h>

/* ---- a log of ours: its tree, its key, its checkpoints ---- */

enum { LEAVES = 24 };
static const char origin[] = "log.example/tee-releases";

static bool
leaf_node(void *ctx, unsigned height, uint64_t index, uint8_t ret[static LOG_HASH])
{
    const uint8_t fork = ctx != NULL && index == 0 ? 1 : 0;
    const uint8_t entry[] = { (uint8_t)index, fork };
    uint8_t left[LOG_HASH], right[LOG_HASH];

    if (height == 0)
        return index < LEAVES && merkle_leaf(BYTES_ARR(entry), ret);
    return leaf_node(ctx, height - 1, 2 * index, left) &&
           leaf_node(ctx, height - 1, 2 * index + 1, right) &&
           merkle_node(left, right, ret);
}
static int other_beginning;
static const struct merkle_source tree = { .node = leaf_node },
                                  forked = { .node = leaf_node,
                                      .ctx = &other_beginning };

static struct key *
key_of_byte(uint8_t byte)
{
    uint8_t seed[32];
    struct key *k = NULL;
    struct selfsame_err e = { 0 };

    memset(seed, byte, sizeof(seed));
    assert_code(key_from_seed(BYTES_ARR(seed), &k, &e), SELFSAME_OK, &e);
    return k;
}

/* A checkpoint of this size, signed by the key of this byte under this name. */
static struct selfsame_bytes
checkpoint_of(const struct merkle_source *s, uint64_t size, const char *name,
    uint8_t byte, struct arena *arena)
{
    auto_key *k = key_of_byte(byte);
    struct checkpoint c = { .origin = bytes_str(origin), .size = size };
    struct selfsame_err e = { 0 };
    char *line = NULL;

    assert_true(merkle_root(s, size, c.root));
    char *text = checkpoint_text(&c, arena);
    assert_non_null(text);
    assert_code(note_sign(bytes_str(text), bytes_str(name), NOTE_ED25519, k, 0, arena,
                    &line, &e),
        SELFSAME_OK, &e);
    char *note = arena_printf(arena, "%s\n%s", text, line);
    assert_non_null(note);
    return bytes_str(note);
}

static struct merkle_path
proof_of(
    const struct merkle_source *s, uint64_t old, uint64_t size, struct arena *arena)
{
    uint8_t *hashes = arena_alloc(arena, LOG_HASH, LOG_PATH_MAX);
    size_t count = 0;

    assert_non_null(hashes);
    assert_true(merkle_prove_consistency(s, old, size, hashes, &count));
    return (struct merkle_path){ hashes, count };
}

/* What a witness that knows the log says, with this stored. */
static int
ask(struct selfsame_bytes body, const struct witness_state *stored,
    struct witness_state *ret, bool *ret_fork)
{
    auto_arena arena = arena_new(1 << 20);
    auto_key *log = key_of_byte(3), *other = key_of_byte(4);
    struct selfsame_err e = { 0 };
    struct note_key keys[2];
    struct witness_asked q;

    assert_code(note_key_of(bytes_str(origin), NOTE_ED25519, log, &arena, &keys[0], &e),
        SELFSAME_OK, &e);
    assert_code(note_key_of(BYTES_LIT("other.example"), NOTE_ED25519, other, &arena,
                    &keys[1], &e),
        SELFSAME_OK, &e);
    *ret_fork = false;
    int status = witness_open(body, keys, COUNT(keys), &arena, &q, &e);
    if (status != 0)
        return status;
    return witness_judge(&q, stored, ret, ret_fork, &e);
}

static struct witness_state
state_of(const struct merkle_source *s, uint64_t size)
{
    struct witness_state st = { .size = size };

    assert_true(merkle_root(s, size, st.root));
    return st;
}

/* ---- every row of tlog-witness's answers ---- */

static const struct {
    const char *what;
    uint64_t stored, old, proven_from, size; /* of the proof that is sent */
    bool forked;
    const char *name;
    uint8_t key;
    int want;
    bool fork;
} rows[] = {
    { "first of all", 0, 0, 0, 5, false, origin, 3, 200, false },
    { "empty tree", 0, 0, 0, 0, false, origin, 3, 200, false },
    { "grown", 5, 5, 5, 9, false, origin, 3, 200, false },
    { "by one", 5, 5, 5, 6, false, origin, 3, 200, false },
    { "the same again", 5, 5, 5, 5, false, origin, 3, 200, false },
    { "old above the checkpoint's", 5, 6, 5, 5, false, origin, 3, 400, false },
    { "old above it, and an unknown key", 5, 6, 5, 5, false, origin, 9, 400, false },
    { "not the key of the log", 5, 5, 5, 9, false, origin, 9, 403, false },
    { "the key of another log", 5, 5, 5, 9, false, "other.example", 4, 403, false },
    { "another name of the key", 5, 5, 5, 9, false, "log.example", 3, 403, false },
    { "not the key, and not the size", 5, 4, 4, 9, false, origin, 9, 403, false },
    { "old below the stored", 5, 4, 4, 9, false, origin, 3, 409, false },
    { "old above the stored", 5, 7, 7, 9, false, origin, 3, 409, false },
    { "first contact with one that knows", 5, 0, 0, 9, false, origin, 3, 409, false },
    { "back to smaller", 9, 5, 5, 7, false, origin, 3, 409, false },
    { "to the stored from smaller", 9, 5, 5, 9, false, origin, 3, 409, false },
    { "the same size from smaller, forked", 9, 5, 5, 9, true, origin, 3, 409, true },
    { "the same size, forked", 9, 9, 9, 9, true, origin, 3, 422, true },
    { "grown from another beginning", 5, 5, 5, 9, true, origin, 3, 422, false },
    { "a proof of another size", 5, 5, 4, 9, false, origin, 3, 422, false },
    { "no proof", 5, 5, 0, 9, false, origin, 3, 422, false },
    { "a proof with old 0", 0, 0, 3, 9, false, origin, 3, 422, false },
    { "a proof with the same size", 9, 9, 5, 9, false, origin, 3, 422, false },
};

static void
each_row_of_the_table_has_its_status(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        auto_arena arena = arena_new(1 << 20);
        const struct merkle_source *s = rows[i].forked ? &forked : &tree;
        struct witness_state stored = state_of(&tree, rows[i].stored),
                             now = { 77, { 0 } };
        const struct witness_request r = { .old_size = rows[i].old,
            .path = proof_of(s, rows[i].proven_from, rows[i].size, &arena),
            .checkpoint = checkpoint_of(
                s, rows[i].size, rows[i].name, rows[i].key, &arena) };
        char *text = witness_request_text(&r, &arena);
        bool fork;

        assert_non_null(text);
        int got = ask(bytes_str(text), &stored, &now, &fork);
        if (got != rows[i].want || fork != rows[i].fork)
            fail_msg("%s: expected %d, got %d, fork %d", rows[i].what, rows[i].want,
                got, fork);
        struct witness_state want = state_of(s, rows[i].size);
        if (got == 200)
            assert_memory_equal(&now, &want, sizeof(now));
        else
            assert_int_equal(now.size, 77); /* untouched */
    }
}

static void
unknown_log_is_404_and_a_bad_line_beside_a_good_one_403(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    auto_key *k = key_of_byte(3);
    struct witness_state stored, now;
    struct selfsame_err e = { 0 };
    bool fork;
    char *line;

    (void)state;
    assert_true(witness_state_of_none(&stored));
    const char *text = "unknown.example\n0\n"
                       "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";
    assert_code(note_sign(bytes_str(text), BYTES_LIT("unknown.example"), NOTE_ED25519,
                    k, 0, &arena, &line, &e),
        SELFSAME_OK, &e);
    char *body = arena_printf(&arena, "old 0\n\n%s\n%s", text, line);
    assert_int_equal(ask(bytes_str(body), &stored, &now, &fork), 404);

    struct selfsame_bytes good = checkpoint_of(&tree, 4, origin, 3, &arena);
    struct selfsame_bytes wrong = checkpoint_of(&tree, 5, origin, 3, &arena);
    struct note n;
    assert_code(note_parse(wrong, &arena, &n, &e), SELFSAME_OK, &e);
    const char *line_of_5 = (const char *)wrong.ptr + n.text.len + 1;
    body = arena_printf(&arena, "old 0\n\n%s%s", (const char *)good.ptr, line_of_5);
    assert_int_equal(ask(bytes_str(body), &stored, &now, &fork), 403);
    /* One more line, by somebody unknown, does not matter. */
    body = arena_printf(&arena, "old 0\n\n%s\xe2\x80\x94 x.example AAAAAAAAAA==\n",
        (const char *)good.ptr);
    assert_int_equal(ask(bytes_str(body), &stored, &now, &fork), 200);
}

static void
only_the_right_old_size_and_proof_are_cosigned(void **state)
{
    (void)state;
    for (uint64_t stored = 0; stored < 12; stored++)
        for (uint64_t old = 0; old < 12; old++)
            for (uint64_t size = old; size < 12; size++) {
                auto_arena arena = arena_new(1 << 20);
                struct witness_state was = state_of(&tree, stored), now;
                struct witness_asked q = {
                    .request = { .old_size = old,
                        .path = proof_of(&tree, old, size, &arena) },
                    .checkpoint = { .size = size },
                };
                struct selfsame_err e = { 0 };
                bool fork;

                assert_true(merkle_root(&tree, size, q.checkpoint.root));
                assert_int_equal(witness_judge(&q, &was, &now, &fork, &e),
                    old == stored ? 200 : 409);
                assert_false(fork);
                q.checkpoint.root[7] ^= 1;
                int got = witness_judge(&q, &was, &now, &fork, &e);
                /* From nothing everything follows but an empty tree that is not. */
                bool first = stored == 0 && size > 0;
                assert_int_equal(got, old != stored ? 409 : first ? 200 : 422);
                assert_int_equal(fork, size == stored);
            }
}

/* ---- requests that are none ---- */

#define HASH "KgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
#define H8 HASH HASH HASH HASH HASH HASH HASH HASH
static const struct {
    const char *request;
    enum selfsame_code want;
} requests[] = {
    { "old 0\n\nx", SELFSAME_OK },
    { "old 7\n" HASH "\nx", SELFSAME_OK },
    { "old 9223372036854775807\n\nx", SELFSAME_OK },
    { "old 1\n" H8 H8 H8 H8 H8 H8 H8 HASH HASH HASH HASH HASH HASH HASH "\nx",
        SELFSAME_OK },
    { "old 1\n" H8 H8 H8 H8 H8 H8 H8 H8 "\nx", SELFSAME_MALFORMED },
    { "", SELFSAME_MALFORMED },
    { "old 0", SELFSAME_MALFORMED },
    { "old 0\n", SELFSAME_MALFORMED },
    { "old 0\n\n", SELFSAME_MALFORMED },
    { "old \n\nx", SELFSAME_MALFORMED },
    { "old 00\n\nx", SELFSAME_MALFORMED },
    { "old 01\n\nx", SELFSAME_MALFORMED },
    { "old -1\n\nx", SELFSAME_MALFORMED },
    { "old +1\n\nx", SELFSAME_MALFORMED },
    { "old 0x1\n\nx", SELFSAME_MALFORMED },
    { "old 9223372036854775808\n\nx", SELFSAME_MALFORMED },
    { "old  1\n\nx", SELFSAME_MALFORMED },
    { "old 1 \n\nx", SELFSAME_MALFORMED },
    { "old 1\r\n\r\nx", SELFSAME_MALFORMED },
    { "old 1\n\nx\x01y", SELFSAME_MALFORMED },
    { "Old 1\n\nx", SELFSAME_MALFORMED },
    { "1\n\nx", SELFSAME_MALFORMED },
    { "old 1\n" HASH "x", SELFSAME_MALFORMED },
    { "old 1\n" HASH, SELFSAME_MALFORMED },
    { "old 1\n" HASH HASH "\n", SELFSAME_MALFORMED },
    { "old 1\nKgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\n\nx", SELFSAME_MALFORMED },
    { "old 1\nKgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n\nx", SELFSAME_MALFORMED },
    { "old 1\nKgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\n\nx", SELFSAME_MALFORMED },
    { "old 1\n KgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\nx", SELFSAME_MALFORMED },
};

static void
malformed_requests_are_refused_and_others_written_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(requests); i++) {
        auto_arena arena = arena_new(1 << 20);
        struct selfsame_bytes in = bytes_str(requests[i].request);
        struct selfsame_err e = { 0 };
        struct witness_request r;

        assert_code(witness_request_parse(in, &arena, &r, &e), requests[i].want, &e);
        if (requests[i].want == SELFSAME_OK) {
            char *text = witness_request_text(&r, &arena);
            assert_non_null(text);
            assert_string_equal(text, requests[i].request);
        }
    }
}

static void
request_over_the_limit_is_refused(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    struct witness_request r;
    struct selfsame_err e = { 0 };
    uint8_t *big = arena_alloc(&arena, 1, WITNESS_REQUEST_MAX + 1);

    (void)state;
    assert_non_null(big);
    memset(big, 'a', WITNESS_REQUEST_MAX + 1);
    memcpy(big, "old 0\n\n", 7);
    assert_code(witness_request_parse(BYTES(big, WITNESS_REQUEST_MAX), &arena, &r, &e),
        SELFSAME_OK, &e);
    assert_code(
        witness_request_parse(BYTES(big, WITNESS_REQUEST_MAX + 1), &arena, &r, &e),
        SELFSAME_MALFORMED, &e);
}

/* ---- sweeps over a good request ---- */

static char *
good_request(struct arena *arena, struct witness_state *ret_stored)
{
    const struct witness_request r = { .old_size = 5,
        .path = proof_of(&tree, 5, 9, arena),
        .checkpoint = checkpoint_of(&tree, 9, origin, 3, arena) };
    char *text = witness_request_text(&r, arena);

    assert_non_null(text);
    *ret_stored = state_of(&tree, 5);
    return text;
}

static void
no_bit_of_a_request_can_be_flipped_nor_any_end_cut(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    struct witness_state stored, now;
    char *text = good_request(&arena, &stored);
    size_t len = strlen(text);
    bool fork;

    (void)state;
    assert_int_equal(ask(BYTES((uint8_t *)text, len), &stored, &now, &fork), 200);
    for (size_t i = 0; i < 8 * len; i++) {
        text[i / 8] = (char)(text[i / 8] ^ (1 << i % 8));
        if (ask(BYTES((uint8_t *)text, len), &stored, &now, &fork) == 200)
            fail_msg("bit %zu can be flipped", i);
        text[i / 8] = (char)(text[i / 8] ^ (1 << i % 8));
    }
    for (size_t n = 0; n < len; n++)
        if (ask(BYTES((uint8_t *)text, n), &stored, &now, &fork) == 200)
            fail_msg("%zu bytes are enough", n);
    char *more = arena_printf(&arena, "%sx", text);
    assert_int_equal(ask(bytes_str(more), &stored, &now, &fork), 400);
}

static void
failed_allocations_are_503_and_never_good(void **state)
{
    auto_arena outer = arena_new(1 << 20);
    auto_key *k = key_of_byte(3);
    struct witness_state stored;
    char *text = good_request(&outer, &stored);
    struct selfsame_err e = { 0 };
    struct note_key key;
    int status = 503;
    long at = 1;

    (void)state;
    assert_code(note_key_of(bytes_str(origin), NOTE_ED25519, k, &outer, &key, &e),
        SELFSAME_OK, &e);
    for (; status != 0; at++) {
        auto_arena arena = arena_new(1 << 20);
        struct witness_asked q;

        arena.fail_at = at;
        status = witness_open(bytes_str(text), &key, 1, &arena, &q, &e);
        assert_true(status == 0 || status == 503);
    }
    assert_true(at > 3);
}

/* ---- others' examples ---- */

/* C2SP tlog-witness: its example of a request. */
static void
the_example_of_the_specification_is_read(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    auto_json *all = NULL;
    struct selfsame_err e = { 0 };
    size_t seen = 0;

    (void)state;
    need_shared();
    assert_code(
        json_parse(shared_file("vectors/tlog/C2SP+C2SP/spec-examples.json", &arena),
            "examples", &all, &e),
        SELFSAME_OK, &e);
    for (size_t i = 0; i < json_array_size(all); i++) {
        const char *block = json_string_value(
            json_object_get(json_array_get(all, i), "block"));
        struct witness_request r;
        struct checkpoint c;
        struct note n;

        if (block == NULL || strncmp(block, "old ", 4) != 0)
            continue;
        seen++;
        assert_code(
            witness_request_parse(bytes_str(block), &arena, &r, &e), SELFSAME_OK, &e);
        assert_int_equal(r.old_size, 20852014);
        assert_int_equal(r.path.count, 4);
        assert_code(note_parse(r.checkpoint, &arena, &n, &e), SELFSAME_OK, &e);
        assert_int_equal(n.count, 2);
        assert_code(checkpoint_parse(n.text, &c, &e), SELFSAME_OK, &e);
        assert_int_equal(c.size, 20852163);
        char *text = witness_request_text(&r, &arena);
        assert_non_null(text);
        assert_string_equal(text, block);
    }
    assert_int_equal(seen, 1);
}

/* litewitness's transcript: leaves are the hashes 2a 0i 00 … themselves. */
static bool
lite_node(void *ctx, unsigned height, uint64_t index, uint8_t ret[static LOG_HASH])
{
    uint8_t left[LOG_HASH], right[LOG_HASH];

    (void)ctx;
    if (height == 0) {
        memset(ret, 0, LOG_HASH);
        ret[0] = 0x2a;
        ret[1] = (uint8_t)index;
        return index < 5;
    }
    return lite_node(ctx, height - 1, 2 * index, left) &&
           lite_node(ctx, height - 1, 2 * index + 1, right) &&
           merkle_node(left, right, ret);
}

static const struct {
    uint64_t old, proven_from, size;
    bool spoilt;
    int want;
    uint64_t then;
} transcript[] = {
    { 0, 0, 1, false, 200, 1 },
    { 1, 0, 3, false, 422, 1 },
    { 1, 1, 3, true, 422, 1 },
    { 1, 1, 3, false, 200, 3 },
    { 1, 1, 5, false, 409, 3 },
    { 3, 3, 5, false, 200, 5 },
    { 0, 0, 5, false, 409, 5 },
};

static void
litewitness_transcript_is_judged_the_same(void **state)
{
    static const struct merkle_source lite = { .node = lite_node };
    static const struct {
        uint64_t size;
        const char *root;
    } roots[] = { { 3, "RcCI1Nk56ZcSmIEfIn0SleqtV7uvrlXNccFx595Iwl0=" },
        { 5, "QrtXrQZCCvpIgsSmOsah7HdICzMLLyDfxToMql9WTjY=" } };
    auto_arena arena = arena_new(1 << 20);
    struct witness_state stored;
    struct selfsame_err e = { 0 };
    bool fork;

    (void)state;
    for (size_t i = 0; i < COUNT(roots); i++) {
        struct witness_state s = state_of(&lite, roots[i].size);
        char text[BASE64_SIZE(LOG_HASH)];
        (void)base64_encode(BYTES_ARR(s.root), false, text);
        assert_string_equal(text, roots[i].root);
    }
    assert_true(witness_state_of_none(&stored));
    for (size_t i = 0; i < COUNT(transcript); i++) {
        struct witness_asked q = {
            .request = { .old_size = transcript[i].old,
                .path = proof_of(
                    &lite, transcript[i].proven_from, transcript[i].size, &arena) },
            .checkpoint = { .size = transcript[i].size },
        };
        struct witness_state now = stored;

        assert_true(merkle_root(&lite, transcript[i].size, q.checkpoint.root));
        if (transcript[i].spoilt) {
            uint8_t *copy = arena_alloc(&arena, LOG_HASH, q.request.path.count);
            memcpy(copy, q.request.path.hashes, LOG_HASH * q.request.path.count);
            copy[LOG_HASH * q.request.path.count - 1] ^= 1;
            q.request.path.hashes = copy;
        }
        assert_int_equal(
            witness_judge(&q, &stored, &now, &fork, &e), transcript[i].want);
        if (transcript[i].want == 200)
            stored = now;
        assert_int_equal(stored.size, transcript[i].then);
    }
}

/* Its log's key: sigsum's origin is the hash of the key. */
static void
litewitness_log_key_has_its_id(void **state)
{
    auto_arena arena = arena_new(1 << 16);
    struct selfsame_bytes key = unhex(
        "ffdc2d4d98e4124d3feaf788c0c2f9abfd796083d1f0495437f302ec79cf100f", &arena);
    struct selfsame_err e = { 0 };
    uint8_t digest[HASH_MAX];
    struct note_key k = { .type = NOTE_ED25519, .id = 0x5202289b, .key = key }, again;

    (void)state;
    assert_true(hash_bytes(HASH_SHA256, key, digest));
    k.name = bytes_str(arena_printf(
        &arena, "sigsum.org/v1/tree/%s", hex_dup(&arena, BYTES(digest, 32))));
    assert_code(
        note_key_parse(bytes_str(note_key_text(&k, &arena)), &arena, &again, &e),
        SELFSAME_OK, &e);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_of_the_table_has_its_status),
        cmocka_unit_test(unknown_log_is_404_and_a_bad_line_beside_a_good_one_403),
        cmocka_unit_test(only_the_right_old_size_and_proof_are_cosigned),
        cmocka_unit_test(malformed_requests_are_refused_and_others_written_back),
        cmocka_unit_test(request_over_the_limit_is_refused),
        cmocka_unit_test(no_bit_of_a_request_can_be_flipped_nor_any_end_cut),
        cmocka_unit_test(failed_allocations_are_503_and_never_good),
        cmocka_unit_test(the_example_of_the_specification_is_read),
        cmocka_unit_test(litewitness_transcript_is_judged_the_same),
        cmocka_unit_test(litewitness_log_key_has_its_id),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
