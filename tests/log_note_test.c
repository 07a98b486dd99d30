/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "codec/json.h"
#include "log/log.h"

static const char peter[] =
    "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
static const char text[] = "If you think cryptography is the answer to your problem,\n"
                           "then you don't know what your problem is.\n";
static const char peters[] =
    "x08go/ZJkuBS9UG/"
    "SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6R"
    "yyBwJnAM=";
#define DASH "\xe2\x80\x94 "

static enum selfsame_code
judge(const char *note, const char *key, struct selfsame_err *e)
{
    auto_arena arena = arena_new(1 << 20);
    struct note_key k;
    struct note n;
    uint64_t good = 0;

    TRY(note_key_parse(bytes_str(key), &arena, &k, e));
    TRY(note_parse(bytes_str(note), &arena, &n, e));
    return note_verify(&n, &k, 1, &good, NULL, e);
}

static const struct {
    const char *note;
    enum selfsame_code want;
} notes[] = {
#define SIGNED(t, line) t "\n" line
#define LINE(name, sig) DASH name " " sig "\n"
#define T                                                        \
    "If you think cryptography is the answer to your problem,\n" \
    "then you don't know what your problem is.\n"
#define S                                                                \
    "x08go/ZJkuBS9UG/"                                                   \
    "SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6" \
    "RyyBwJnAM="
    { SIGNED(T, LINE("PeterNeumann", S)), SELFSAME_OK },
    { SIGNED(T, LINE("PeterNeumann", S) LINE("PeterNeumann", S)), SELFSAME_OK },
    { SIGNED(T, LINE("Somebody", "AAAAAAA=") LINE("PeterNeumann", S)), SELFSAME_OK },
    { SIGNED(T, LINE("Peterneumann", S)), SELFSAME_LOG },
    { SIGNED("x" T, LINE("PeterNeumann", S)), SELFSAME_LOG },
    { SIGNED(T, LINE("PeterNeumann", S) LINE("Bad Name", S)), SELFSAME_MALFORMED },
    { SIGNED(T, LINE("PeterNeumann", S) LINE("a+b", S)), SELFSAME_MALFORMED },
    { SIGNED(T, LINE("PeterNeumann", S) LINE("a\xc2\xa0z", S)), SELFSAME_MALFORMED },
    { SIGNED(T, LINE("PeterNeumann", S) LINE("a\xe2\x80\x83z", S)),
        SELFSAME_MALFORMED },
    { SIGNED(T, LINE("PeterNeumann", S) LINE("a", "AAAA")), SELFSAME_MALFORMED },
    { SIGNED(T, LINE("PeterNeumann", S) LINE("a", "AAAAAAA")), SELFSAME_MALFORMED },
    { SIGNED(T, LINE("PeterNeumann", S) LINE("a", "AAAAAA==")), SELFSAME_MALFORMED },
    { SIGNED(T, LINE("PeterNeumann", S) "more\n"), SELFSAME_MALFORMED },
    { SIGNED(T, LINE("PeterNeumann", S) "\n"), SELFSAME_MALFORMED },
    { SIGNED(T, DASH "PeterNeumann " S), SELFSAME_MALFORMED },
    { SIGNED(T, "- PeterNeumann " S "\n"), SELFSAME_MALFORMED },
    { SIGNED(T, ""), SELFSAME_MALFORMED },
    { T LINE("PeterNeumann", S), SELFSAME_MALFORMED },
    { SIGNED("a\x01z\n", LINE("PeterNeumann", S)), SELFSAME_MALFORMED },
    { SIGNED("a\rz\n", LINE("PeterNeumann", S)), SELFSAME_MALFORMED },
    { SIGNED("a\xffz\n", LINE("PeterNeumann", S)), SELFSAME_MALFORMED },
    { "", SELFSAME_MALFORMED },
    { "\n\n", SELFSAME_MALFORMED },
};

static void
notes_have_their_class(void **state)
{
    (void)state;
    assert_string_equal(text, T);
    assert_string_equal(peters, S);
    for (size_t i = 0; i < COUNT(notes); i++) {
        struct selfsame_err e = { 0 };

        if (judge(notes[i].note, peter, &e) != notes[i].want)
            fail_msg(
                "note %zu: got %s: %s", i, selfsame_code_name(e.code), err_text(&e));
    }
}

static void
no_flipped_bit_of_a_note_is_accepted_as_that_text(void **state)
{
    char note[512];
    struct selfsame_err e;

    (void)state;
    int len = snprintf(
        note, sizeof(note), "%s\n%sPeterNeumann %s\n", text, DASH, peters);
    for (int i = 0; i < len; i++)
        for (int bit = 0; bit < 8; bit++) {
            note[i] = (char)(note[i] ^ (1 << bit));
            if (note[i] != '\0' && judge(note, peter, &e) == SELFSAME_OK)
                fail_msg("byte %d bit %d flipped and accepted", i, bit);
            note[i] = (char)(note[i] ^ (1 << bit));
        }
    for (int cut = 0; cut < len; cut++) {
        char kept = note[cut];

        note[cut] = '\0';
        assert_int_not_equal(judge(note, peter, &e), SELFSAME_OK);
        note[cut] = kept;
    }
    assert_code(judge(note, peter, &e), SELFSAME_OK, &e);
}

static void
keys_are_read_strictly(void **state)
{
    static const char *const bad[] = { "", "PeterNeumann", "PeterNeumann+c74f20a3",
        "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumanm+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10T",
        "PeterNeumann+c74f20a3+", "PeterNeumann+c74f20a3+AQ==",
        "PeterNeumann+c74f20a3+BRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW" };
    auto_arena arena = arena_new(1 << 16);
    struct selfsame_err e = { 0 };
    struct note_key k;

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        if (note_key_parse(bytes_str(bad[i]), &arena, &k, &e) == SELFSAME_OK)
            fail_msg("accepted: %s", bad[i]);
    assert_code(note_key_parse(bytes_str(peter), &arena, &k, &e), SELFSAME_OK, &e);
    assert_string_equal(note_key_text(&k, &arena), peter);
    /* From Go's private form: PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz */
    uint8_t raw[33];
    size_t len = 0;
    auto_key *key = NULL;
    char *line = NULL;
    const char secret[] = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    assert_true(base64_decode(secret, 44, false, raw, sizeof(raw), &len) && len == 33);
    assert_code(key_from_seed(BYTES(raw + 1, 32), &key, &e), SELFSAME_OK, &e);
    assert_code(note_sign(bytes_str(text), BYTES_LIT("PeterNeumann"), NOTE_ED25519, key,
                    0, &arena, &line, &e),
        SELFSAME_OK, &e);
    char want[200];
    (void)snprintf(want, sizeof(want), DASH "PeterNeumann %s\n", peters);
    assert_string_equal(line, want);
}

static void
note_cases_of_go(void **state)
{
    static const char path[] = "vectors/tlog/golang+mod/signed-note-cases.json";
    auto_arena arena = arena_new(8 << 20);
    struct selfsame_err e = { 0 };
    auto_json *j = NULL;
    json_t *one;
    size_t i;

    (void)state;
    need_shared();
    assert_code(json_parse(shared_file(path, &arena), path, &j, &e), SELFSAME_OK, &e);
    json_array_foreach(json_object_get(j, "cases"), i, one)
    {
        const char *b64 = json_string_value(json_object_get(one, "note"));
        const char *result = json_string_value(json_object_get(one, "result"));
        uint8_t *raw = arena_alloc(&arena, 1, strlen(b64) + 1);
        const json_t *keys = json_object_get(one, "keys");
        struct note_key known[4];
        uint64_t good = 0;
        size_t len = 0;
        struct note n;

        assert_true(base64_decode(b64, strlen(b64), false, raw, strlen(b64) + 1, &len));
        for (size_t k = 0; k < json_array_size(keys); k++)
            assert_code(
                note_key_parse(bytes_str(json_string_value(json_array_get(keys, k))),
                    &arena, &known[k], &e),
                SELFSAME_OK, &e);
        enum selfsame_code code = note_parse(BYTES(raw, len), &arena, &n, &e);
        if (code == SELFSAME_OK)
            code = note_verify(&n, known, json_array_size(keys), &good, NULL, &e);
        enum selfsame_code want = strcmp(result, "ok") == 0 ? SELFSAME_OK
                                  : strstr(result, "malformed") != NULL
                                      ? SELFSAME_MALFORMED
                                      : SELFSAME_LOG;
        if (code != want)
            fail_msg("%s: got %s", json_string_value(json_object_get(one, "name")),
                selfsame_code_name(code));
        if (want == SELFSAME_OK)
            assert_int_equal(__builtin_popcountll(good),
                json_array_size(json_object_get(one, "verified")));
    }
    assert_int_equal(i, 13);
}

/* ---- checkpoints and cosignatures ---- */

static const char tessera_key[] =
    "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx";
static const char checkpoint15[] =
    "example.com/log/testdata\n15\nrKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=\n";
static const char line15[] = DASH
    "example.com/log/testdata "
    "M9e0luh4jTG+UMBqOUo9/q+yAEvx1ilBEniMvjf1zfcBOhg+CKubMt53MvIt"
    "/uEWP6zdkdIQzd/fmwlM/dlPWF74ewI=\n";
static const char cosignature15[] = DASH
    "witness.example/w1 "
    "3xwKNQAAAABlU/EAAn8Qi96ia32BBgPFL28GLNTp3M2xNrl/1B79z7PkS15vbBVPCC"
    "NcI1YnhmapEjDkpa+yN8A42xznlJQEdhTDAg==\n";
static const char w1[] = "witness.example/w1+df1c0a35+"
                         "BIE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU";

static void
a_witness_signs_what_others_verify(void **state)
{
    auto_arena arena = arena_new(1 << 18);
    struct selfsame_err e = { 0 };
    uint8_t seed[32];
    auto_key *key = NULL;
    struct note_key k;
    char *line = NULL;
    int64_t when[2] = { 0 };
    struct note n;
    uint64_t good = 0;

    (void)state;
    memset(seed, 2, sizeof(seed));
    assert_code(key_from_seed(BYTES_ARR(seed), &key, &e), SELFSAME_OK, &e);
    assert_code(note_sign(bytes_str(checkpoint15), BYTES_LIT("witness.example/w1"),
                    NOTE_COSIGNATURE, key, 1700000000, &arena, &line, &e),
        SELFSAME_OK, &e);
    assert_string_equal(line, cosignature15);
    char *all = arena_printf(&arena, "%s\n%s%s", checkpoint15, line15, line);
    struct note_key both[2];
    assert_code(
        note_key_parse(bytes_str(tessera_key), &arena, &both[0], &e), SELFSAME_OK, &e);
    assert_code(note_key_parse(bytes_str(w1), &arena, &both[1], &e), SELFSAME_OK, &e);
    assert_code(note_key_of(BYTES_LIT("witness.example/w1"), NOTE_COSIGNATURE, key,
                    &arena, &k, &e),
        SELFSAME_OK, &e);
    assert_string_equal(note_key_text(&k, &arena), w1);
    assert_code(note_parse(bytes_str(all), &arena, &n, &e), SELFSAME_OK, &e);
    assert_code(note_verify(&n, both, 2, &good, when, &e), SELFSAME_OK, &e);
    assert_int_equal(good, 3);
    assert_true(when[0] == 0 && when[1] == 1700000000);
    /* The time is signed. */
    all[strlen(checkpoint15) + 1 + strlen(line15) + 35] ^= 1;
    assert_code(note_parse(bytes_str(all), &arena, &n, &e), SELFSAME_OK, &e);
    assert_int_equal(note_verify(&n, both, 2, &good, when, &e), SELFSAME_LOG);
}

static void
checkpoints_are_read_strictly(void **state)
{
    static const char hash[] = "rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=";
    static const struct {
        const char *head, *tail;
        bool good;
    } rows[] = {
        { "o\n0\n", "\n", true },
        { "o\n9223372036854775807\n", "\nmore\nand more\n", true },
        { "o\n9223372036854775808\n", "\n", false },
        { "o\n01\n", "\n", false },
        { "o\n+1\n", "\n", false },
        { "o\n-1\n", "\n", false },
        { "o\n0x1\n", "\n", false },
        { "o\n1 \n", "\n", false },
        { "o\n\n", "\n", false },
        { "\n1\n", "\n", false },
        { "o\n1\n", "", false },
        { "o\n1\n", "=\n", false },
        { "o\n1\n", "\n\n", false },
        { "o\n1\n", "\nmore", false },
        { "o\n1\n ", "\n", false },
    };
    auto_arena arena = arena_new(1 << 16);
    struct selfsame_err e = { 0 };
    struct checkpoint c;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *t = arena_printf(&arena, "%s%s%s", rows[i].head, hash, rows[i].tail);
        bool good = checkpoint_parse(bytes_str(t), &c, &e) == SELFSAME_OK;

        if (good != rows[i].good)
            fail_msg("checkpoint %zu", i);
        if (good)
            assert_string_equal(checkpoint_text(&c, &arena), t);
    }
}

static void
checkpoints_of_others_verify(void **state)
{
    static const unsigned sizes[] = { 0, 1, 2, 5, 7, 8, 13, 15 };
    auto_arena arena = arena_new(1 << 18);
    struct selfsame_err e = { 0 };
    struct checkpoint c;
    struct note_key k;
    struct note n;
    uint64_t good;
    int64_t when = 0;

    (void)state;
    need_shared();
    assert_code(
        note_key_parse(bytes_str(tessera_key), &arena, &k, &e), SELFSAME_OK, &e);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        char path[128];

        (void)snprintf(path, sizeof(path),
            "vectors/tlog/transparency-dev+tessera/log/checkpoint.%u", sizes[i]);
        assert_code(
            note_parse(shared_file(path, &arena), &arena, &n, &e), SELFSAME_OK, &e);
        assert_code(note_verify(&n, &k, 1, &good, NULL, &e), SELFSAME_OK, &e);
        assert_code(checkpoint_parse(n.text, &c, &e), SELFSAME_OK, &e);
        assert_int_equal(c.size, sizes[i]);
    }
    static const char mirror[] =
        "mirror.example.org+3fb148ef+BAAjjch9GyYz0sJsJx7ALhbdAtz2ov0unbzSl1vMp94O";
    assert_code(note_key_parse(bytes_str(mirror), &arena, &k, &e), SELFSAME_OK, &e);
    assert_code(
        note_parse(
            shared_file(
                "vectors/tlog/FiloSottile+sunlight/witness/mirror.checkpoint", &arena),
            &arena, &n, &e),
        SELFSAME_OK, &e);
    assert_code(note_verify(&n, &k, 1, &good, &when, &e), SELFSAME_OK, &e);
    assert_true(when == 1767139200);
}

/* ---- proofs ---- */

static const char proof15[] = "c2sp.org/tlog-proof@v1\nindex 3\n"
                              "Zx8UbF5HHooag6PCFM5LqQe486WIjRTMjNPOdbsS75Q=\n"
                              "T1X2GdkhUjV3iyufF9b0kVsWFxIU0VI4EpNml2Teci4=\n"
                              "g0ZoeYWtIV8Q8i+4CmgqPnBvH2il107lyCgTQsyB7H4=\n"
                              "5jLpqTgjsBDSEX6SgZiRnbTMdTuRd8bQ5tSsAOxe0Ks=\n\n";

static void
a_proof_leads_from_an_entry_to_a_quorum(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    uint8_t leaf[LOG_HASH], digest[HASH_MAX];
    int64_t when[POLICY_WITNESSES];
    struct log_policy policy;
    struct checkpoint c;
    struct log_proof p;
    uint64_t who = 0;

    (void)state;
    char *whole = arena_printf(
        &arena, "%s%s\n%s%s", proof15, checkpoint15, line15, cosignature15);
    assert_int_equal(strlen(whole), 536);
    assert_true(hash_bytes(HASH_SHA256, bytes_str(whole), digest));
    assert_string_equal(hex_dup(&arena, BYTES(digest, 32)),
        "76185d7c225ce13e8df590152b2e9743754e815f84de96f4ba512807ebbc9eea");
    assert_code(proof_parse(bytes_str(whole), &arena, &p, &e), SELFSAME_OK, &e);
    assert_string_equal(proof_text(&p, &arena), whole);
    for (size_t i = 0; i < 2; i++) {
        char *t = arena_printf(&arena,
            i == 0 ? "log %s https://log.example/\nwitness w1 %s\nquorum w1\n"
                   : "# both\n\nlog\t%s\nwitness w1 %s\ngroup all-of all w1\nquorum "
                     "all-of",
            tessera_key, w1);
        assert_code(
            log_policy_parse(bytes_str(t), &arena, &policy, &e), SELFSAME_OK, &e);
        assert_code(log_policy_open(&policy, p.checkpoint, &arena, &c, &who, when, &e),
            SELFSAME_OK, &e);
        assert_true(who == 1 && when[0] == 1700000000);
    }
    assert_true(merkle_leaf(BYTES_LIT("four"), leaf));
    assert_code(merkle_check_inclusion(p.index, c.size, leaf, p.path, c.root, &e),
        SELFSAME_OK, &e);
    /* Without the cosignature the quorum is not met; without the log nothing is known. */
    char *less = arena_printf(&arena, "%s\n%s", checkpoint15, line15);
    assert_int_equal(
        log_policy_open(&policy, bytes_str(less), &arena, &c, &who, NULL, &e),
        SELFSAME_LOG);
    less = arena_printf(&arena, "%s\n%s", checkpoint15, cosignature15);
    assert_int_equal(
        log_policy_open(&policy, bytes_str(less), &arena, &c, &who, NULL, &e),
        SELFSAME_LOG);
    policy.logs[0].name = BYTES_LIT("example.com/another");
    assert_int_equal(log_policy_open(&policy, p.checkpoint, &arena, &c, &who, NULL, &e),
        SELFSAME_LOG);
}

static void
proofs_are_read_strictly(void **state)
{
#define HEAD "c2sp.org/tlog-proof@v1\n"
#define HASH "Zx8UbF5HHooag6PCFM5LqQe486WIjRTMjNPOdbsS75Q=\n"
    static const struct {
        const char *proof;
        bool good;
    } rows[] = {
        { HEAD "index 0\n\nx", true },
        { HEAD "extra \nindex 0\n\nx", true },
        { HEAD "extra aGk=\nindex 7\n" HASH "\nx", true },
        { HEAD "index 9223372036854775808\n\nx", false },
        { HEAD "index 00\n\nx", false },
        { HEAD "index 01\n\nx", false },
        { HEAD "index 0x1\n\nx", false },
        { HEAD "index \n\nx", false },
        { HEAD "index 1 \n\nx", false },
        { HEAD "index 1\r\n\nx", false },
        { HEAD "index 1\n\n", false },
        { HEAD "index 1\n", false },
        { HEAD "index 1\n" HASH "x", false },
        { HEAD "index 1\nZx8U\n\nx", false },
        { HEAD "index 1\nextra aGk=\n\nx", false },
        { HEAD "extra aGk\nindex 1\n\nx", false },
        { HEAD "extra aGk=\nextra aGk=\nindex 1\n\nx", false },
        { HEAD, false },
        { "c2sp.org/tlog-proof@v2\nindex 0\n\nx", false },
        { "", false },
    };
    auto_arena arena = arena_new(1 << 18);
    struct selfsame_err e = { 0 };
    struct log_proof p;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        bool good = proof_parse(bytes_str(rows[i].proof), &arena, &p, &e) ==
                    SELFSAME_OK;

        if (good != rows[i].good)
            fail_msg("proof %zu", i);
        if (good)
            assert_string_equal(proof_text(&p, &arena), rows[i].proof);
    }
    char *many = arena_printf(&arena, "%s", HEAD "index 1\n");
    for (int i = 0; i < 63; i++)
        many = arena_printf(&arena, "%s%s", many, HASH);
    assert_code(
        proof_parse(bytes_str(arena_printf(&arena, "%s\nx", many)), &arena, &p, &e),
        SELFSAME_OK, &e);
    assert_int_equal(proof_parse(bytes_str(arena_printf(&arena, "%s%s\nx", many, HASH)),
                         &arena, &p, &e),
        SELFSAME_MALFORMED);
}

static void
proof_cases_of_transparency_dev(void **state)
{
    static const char path[] =
        "vectors/tlog/transparency-dev+formats/tlog-proof-error-cases.json";
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    auto_json *j = NULL;
    struct log_proof p;
    json_t *one;
    size_t i;

    (void)state;
    need_shared();
    assert_code(json_parse(shared_file(path, &arena), path, &j, &e), SELFSAME_OK, &e);
    json_array_foreach(j, i, one)
    {
        const char *t = json_string_value(json_object_get(one, "proof"));

        if (t != NULL && proof_parse(bytes_str(t), &arena, &p, &e) == SELFSAME_OK)
            fail_msg("%s", json_string_value(json_object_get(one, "name")));
    }
    assert_int_equal(i, 8);
}

/* ---- policies ---- */

#define W(n, key) "witness " n " " key "\n"
static const char l1[] = "log log.example/tee-releases+fa9e3502+"
                         "Ae1JKMYo0cLG6ukDOJBZlWEpWSc6XGP5NjbBRhSshzfR\n";
static const char mirror_key[] =
    "mirror.example.org+3fb148ef+BAAjjch9GyYz0sJsJx7ALhbdAtz2ov0unbzSl1vMp94O";

static void
trust_policies_are_read_strictly(void **state)
{
    static const struct {
        const char *lines;
        bool good;
    } rows[] = {
        { "quorum none\n", true },
        { "@1@2quorum a\n", true },
        { "@1@2group g any a b\nquorum g\n", true },
        { "@1@2group g 2 a b\ngroup h all g\nquorum h\n", true },
        { "", false },
        { "quorum none\nquorum none\n", false },
        { "quorum nobody\n", false },
        { "@1@1quorum a\n", false },
        { "@1group a any a\nquorum a\n", false },
        { "@1@2group g 3 a b\nquorum g\n", false },
        { "@1@2group g 0 a b\nquorum g\n", false },
        { "@1@2group g some a b\nquorum g\n", false },
        { "@1@2group g 02 a b\nquorum g\n", false },
        { "@1@2group g 0x2 a b\nquorum g\n", false },
        { "@1@2group g +2 a b\nquorum g\n", false },
        { "@1@2group g any a a\nquorum g\n", false },
        { "@1@2group g any a\ngroup h any a b\nquorum h\n", false },
        { "@1group g any\nquorum g\n", false },
        { "group g any a\n@1quorum g\n", false },
        { "@1group none any a\nquorum none\n", false },
        { "witness a x\nquorum a\n", false },
        { "friend a\nquorum none\n", false },
        { "quorum none extra\n", false },
    };
    auto_arena arena = arena_new(4 << 20);
    struct selfsame_err e = { 0 };
    struct log_policy p;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char t[1024];
        size_t n = (size_t)snprintf(t, sizeof(t), "%s", l1);

        for (const char *s = rows[i].lines; *s != '\0'; s++) {
            if (*s == '@')
                n += (size_t)snprintf(t + n, sizeof(t) - n, "witness %s %s\n",
                    s[1] == '1' ? "a" : "b", s[1] == '1' ? w1 : mirror_key);
            else
                t[n++] = *s;
            s += *s == '@';
        }
        t[n] = '\0';
        bool good = log_policy_parse(bytes_str(t), &arena, &p, &e) == SELFSAME_OK;
        if (good != rows[i].good)
            fail_msg("policy %zu: %s", i, good ? "accepted" : err_text(&e));
    }
    assert_int_equal(
        log_policy_parse(BYTES_LIT("quorum none\n"), &arena, &p, &e), SELFSAME_USAGE);
}

static void
quorums_are_counted(void **state)
{
    struct log_group groups[3] = {
        { .needed = 2, .witnesses = 7 },  /* two of 0, 1, 2 */
        { .needed = 1, .witnesses = 24 }, /* one of 3, 4 */
        { .needed = 2, .groups = 3 },     /* both */
    };
    struct log_policy p = {
        .groups = groups, .group_count = 3, .quorum_is_group = true, .quorum = 2
    };

    (void)state;
    assert_false(log_policy_met(&p, 0));
    assert_false(log_policy_met(&p, 3));
    assert_false(log_policy_met(&p, 9));
    assert_true(log_policy_met(&p, 11));
    assert_true(log_policy_met(&p, 31));
    assert_false(log_policy_met(&p, 24));
    p.quorum_is_group = false;
    p.quorum = 4;
    assert_false(log_policy_met(&p, 15));
    assert_true(log_policy_met(&p, 16));
    p.quorum_none = true;
    assert_true(log_policy_met(&p, 0));
}

/* ---- canonical JSON and envelopes ---- */

static void
json_has_one_form(void **state)
{
    static const struct {
        const char *json;
        bool good;
    } rows[] = {
        { "{}", true },
        { "{\"a\":1,\"b\":[true,false,\"x\",-5,{}],\"c\":{\"d\":\"\"}}", true },
        { "{\"A\":0,\"a\":0,\"aa\":0}", true },
        { "{\"a\":\"\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f/\xc3\xa9\"}", true },
        { "{\"a\":9007199254740991}", true },
        { "{\"a\":-9007199254740991}", true },
        { "{\"a\":9007199254740992}", false },
        { "{\"a\":1.0}", false },
        { "{\"a\":1e3}", false },
        { "{\"a\":01}", false },
        { "{\"a\":-0}", false },
        { "{\"a\":-}", false },
        { "{\"a\":null}", false },
        { "{\"a\": 1}", false },
        { "{\"a\":1 }", false },
        { " {}", false },
        { "{}\n", false },
        { "{}{}", false },
        { "[]", false },
        { "\"a\"", false },
        { "{\"b\":1,\"a\":1}", false },
        { "{\"a\":1,\"a\":1}", false },
        { "{\"aa\":1,\"a\":1}", false },
        { "{\"a\":1,}", false },
        { "{\"a\":[1,]}", false },
        { "{,}", false },
        { "{\"\xc3\xa9\":1}", false },
        { "{\"a\\n\":1}", false },
        { "{\"a\":\"\\/\"}", false },
        { "{\"a\":\"\\u0041\"}", false },
        { "{\"a\":\"\\u000a\"}", false },
        { "{\"a\":\"\\u001F\"}", false },
        { "{\"a\":\"\\u0020\"}", false },
        { "{\"a\":\"\t\"}", false },
        { "{\"a\":\"\xff\"}", false },
        { "{\"a\":\"", false },
        { "{\"a\":tru}", false },
        { "{", false },
        { "", false },
    };
    char deep[200];
    struct selfsame_err e = { 0 };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        if ((canonical_check(bytes_str(rows[i].json), "x", &e) == SELFSAME_OK) !=
            rows[i].good)
            fail_msg("%s", rows[i].json);
    for (int levels = CANONICAL_DEPTH - 1; levels <= CANONICAL_DEPTH; levels++) {
        int n = snprintf(deep, sizeof(deep), "{\"a\":");
        for (int i = 0; i < levels; i++)
            deep[n++] = '[';
        for (int i = 0; i < levels; i++)
            deep[n++] = ']';
        deep[n++] = '}';
        assert_int_equal(
            canonical_check(BYTES((const uint8_t *)deep, (size_t)n), "x", &e),
            levels < CANONICAL_DEPTH ? SELFSAME_OK : SELFSAME_MALFORMED);
    }
}

/* secure-systems-lab/dsse, protocol.md. */
static void
what_is_signed_says_type_and_length(void **state)
{
    auto_arena arena = arena_new(1 << 16);
    struct selfsame_err e = { 0 };
    struct selfsame_bytes pae;

    (void)state;
    assert_code(envelope_pae(BYTES_LIT("http://example.com/HelloWorld"),
                    BYTES_LIT("hello world"), &arena, &pae, &e),
        SELFSAME_OK, &e);
    assert_bytes(
        pae, BYTES_LIT("DSSEv1 29 http://example.com/HelloWorld 11 hello world"));
}

/* The signature that DSSE's protocol.md prints, r||s by P-256. */
static void
the_signature_of_the_specification_verifies(void **state)
{
    auto_arena arena = arena_new(1 << 16);
    struct selfsame_err e = { 0 };
    static const char sig[] =
        "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUi"
        "HqJPcIAriEGAHTVeCUjW2JIZA==";
    uint8_t raw[64];
    size_t len = 0;

    (void)state;
    const struct selfsame_bytes spki = unhex(
        "3059301306072a8648ce3d020106082a8648ce3d03010703420004"
        "67cd390f77aa359cb08c2235f652270493a9ed832b0abcc01f70954c0390d238"
        "0c782bd54e269125a44f4433aff1432ce94e12bca73aa67ac80cea12608ddf74",
        &arena);
    assert_true(base64_decode(sig, strlen(sig), false, raw, sizeof(raw), &len));
    struct envelope v = { .payload = BYTES_LIT("hello world"),
        .payload_type = BYTES_LIT("http://example.com/HelloWorld"),
        .signature = BYTES_ARR(raw) };
    assert_code(envelope_verify(&v, spki, &arena, &e), SELFSAME_OK, &e);
    v.payload = BYTES_LIT("hello World");
    assert_code(envelope_verify(&v, spki, &arena, &e), SELFSAME_LOG, &e);
}

/* Go's second signer, and the note that C2SP's signed-note prints. */
static void
notes_of_the_specifications_verify(void **state)
{
    static const struct {
        const char *key, *note;
    } of[] = {
        { "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop",
            T "\n" DASH "EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/"
              "5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n" },
        { "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            "This is an example message.\n\n" DASH
            "example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1"
            "ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(of); i++) {
        struct selfsame_err e = { 0 };

        assert_code(judge(of[i].note, of[i].key, &e), SELFSAME_OK, &e);
        assert_code(judge(of[i].note, peter, &e), SELFSAME_LOG, &e);
    }
}

/* ECDSA envelopes, both forms of the signature, made by OpenSSL. */
static void
ecdsa_envelopes_verify_in_both_forms(void **state)
{
    auto_arena arena = arena_new(1 << 16);
    struct selfsame_err e = { 0 };
    static const enum key_type types[] = { KEY_P256, KEY_P384 };

    (void)state;
    for (size_t i = 0; i < COUNT(types); i++) {
        const bool small = types[i] == KEY_P256;
        auto_key *key = NULL, *other = NULL;
        struct selfsame_bytes pae, spki, other_spki, rs;
        uint8_t digest[HASH_MAX];
        struct envelope v = { .payload = BYTES_LIT("{}"),
            .payload_type = BYTES_LIT("t") };

        assert_code(key_generate(types[i], &key, &e), SELFSAME_OK, &e);
        assert_code(key_generate(types[i], &other, &e), SELFSAME_OK, &e);
        assert_code(key_spki(key, &arena, &spki, &e), SELFSAME_OK, &e);
        assert_code(key_spki(other, &arena, &other_spki, &e), SELFSAME_OK, &e);
        assert_code(
            envelope_pae(v.payload_type, v.payload, &arena, &pae, &e), SELFSAME_OK, &e);
        enum hash_alg hash = small ? HASH_SHA256 : HASH_SHA384;
        assert_true(hash_bytes(hash, pae, digest));
        assert_code(
            key_sign(key, hash, BYTES(digest, hash_size(hash)), &arena, &rs, &e),
            SELFSAME_OK, &e);
        v.signature = rs;
        assert_code(envelope_verify(&v, spki, &arena, &e), SELFSAME_OK, &e);
        assert_int_equal(envelope_verify(&v, other_spki, &arena, &e), SELFSAME_LOG);
        v.payload = BYTES_LIT("{ }");
        assert_int_equal(envelope_verify(&v, spki, &arena, &e), SELFSAME_LOG);
        v.signature.len--;
        assert_int_equal(envelope_verify(&v, spki, &arena, &e), SELFSAME_LOG);
    }
}

static struct selfsame_bytes
sample(const char *name, struct arena *arena)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "specs/samples/release-entry/%s", name);
    return shared_file(path, arena);
}

/* The worked entry, byte for byte from its seeds: 01… publisher, 02… witness, 03… log. */
static void
the_worked_release_is_reproduced(void **state)
{
    auto_arena arena = arena_new(4 << 20);
    struct selfsame_err e = { 0 };
    struct selfsame_bytes statement, envelope, spki, key_bytes;
    auto_key *publisher = NULL, *witness = NULL, *log = NULL;
    struct key **keys[] = { &publisher, &witness, &log };
    uint8_t leaf[5][LOG_HASH], root[LOG_HASH];
    static const char *const fillers[] = { "filler-0", "filler-1", "", "filler-3",
        "filler-4" };

    (void)state;
    need_shared();
    for (size_t i = 0; i < 3; i++) {
        uint8_t seed[32];

        memset(seed, (int)i + 1, sizeof(seed));
        assert_code(key_from_seed(BYTES_ARR(seed), keys[i], &e), SELFSAME_OK, &e);
    }
    assert_code(key_spki(publisher, &arena, &spki, &e), SELFSAME_OK, &e);
    assert_bytes(spki, sample("publisher.spki.der", &arena));
    statement = sample("statement.json", &arena);
    assert_code(envelope_make(BYTES_LIT("application/vnd.in-toto+json"), statement,
                    publisher, &arena, &envelope, &e),
        SELFSAME_OK, &e);
    assert_bytes(envelope, sample("envelope.json", &arena));
    assert_code(envelope_pae(BYTES_LIT("application/vnd.in-toto+json"), statement,
                    &arena, &key_bytes, &e),
        SELFSAME_OK, &e);
    assert_bytes(key_bytes, sample("pae.bin", &arena));
    for (size_t i = 0; i < 5; i++)
        assert_true(merkle_leaf(i == 2 ? envelope : bytes_str(fillers[i]), leaf[i]));
    assert_bytes(BYTES(leaf[0], sizeof(leaf)), sample("tile-0-000.p5", &arena));
    struct reader r = reader_of(sample("tile-entries-000.p5", &arena));
    for (size_t i = 0; i < 5; i++) {
        struct selfsame_bytes one;

        assert_code(bundle_next(&r, &one, &e), SELFSAME_OK, &e);
        assert_bytes(one, i == 2 ? envelope : bytes_str(fillers[i]));
    }
    /* ((0 1)(2 3)) 4 */
    uint8_t a[LOG_HASH], b[LOG_HASH];
    assert_true(merkle_node(leaf[0], leaf[1], a) && merkle_node(leaf[2], leaf[3], b) &&
                merkle_node(a, b, root) && merkle_node(root, leaf[4], root));
    struct checkpoint c = { .origin = BYTES_LIT("log.example/tee-releases"),
        .size = 5 };
    memcpy(c.root, root, LOG_HASH);
    char *text5 = checkpoint_text(&c, &arena), *by_log = NULL, *by_witness = NULL;
    assert_code(note_sign(bytes_str(text5), c.origin, NOTE_ED25519, log, 0, &arena,
                    &by_log, &e),
        SELFSAME_OK, &e);
    assert_code(note_sign(bytes_str(text5), BYTES_LIT("witness.example/w1"),
                    NOTE_COSIGNATURE, witness, 1700000100, &arena, &by_witness, &e),
        SELFSAME_OK, &e);
    char *note = arena_printf(&arena, "%s\n%s%s", text5, by_log, by_witness);
    assert_bytes(bytes_str(note), sample("checkpoint", &arena));
    uint8_t path[3 * LOG_HASH];
    memcpy(path, leaf[3], LOG_HASH);
    memcpy(path + LOG_HASH, a, LOG_HASH);
    memcpy(path + 2 * LOG_HASH, leaf[4], LOG_HASH);
    const struct log_proof p = { .has_extra = true,
        .extra = envelope,
        .index = 2,
        .path = { path, 3 },
        .checkpoint = bytes_str(note) };
    assert_bytes(
        bytes_str(proof_text(&p, &arena)), sample("release.tlog-proof", &arena));
}

static void
the_worked_release_verifies_and_no_other(void **state)
{
    auto_arena arena = arena_new(8 << 20);
    struct selfsame_err e = { 0 };
    struct log_policy policy;
    struct checkpoint c;
    struct log_proof p;
    struct envelope v;
    uint8_t leaf[LOG_HASH];
    uint64_t who;

    (void)state;
    need_shared();
    struct selfsame_bytes spki = sample("publisher.spki.der", &arena);
    assert_code(log_policy_parse(sample("policy.txt", &arena), &arena, &policy, &e),
        SELFSAME_OK, &e);
    assert_code(proof_parse(sample("release.tlog-proof", &arena), &arena, &p, &e),
        SELFSAME_OK, &e);
    assert_code(log_policy_open(&policy, p.checkpoint, &arena, &c, &who, NULL, &e),
        SELFSAME_OK, &e);
    assert_true(merkle_leaf(p.extra, leaf));
    assert_code(merkle_check_inclusion(p.index, c.size, leaf, p.path, c.root, &e),
        SELFSAME_OK, &e);
    assert_code(envelope_parse(p.extra, &arena, &v, &e), SELFSAME_OK, &e);
    assert_code(envelope_verify(&v, spki, &arena, &e), SELFSAME_OK, &e);
    assert_code(canonical_check(v.payload, "statement", &e), SELFSAME_OK, &e);
    /* Each bit of the envelope: another leaf, whatever else it may be. */
    uint8_t *raw = (uint8_t *)(uintptr_t)p.extra.ptr;
    for (size_t i = 0; i < p.extra.len; i++) {
        raw[i] ^= (uint8_t)(1u << i % 8);
        assert_true(merkle_leaf(p.extra, leaf));
        assert_int_equal(
            merkle_check_inclusion(p.index, c.size, leaf, p.path, c.root, &e),
            SELFSAME_LOG);
        raw[i] ^= (uint8_t)(1u << i % 8);
    }
    uint8_t other_spki[44];
    memcpy(other_spki, spki.ptr, sizeof(other_spki));
    other_spki[43] ^= 1;
    assert_int_equal(
        envelope_verify(&v, BYTES_ARR(other_spki), &arena, &e), SELFSAME_LOG);
}

static void
envelopes_are_read_strictly(void **state)
{
#define ENVELOPE(rest) \
    "{\"payload\":\"e30=\",\"payloadType\":\"t\",\"signatures\":" rest "}"
    static const struct {
        const char *json;
        bool good;
    } rows[] = {
        { ENVELOPE("[{\"keyid\":\"k\",\"sig\":\"AAAA\"}]"), true },
        { ENVELOPE("[]"), false },
        { ENVELOPE("[{\"keyid\":\"k\",\"sig\":\"AAAA\"},{\"keyid\":\"k\",\"sig\":"
                   "\"AAAA\"}]"),
            false },
        { ENVELOPE("[{\"keyid\":\"k\",\"sig\":\"AAA\"}]"), false },
        { ENVELOPE("[{\"keyid\":1,\"sig\":\"AAAA\"}]"), false },
        { ENVELOPE("[{\"sig\":\"AAAA\"}]"), false },
        { ENVELOPE("[{\"keyid\":\"k\",\"more\":1,\"sig\":\"AAAA\"}]"), false },
        { ENVELOPE("{}"), false },
        { "{\"payload\":\"e30=\",\"signatures\":[]}", false },
        { "{}", false },
    };
    auto_arena arena = arena_new(1 << 16);
    struct selfsame_err e = { 0 };
    struct envelope v;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        if ((envelope_parse(bytes_str(rows[i].json), &arena, &v, &e) == SELFSAME_OK) !=
            rows[i].good)
            fail_msg("%s", rows[i].json);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(notes_have_their_class),
        cmocka_unit_test(no_flipped_bit_of_a_note_is_accepted_as_that_text),
        cmocka_unit_test(keys_are_read_strictly),
        cmocka_unit_test(note_cases_of_go),
        cmocka_unit_test(a_witness_signs_what_others_verify),
        cmocka_unit_test(checkpoints_are_read_strictly),
        cmocka_unit_test(checkpoints_of_others_verify),
        cmocka_unit_test(a_proof_leads_from_an_entry_to_a_quorum),
        cmocka_unit_test(proofs_are_read_strictly),
        cmocka_unit_test(proof_cases_of_transparency_dev),
        cmocka_unit_test(trust_policies_are_read_strictly),
        cmocka_unit_test(quorums_are_counted),
        cmocka_unit_test(json_has_one_form),
        cmocka_unit_test(what_is_signed_says_type_and_length),
        cmocka_unit_test(the_signature_of_the_specification_verifies),
        cmocka_unit_test(notes_of_the_specifications_verify),
        cmocka_unit_test(ecdsa_envelopes_verify_in_both_forms),
        cmocka_unit_test(the_worked_release_is_reproduced),
        cmocka_unit_test(the_worked_release_verifies_and_no_other),
        cmocka_unit_test(envelopes_are_read_strictly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
