/* SPDX-License-Identifier: Apache-2.0 */
/* kind: proof (C2SP tlog-proof), witness (C2SP tlog-witness). */
#include "vector_maker.h"

#define MAGIC "c2sp.org/tlog-proof@v1\n"

/* ---- proofs ---- */

struct proved {
    const char *text;
    const char *word;  /* NULL: none */
    const char *trust; /* NULL: two of three witnesses */
    const char *entry; /* NULL: of "extra" */
    bool sweep;
};

static void
put_proof(const struct maker *m, const char *name, const char *expect, const char *why,
    const struct proved *x)
{
    struct made_vector v = {
        .name = name,
        .kind = "proof",
        .expect = expect,
        .spec = "C2SP tlog-proof",
        .note = why,
        .field = { "trust",
            maker_json(m, x->trust != NULL ? x->trust : m->w->trust_text) },
        .payload = bytes_str(x->text),
    };
    size_t n = 2;

    if (x->entry != NULL) {
        v.field[n++] = "entry";
        v.field[n++] = maker_base64(m, bytes_str(x->entry));
    }
    if (x->word != NULL) {
        v.field[n++] = "word";
        v.field[n++] = x->word;
    }
    if (x->sweep) {
        v.field[n++] = "sweep";
        v.field[n++] = "bits cuts";
    }
    maker_put(m, &v);
}
#define PROOF(name, expect, why, ...) \
    put_proof(m, name, expect, why, &(struct proved){ __VA_ARGS__ })
#define MALFORMED(name, why, t) \
    PROOF(name, "malformed", why, .text = (t), .word = "PROOF_MALFORMED")
#define LOG(name, w, why, t, ...) \
    PROOF(name, "log", why, .text = (t), .word = (w), __VA_ARGS__)

/* The third of five entries, under any checkpoint. */
static const char *
proof_of(const struct maker *m, const char *checkpoint)
{
    const size_t count = m->w->count;

    m->w->count = 5;
    const struct selfsame_bytes p = world_proof_of(m->w, 2, checkpoint);
    m->w->count = count;
    return STR(m, "%.*s", (int)p.len, (const char *)p.ptr);
}

static const char *
checkpoint_by(const struct maker *m, const struct key *log, unsigned witnesses)
{
    const int64_t times[] = { WORLD_NOW, WORLD_NOW, WORLD_NOW };
    const size_t count = m->w->count;

    m->w->count = 5;
    const char *text = world_checkpoint(m->w, log, witnesses, times);
    m->w->count = count;
    return text;
}

static const char *
without_extra(const struct maker *m, const char *proof)
{
    const char *from = maker_find(proof, "extra "), *to = maker_find(proof, "index ");

    return STR(m, "%.*s%s", (int)(from - proof), proof, to);
}

static void
proofs_accepted(const struct maker *m, const char *good)
{
    PROOF("100-entry-in-extra", "ok", "all of the evidence in one file", .text = good);
    PROOF("101-entry-apart", "ok", "the line \"extra\" is optional",
        .text = without_extra(m, good), .entry = "entry 2");
    PROOF("102-two-of-three", "ok", "as many as the quorum needs",
        .text = proof_of(m, checkpoint_by(m, m->w->log, 5)), .sweep = true);
    PROOF("103-no-quorum", "ok", "the policy asks for no witness",
        .text = proof_of(m, checkpoint_by(m, m->w->log, 0)),
        .trust = STR(m, "log %s\nquorum none\n", maker_log_vkey(m)));
    PROOF("104-unknown-lines", "ok", "cosignatures of strangers are ignored",
        .text = STR(m, "%s\xe2\x80\x94 stranger.example AAAAAAA=\n", good));
}

static void
proofs_malformed(const struct maker *m, const char *good)
{
    const char *first = maker_lines(m, m->w->leaf[3], 1), *many = "";
    const char *cut = STR(m, "%s", good);
    size_t path_ends = (size_t)(maker_find(cut, "\n\n") - cut) + 1;

    for (size_t i = 0; i < 62; i++) /* the path has two more */
        many = STR(m, "%s%s", many, first);
    MALFORMED("200-nothing", "no byte at all", "");
    MALFORMED(
        "201-other-version", "another first line", maker_swap(m, good, "@v1", "@v2"));
    MALFORMED("202-no-first-line", "begins with \"extra\"", good + strlen(MAGIC));
    MALFORMED("203-carriage-return", "the first line ends in CR LF",
        maker_swap(m, good, "@v1\n", "@v1\r\n"));
    MALFORMED("204-extra-is-no-base64", "a hyphen in it",
        maker_swap(m, good, "extra Z", "extra -"));
    MALFORMED("205-extra-twice", "one line \"extra\" at most",
        maker_swap(m, good, "index ", "extra AAAA\nindex "));
    MALFORMED("206-extra-behind-index", "\"extra\" stands before \"index\"",
        maker_swap(m, without_extra(m, good), "index 2\n", "index 2\nextra AAAA\n"));
    MALFORMED("207-no-index", "the line \"index\" is missing",
        maker_swap(m, good, "index 2\n", ""));
    MALFORMED(
        "208-index-leading-zero", "02", maker_swap(m, good, "index 2", "index 02"));
    MALFORMED(
        "209-index-hexadecimal", "0x2", maker_swap(m, good, "index 2", "index 0x2"));
    MALFORMED("210-index-negative", "-2", maker_swap(m, good, "index 2", "index -2"));
    MALFORMED("211-index-sign", "+2", maker_swap(m, good, "index 2", "index +2"));
    MALFORMED("212-index-over-63-bits", "2^63",
        maker_swap(m, good, "index 2", "index 9223372036854775808"));
    MALFORMED("213-index-wraps", "2^64 + 2",
        maker_swap(m, good, "index 2", "index 18446744073709551618"));
    MALFORMED("214-index-empty", "no digit", maker_swap(m, good, "index 2", "index "));
    MALFORMED("215-two-spaces", "behind \"index\"",
        maker_swap(m, good, "index 2", "index  2"));
    MALFORMED("216-space-behind", "behind the number",
        maker_swap(m, good, "index 2", "index 2 "));
    MALFORMED("217-index-twice", "a second line \"index\"",
        maker_swap(m, good, "index 2\n", "index 2\nindex 2\n"));
    MALFORMED("218-upper-case", "\"Index\"", maker_swap(m, good, "index", "Index"));
    MALFORMED("219-unknown-line", "a line that the format has not",
        maker_swap(m, good, "index ", "time 1700000000\nindex "));
    MALFORMED("220-hash-too-short", "43 characters, without padding",
        maker_swap(m, good, first, STR(m, "%.43s\n", first)));
    MALFORMED("221-hash-too-long", "48 characters",
        maker_swap(
            m, good, first, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"));
    MALFORMED("222-hash-of-31-bytes", "44 characters",
        maker_swap(m, good, first, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\n"));
    MALFORMED("223-hash-of-33-bytes", "44 characters",
        maker_swap(m, good, first, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"));
    MALFORMED("224-bits-behind-hash", "a second spelling of base64",
        maker_swap(m, good, first, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\n"));
    MALFORMED("225-sixty-four-hashes", "at most 63", maker_swap(m, good, first, many));
    MALFORMED("226-no-blank-line", "the checkpoint follows the path at once",
        STR(m, "%.*s%s", (int)path_ends, good, good + path_ends + 1));
    MALFORMED("227-no-checkpoint", "nothing behind the blank line",
        STR(m, "%.*s\n", (int)path_ends, good));
    MALFORMED("228-blank-line-too-many", "the checkpoint's origin is empty",
        maker_swap(m, good, "\n\n" MAKER_ORIGIN, "\n\n\n" MAKER_ORIGIN));
    MALFORMED("229-junk-behind", "bytes behind the last line", STR(m, "%sjunk", good));
    MALFORMED(
        "230-line-behind", "a line that is no signature", STR(m, "%sjunk\n", good));
    MALFORMED("231-no-final-newline", "the last line does not end",
        STR(m, "%.*s", (int)strlen(good) - 1, good));
    MALFORMED(
        "232-byte-order-mark", "before the first line", STR(m, "\xef\xbb\xbf%s", good));
    MALFORMED("233-checkpoint-unsigned", "no signature line at all",
        STR(m, "%.*s\n%s", (int)path_ends, good, maker_checkpoint_text(m, 5)));
    MALFORMED("234-carriage-return-in-path", "a hash ends in CR LF",
        maker_swap(m, good, first, STR(m, "%.44s\r\n", first)));
    MALFORMED("235-checkpoint-size", "rightly signed, with the size 05",
        STR(m, "%.*s\n%s", (int)path_ends, good,
            maker_signed(
                m, maker_swap(m, maker_checkpoint_text(m, 5), "\n5\n", "\n05\n"))));
}

static void
proofs_refused(const struct maker *m, const char *good)
{
    const char *trust = m->w->trust_text;
    const char *checkpoint = checkpoint_by(m, m->w->log, 7);
    const char *text = maker_checkpoint_text(m, 5);
    const char *first = maker_lines(m, m->w->leaf[3], 1), *many = "";
    const char *w1 = maker_find(checkpoint, "\xe2\x80\x94 " MAKER_WITNESS);
    const char *one = checkpoint_by(m, m->w->log, 1);
    const char *again = maker_find(one, "\xe2\x80\x94 " MAKER_WITNESS);
    const uint32_t id = maker_key_id(
        m, MAKER_WITNESS, NOTE_COSIGNATURE, m->w->witness[0]);
    const char *forged = STR(m, "%.*s%s%s", (int)(w1 - checkpoint), checkpoint,
        maker_raw_line(m, MAKER_WITNESS, id, BYTES(m->w->leaf[0], 32)),
        strchr(w1, '\n') + 1);
    const char *zero = STR(m, "%s%s", one,
        maker_line(m, text, "witness.example/w2", NOTE_COSIGNATURE, m->w->witness[0],
            WORLD_NOW));

    for (size_t i = 0; i < 61; i++)
        many = STR(m, "%s%s", many, first);
    LOG("300-unknown-log", "LOG_UNKNOWN",
        "signed by a log that the policy does not name", good,
        .trust = maker_swap(m, trust, maker_log_vkey(m),
            world_vkey(m->w, "log.example/others", NOTE_ED25519, m->w->log)));
    LOG("400-log-signature", "LOG_SIG", "another key signed as the log",
        proof_of(m, checkpoint_by(m, m->w->other, 7)), .entry = NULL);
    LOG("401-log-did-not-sign", "LOG_SIG", "witnesses alone signed",
        proof_of(m, STR(m, "%s\n%s", text, w1)), .entry = NULL);
    LOG("402-witness-signature", "LOG_SIG",
        "a known witness's line is wrong, though two others would do",
        proof_of(m, forged), .entry = NULL);
    LOG("403-other-key-of-the-log", "LOG_SIG",
        "the policy has another key of that name", good,
        .trust = maker_swap(m, trust, maker_log_vkey(m),
            world_vkey(m->w, MAKER_ORIGIN, NOTE_ED25519, m->w->other)));
    LOG("404-another-trusted-log", "LOG_SIG",
        "both logs are trusted, and the other one signed for this one's origin",
        proof_of(m,
            STR(m, "%s\n%s%s", text,
                maker_line(m, text, "log.example/others", NOTE_ED25519, m->w->other, 0),
                w1)),
        .trust = STR(m, "log %s\n%s",
            world_vkey(m->w, "log.example/others", NOTE_ED25519, m->w->other), trust));
    LOG("410-other-index", "INCLUSION", "3 of 5",
        maker_swap(m, good, "index 2", "index 3"), .entry = NULL);
    LOG("411-index-is-the-size", "INCLUSION", "5 of 5",
        maker_swap(m, good, "index 2", "index 5"), .entry = NULL);
    LOG("412-path-too-short", "INCLUSION", "a hash is missing",
        maker_swap(m, good, first, ""), .entry = NULL);
    LOG("413-path-too-long", "INCLUSION", "a hash stands twice",
        maker_swap(m, good, first, STR(m, "%s%s", first, first)), .entry = NULL);
    LOG("414-other-hash", "INCLUSION", "another hash in the path",
        maker_swap(m, good, first, maker_lines(m, m->w->leaf[0], 1)), .entry = NULL);
    LOG("415-other-entry", "INCLUSION", "the entry that is given is not the one",
        without_extra(m, good), .entry = "entry 3");
    LOG("417-sixty-three-hashes", "INCLUSION", "the longest path that can be written",
        maker_swap(m, good, first, many), .entry = NULL);
    LOG("416-other-root", "INCLUSION",
        "the path of one tree, the checkpoint of another",
        proof_of(m, maker_signed(m, maker_checkpoint_text(m, 6))),
        .trust = STR(m, "log %s\nquorum none\n", maker_log_vkey(m)));
    LOG("700-one-of-three", "QUORUM", "two are needed", proof_of(m, one),
        .entry = NULL);
    LOG("701-no-witness", "QUORUM", "the log alone signed",
        proof_of(m, checkpoint_by(m, m->w->log, 0)), .entry = NULL);
    LOG("702-one-witness-twice", "QUORUM", "two lines of one witness count once",
        proof_of(m, STR(m, "%s%s", one, again)), .entry = NULL);
    LOG("703-one-key-under-two-names", "QUORUM",
        "the first witness's key, under the second one's name: nobody's line",
        proof_of(m, zero), .entry = NULL);
}

/* ---- witnesses ---- */

struct asked {
    const char *request;
    const char *old_size; /* stored; NULL: nothing is */
    size_t old;           /* whose root is stored */
    const char *old_root; /* instead */
};

static void
put_witness(const struct maker *m, const char *name, const char *status,
    const char *why, const struct asked *x)
{
    const char *expect = name[0] == '1' ? "ok" : name[0] == '2' ? "malformed" : "log";
    struct made_vector v = {
        .name = name,
        .kind = "witness",
        .expect = expect,
        .spec = "C2SP tlog-witness, add-checkpoint",
        .note = why,
        .field = { "status", status, "keys", maker_log_vkey(m) },
        .payload = bytes_str(x->request),
    };

    if (x->old_size != NULL) {
        v.field[4] = "old-size";
        v.field[5] = x->old_size;
        v.field[6] = "old-root";
        v.field[7] = x->old_root != NULL ? x->old_root : maker_root(m, x->old);
    }
    maker_put(m, &v);
}
#define WITNESS(name, status, why, t, ...) \
    put_witness(m, name, status, why, &(struct asked){ .request = (t), __VA_ARGS__ })

/* A right request: from `old` to `size` entries. */
static const char *
request(const struct maker *m, size_t old, size_t size)
{
    const struct merkle_source source = { world_node, m->w };
    uint8_t h[LOG_PATH_MAX * LOG_HASH];
    size_t n = 0;

    if (old > 0 && old < size)
        assert_true(merkle_prove_consistency(&source, old, size, h, &n));
    return STR(m, "old %zu\n%s\n%s", old, maker_lines(m, h, n),
        maker_signed(m, maker_checkpoint_text(m, size)));
}

static void
witnesses_accept(const struct maker *m)
{
    const char *first = request(m, 0, 3);

    WITNESS("100-first", "200", "nothing is stored, and nothing is claimed", first,
        .old_size = NULL);
    WITNESS("101-next", "200", "from three to five", request(m, 3, 5), .old_size = "3",
        .old = 3);
    WITNESS("102-same-again", "200", "the same size and root may be cosigned anew",
        request(m, 5, 5), .old_size = "5", .old = 5);
    WITNESS("103-empty-log", "200", "size 0 and the root of nothing", request(m, 0, 0),
        .old_size = NULL);
    WITNESS("104-other-signatures", "200", "lines of unknown keys are ignored",
        STR(m, "%s\xe2\x80\x94 stranger.example AAAAAAA=\n", first), .old_size = NULL);
    WITNESS("105-extensions", "200", "extension lines are tolerated",
        STR(m, "old 0\n\n%s",
            maker_signed(m, STR(m, "%sa line\n", maker_checkpoint_text(m, 3)))),
        .old_size = NULL);
}

static void
witnesses_find_malformed(const struct maker *m)
{
    const char *next = request(m, 3, 5), *many = "";
    const char *checkpoint = maker_signed(m, maker_checkpoint_text(m, 5));

    for (size_t i = 0; i < 64; i++)
        many = STR(m, "%s%s", many, maker_lines(m, m->w->leaf[0], 1));
#define BAD(name, why, t) WITNESS(name, "400", why, t, .old_size = "3", .old = 3)
    BAD("200-nothing", "no byte at all", "");
    BAD("201-no-old", "begins with the proof", next + strlen("old 3\n"));
    BAD("202-leading-zero", "old 03", maker_swap(m, next, "old 3", "old 03"));
    BAD("203-hexadecimal", "old 0x3", maker_swap(m, next, "old 3", "old 0x3"));
    BAD("204-negative", "old -3", maker_swap(m, next, "old 3", "old -3"));
    BAD("205-sign", "old +3", maker_swap(m, next, "old 3", "old +3"));
    BAD("206-no-size", "\"old \" alone", maker_swap(m, next, "old 3", "old "));
    BAD("207-over-63-bits", "old 2^63",
        maker_swap(m, next, "old 3", "old 9223372036854775808"));
    BAD("208-wraps", "old 2^64 + 3",
        maker_swap(m, next, "old 3", "old 18446744073709551619"));
    BAD("209-two-spaces", "behind \"old\"", maker_swap(m, next, "old 3", "old  3"));
    BAD("210-carriage-return", "the first line ends in CR LF",
        maker_swap(m, next, "old 3\n", "old 3\r\n"));
    BAD("211-old-beyond", "larger than the checkpoint's size",
        maker_swap(m, next, "old 3", "old 6"));
    BAD("212-hash-too-short", "43 characters",
        STR(m, "old 3\n%.43s\n\n%s", maker_lines(m, m->w->leaf[0], 1), checkpoint));
    BAD("213-hash-is-no-base64", "44 characters, the first a hyphen",
        STR(m, "old 3\n-%s\n%s", maker_lines(m, m->w->leaf[0], 1) + 1, checkpoint));
    BAD("214-hash-of-31-bytes", "44 characters",
        STR(m, "old 3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\n\n%s",
            checkpoint));
    BAD("215-sixty-four-hashes", "at most 63",
        STR(m, "old 3\n%s\n%s", many, checkpoint));
    BAD("216-no-blank-line", "the checkpoint follows the proof at once",
        maker_swap(m, next, "\n\n" MAKER_ORIGIN, "\n" MAKER_ORIGIN));
    BAD("217-no-checkpoint", "nothing behind the blank line", "old 3\n\n");
    BAD("218-checkpoint-unsigned", "no signature line",
        STR(m, "old 5\n\n%s", maker_checkpoint_text(m, 5)));
    BAD("219-checkpoint-size", "rightly signed, with the size 05",
        STR(m, "old 3\n\n%s",
            maker_signed(
                m, maker_swap(m, maker_checkpoint_text(m, 5), "\n5\n", "\n05\n"))));
    BAD("220-no-final-newline", "the last line does not end",
        STR(m, "%.*s", (int)strlen(next) - 1, next));
    BAD("221-junk-behind", "a line that is no signature", STR(m, "%sjunk\n", next));
#undef BAD
}

/* Two logs are known, and one signs for the other's origin. */
static void
put_witness_of_two(const struct maker *m, const char *text)
{
    const char *other = "log.example/others";

    maker_put(m, &(struct made_vector){ .name = "404-another-known-log",
                     .kind = "witness",
                     .expect = "log",
                     .spec = "C2SP tlog-witness, add-checkpoint",
                     .note = "both logs are known, and the other one signed",
                     .field = { "status", "403", "keys",
                         STR(m, "%s %s", maker_log_vkey(m),
                             world_vkey(m->w, other, NOTE_ED25519, m->w->other)) },
                     .payload = bytes_str(STR(m, "old 0\n\n%s\n%s", text,
                         maker_line(m, text, other, NOTE_ED25519, m->w->other, 0))) });
}

static void
witnesses_refuse(const struct maker *m)
{
    const char *next = request(m, 3, 5), *text = maker_checkpoint_text(m, 5);
    const char *others = maker_swap(m, text, "releases", "others");
    const char *proof = maker_find(next, "\n") + 1;
    const char *root = maker_root(m, 5);
    const uint32_t id = maker_key_id(m, MAKER_ORIGIN, NOTE_ED25519, m->w->log);

    WITNESS("300-unknown-origin", "404", "a log that this witness does not know",
        STR(m, "old 0\n\n%s\n%s", others,
            maker_line(m, others, "log.example/others", NOTE_ED25519, m->w->other, 0)),
        .old_size = NULL);
    WITNESS("301-known-key-unknown-origin", "404",
        "the known key signs of another origin",
        STR(m, "old 0\n\n%s", maker_signed(m, others)), .old_size = NULL);
    WITNESS("400-unknown-key", "403", "signed by another key under the log's name",
        STR(m, "old 0\n\n%s\n%s", text,
            maker_line(m, text, MAKER_ORIGIN, NOTE_ED25519, m->w->other, 0)),
        .old_size = NULL);
    WITNESS("401-other-name", "403", "signed under another name",
        STR(m, "old 0\n\n%s\n%s", text,
            maker_line(m, text, "log.example/others", NOTE_ED25519, m->w->log, 0)),
        .old_size = NULL);
    put_witness_of_two(m, text);
    WITNESS("402-bad-signature", "403", "the known key's line is wrong",
        STR(m, "old 0\n\n%s\n%s", text,
            maker_raw_line(m, MAKER_ORIGIN, id, BYTES(m->w->leaf[0], 32))),
        .old_size = NULL);
    WITNESS("403-altered", "403", "the root was changed after signing",
        maker_swap(m, next, root, maker_root(m, 4)), .old_size = "3", .old = 3);
    WITNESS("410-two-roots", "422", "the same size with another root: a fork",
        request(m, 5, 5), .old_size = "5", .old = 4);
    WITNESS("411-proof-is-wrong", "422", "one hash is another",
        maker_swap(m, next, maker_lines(m, m->w->leaf[2], 1),
            maker_lines(m, m->w->leaf[0], 1)),
        .old_size = "3", .old = 3);
    WITNESS("412-no-proof", "422", "none between different sizes",
        STR(m, "old 3\n\n%s", maker_signed(m, text)), .old_size = "3", .old = 3);
    WITNESS("413-first-with-proof", "422", "nothing follows from nothing",
        STR(m, "old 0\n%s", proof), .old_size = NULL);
    WITNESS("414-same-size-with-proof", "422", "no proof between equal sizes",
        STR(m, "old 5\n%s", proof), .old_size = "5", .old = 5);
    WITNESS("415-empty-with-another-root", "422", "size 0 and not the root of nothing",
        STR(m, "old 0\n\n%s", maker_signed(m, STR(m, MAKER_ORIGIN "\n0\n%s\n", root))),
        .old_size = NULL);
    WITNESS("416-another-beginning", "422", "the stored root is another tree's", next,
        .old_size = "3", .old = 2);
    WITNESS("417-proof-too-long", "422", "a hash too many",
        maker_swap(m, next, "\n\n" MAKER_ORIGIN,
            STR(m, "\n%s\n" MAKER_ORIGIN, maker_lines(m, m->w->leaf[0], 1))),
        .old_size = "3", .old = 3);
    WITNESS("500-old-is-behind", "409", "five was cosigned last, three is claimed",
        next, .old_size = "5", .old = 5);
    WITNESS("501-old-is-ahead", "409", "two was cosigned last, three is claimed", next,
        .old_size = "2", .old = 2);
    WITNESS("502-first-again", "409", "zero is claimed where three was cosigned",
        request(m, 0, 5), .old_size = "3", .old = 3);
    WITNESS("503-nothing-stored", "409", "three is claimed where nothing is stored",
        next, .old_size = NULL);
    WITNESS("504-rollback", "409", "a smaller tree than was cosigned", request(m, 2, 3),
        .old_size = "5", .old = 5);
}

void
make_proofs(const struct maker *m)
{
    const char *good = proof_of(m, checkpoint_by(m, m->w->log, 7));

    proofs_accepted(m, good);
    proofs_malformed(m, good);
    proofs_refused(m, good);
    witnesses_accept(m);
    witnesses_find_malformed(m);
    witnesses_refuse(m);
}
