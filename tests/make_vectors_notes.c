/* SPDX-License-Identifier: Apache-2.0 */
/* kind: note, key (C2SP signed-note). */
#include "vector_maker.h"

#define DASH "\xe2\x80\x94 "
static const char text[] = "A message.\nIt has two lines.\n";

/* ---- notes ---- */

struct note_case {
    const char *name, *expect, *note;
    struct selfsame_bytes payload;
    const char *keys;  /* NULL: the log's */
    const char *sweep; /* or NULL */
};

static void
put_note(const struct maker *m, const struct note_case *c)
{
    struct made_vector v = {
        .name = c->name,
        .kind = "note",
        .expect = c->expect,
        .spec = "C2SP signed-note",
        .note = c->note,
        .field = { "keys", c->keys != NULL ? c->keys : maker_log_vkey(m) },
        .payload = c->payload,
    };

    if (c->sweep != NULL) {
        v.field[2] = "sweep";
        v.field[3] = c->sweep;
    }
    maker_put(m, &v);
}

/* A note whose text is t, rightly signed, and what is expected of it. */
static void
put_text(const struct maker *m, const char *name, const char *expect, const char *t,
    const char *why)
{
    put_note(m, &(struct note_case){
                    name, expect, why, bytes_str(maker_signed(m, t)), NULL, NULL });
}

/* The usual text with these bytes in place of the signature lines. */
static void
put_lines(const struct maker *m, const char *name, const char *expect,
    const char *lines, const char *why)
{
    put_note(m, &(struct note_case){ name, expect, why,
                    bytes_str(STR(m, "%s\n%s", text, lines)), NULL, NULL });
}

static const char *
many_lines(const struct maker *m, size_t unknown, const char *good)
{
    const char *lines = "";

    for (size_t i = 0; i < unknown; i++)
        lines = STR(m, "%s" DASH "other.example/%zu AAAAAAA=\n", lines, i);
    return STR(m, "%s%s", lines, good);
}

static void
notes_accepted(const struct maker *m, const char *good)
{
    const char *other = maker_line(
        m, text, "other.example", NOTE_ED25519, m->w->other, 0);
    const char *keys = STR(m, "%s %s", maker_log_vkey(m),
        world_vkey(m->w, "other.example", NOTE_ED25519, m->w->other));

    put_note(m,
        &(struct note_case){ "100-one-signature", "ok", "one line by the one known key",
            bytes_str(STR(m, "%s\n%s", text, good)), NULL, "bits cuts" });
    put_note(m, &(struct note_case){ "101-two-signatures", "ok", "both keys are known",
                    bytes_str(STR(m, "%s\n%s%s", text, other, good)), keys, NULL });
    put_lines(m, "102-unknown-signer-besides", "ok", STR(m, "%s%s", other, good),
        "lines of unknown keys are ignored");
    put_text(m, "103-blank-line-in-the-text", "ok", "A message.\n\nGoes on.\n",
        "the last blank line ends the text");
    put_text(m, "104-text-is-a-newline", "ok", "\n", "the least text");
    put_text(m, "105-text-like-a-signature", "ok", "A message.\n\n" DASH "a AAAAAAA=\n",
        "what looks like a signature inside the text is text");
    put_text(m, "106-text-outside-ascii", "ok", "\xd0\xb4\xd0\xb0\n", "UTF-8");
    put_lines(m, "107-a-hundred-signatures", "ok", many_lines(m, 99, good),
        "99 unknown lines before the good one");
    put_lines(m, "108-same-line-twice", "ok", STR(m, "%s%s", good, good),
        "a key may sign twice");
}

static void
notes_of_bad_bytes(const struct maker *m, const char *good)
{
    const char *whole = STR(m, "%s\n%s", text, good);
    const struct selfsame_bytes nul = BYTES_LIT("A\0message.\n");
    const char *line = maker_raw_line(m, MAKER_ORIGIN,
        maker_key_id(m, MAKER_ORIGIN, NOTE_ED25519, m->w->log),
        maker_sign(m, m->w->log, nul));
    uint8_t with_nul[256];
    struct writer w = writer_of(with_nul, sizeof(with_nul));

    put_bytes(&w, nul);
    put_u8(&w, '\n');
    put_bytes(&w, bytes_str(line));
    put_note(m, &(struct note_case){ "200-nothing", "malformed", "no byte at all",
                    BYTES_LIT(""), NULL, NULL });
    put_text(m, "201-control-character", "malformed", "A\x01message.\n",
        "U+0001 in the text");
    put_text(m, "202-tab", "malformed", "A\tmessage.\n", "U+0009 in the text");
    put_text(m, "203-carriage-return", "malformed", "A message.\r\n",
        "lines end in U+000A alone");
    put_note(m, &(struct note_case){ "204-nul", "malformed", "U+0000 in the text",
                    writer_bytes(&w), NULL, NULL });
    put_text(m, "205-byte-ff", "malformed", "A \xff message.\n", "no UTF-8");
    put_text(m, "206-overlong-utf8", "malformed", "A \xc0\xaf message.\n",
        "U+002F in two bytes");
    put_text(m, "207-surrogate", "malformed", "A \xed\xa0\x80 message.\n",
        "U+D800 is no character");
    put_note(m, &(struct note_case){ "208-no-blank-line", "malformed",
                    "the signature follows the text at once",
                    bytes_str(STR(m, "%s%s", text, good)), NULL, NULL });
    put_note(m, &(struct note_case){ "209-no-signature", "malformed",
                    "nothing behind the blank line", bytes_str(STR(m, "%s\n", text)),
                    NULL, NULL });
    put_note(m, &(struct note_case){ "210-no-final-newline", "malformed",
                    "the last line does not end",
                    BYTES((const uint8_t *)whole, strlen(whole) - 1), NULL, NULL });
    put_note(m, &(struct note_case){ "211-no-text", "malformed",
                    "a blank line, and no text before it",
                    bytes_str(STR(m, "\n%s", good)), NULL, NULL });
    put_lines(m, "212-junk-line-behind", "malformed", STR(m, "%sjunk\n", good),
        "a line that is no signature");
    put_lines(m, "213-junk-behind", "malformed", STR(m, "%sjunk", good),
        "bytes behind the last line");
    put_lines(m, "214-blank-line-behind", "malformed", STR(m, "%s\n", good),
        "the last blank line ends the text, and no signature follows");
    put_lines(m, "215-hundred-and-one-signatures", "malformed",
        many_lines(m, 100, good), "at most a hundred");
    put_lines(m, "216-blank-line-between", "log",
        STR(m, "%s\n" DASH "other.example AAAAAAA=\n", good),
        "the signature has become part of the text; what remains is unknown");
}

static void
notes_of_bad_lines(const struct maker *m, const char *good)
{
    /* Each stands behind a good line: every line must parse, known or not. */
    static const struct {
        const char *name, *line, *why;
    } lines[] = {
        { "220-hyphen", "- a.example AAAAAAA=\n",
            "U+002D in place of the dash U+2014" },
        { "221-en-dash", "\xe2\x80\x93 a.example AAAAAAA=\n", "U+2013" },
        { "222-no-space-behind-dash",
            "\xe2\x80\x94"
            "a.example AAAAAAA=\n",
            "the dash is followed by one space" },
        { "223-two-spaces-behind-dash", DASH " a.example AAAAAAA=\n",
            "the name would be empty" },
        { "224-two-spaces-behind-name", DASH "a.example  AAAAAAA=\n",
            "one space separates" },
        { "225-space-at-the-end", DASH "a.example AAAAAAA= \n", "behind the base64" },
        { "226-space-before-the-dash", " " DASH "a.example AAAAAAA=\n", "" },
        { "227-name-alone", DASH "a.example\n", "no signature" },
        { "228-dash-alone", DASH "\n", "neither name nor signature" },
        { "229-third-word", DASH "a.example AAAAAAA= AAAAAAA=\n", "" },
        { "230-plus-in-name", DASH "a+b AAAAAAA=\n", "a name has no U+002B" },
        { "231-no-break-space-in-name",
            DASH "a\xc2\xa0"
                 "b AAAAAAA=\n",
            "U+00A0 is white space" },
        { "232-ideographic-space-in-name",
            DASH "a\xe3\x80\x80"
                 "b AAAAAAA=\n",
            "U+3000 is white space" },
        { "233-line-separator-in-name",
            DASH "a\xe2\x80\xa8"
                 "b AAAAAAA=\n",
            "U+2028 is white space" },
        { "234-next-line-in-name",
            DASH "a\xc2\x85"
                 "b AAAAAAA=\n",
            "U+0085 is white space" },
        { "235-hair-space-in-name",
            DASH "a\xe2\x80\x8a"
                 "b AAAAAAA=\n",
            "U+200A is white space" },
        { "236-control-character-in-name",
            DASH "a\x02"
                 "b AAAAAAA=\n",
            "the rule on control characters covers the signature lines" },
        { "237-byte-ff-in-name",
            DASH "a\xff"
                 "b AAAAAAA=\n",
            "no UTF-8 in a signature line" },
        { "238-four-bytes", DASH "a.example AAAAAA==\n", "an id and no signature" },
        { "239-no-padding", DASH "a.example AAAAAAA\n", "base64 is padded" },
        { "240-base64-of-urls", DASH "a.example AAAA_-A=\n", "another alphabet" },
        { "241-bits-behind-base64", DASH "a.example AAAAAAB=\n",
            "unused bits that are not zero: a second spelling" },
        { "242-newline-in-base64", DASH "a.example AAAA\nAAA=\n",
            "base64 in two lines" },
    };

    for (size_t i = 0; i < COUNT(lines); i++)
        put_lines(m, lines[i].name, "malformed", STR(m, "%s%s", good, lines[i].line),
            *lines[i].why != '\0' ? lines[i].why : "white space where none is");
}

/* Two keys of one name and one id: found by trying seeds. */
static struct key *
twin_key(uint32_t number)
{
    uint8_t seed[32] = { 0 };
    struct selfsame_err e = { 0 };
    struct key *k = NULL;

    for (size_t i = 0; i < 4; i++)
        seed[31 - i] = (uint8_t)(number >> (8 * i));
    assert_code(key_from_seed(BYTES_ARR(seed), &k, &e), SELFSAME_OK, &e);
    return k;
}

static void
notes_of_other_keys(const struct maker *m, const char *good)
{
    auto_key *one = twin_key(40726), *two = twin_key(158119);
    const char *twins = STR(m, "%s %s",
        world_vkey(m->w, MAKER_ORIGIN, NOTE_ED25519, one),
        world_vkey(m->w, MAKER_ORIGIN, NOTE_ED25519, two));
    const uint32_t id = maker_key_id(m, MAKER_ORIGIN, NOTE_ED25519, m->w->log);
    const struct selfsame_bytes signature = maker_sign(m, m->w->log, bytes_str(text));

    assert_int_equal(maker_key_id(m, MAKER_ORIGIN, NOTE_ED25519, one),
        maker_key_id(m, MAKER_ORIGIN, NOTE_ED25519, two));
    put_lines(m, "300-unknown-key", "log",
        maker_line(m, text, "other.example", NOTE_ED25519, m->w->other, 0),
        "signed, by nobody who is known");
    put_lines(m, "301-other-key-of-that-name", "log",
        maker_line(m, text, MAKER_ORIGIN, NOTE_ED25519, m->w->other, 0),
        "the name is known, the id is another key's");
    put_lines(m, "302-that-key-under-another-name", "log",
        maker_line(m, text, "other.example", NOTE_ED25519, m->w->log, 0),
        "the id depends on the name: this is another key");
    put_lines(m, "303-id-under-another-name", "log",
        maker_raw_line(m, "other.example", id, signature),
        "the known id and a good signature under a name that is not the key's");
    put_note(m, &(struct note_case){ "304-ambiguous", "log",
                    "two known keys of the same name and id: which one signed cannot "
                    "be said",
                    bytes_str(STR(m, "%s\n%s", text,
                        maker_line(m, text, MAKER_ORIGIN, NOTE_ED25519, one, 0))),
                    twins, NULL });
    put_note(
        m, &(struct note_case){ "305-other-key-is-known", "log",
               "a good signature, and only another key is asked for",
               bytes_str(STR(m, "%s\n%s", text, good)),
               world_vkey(m->w, "other.example", NOTE_ED25519, m->w->other), NULL });
}

static void
notes_of_bad_signatures(const struct maker *m, const char *good)
{
    const uint32_t id = maker_key_id(m, MAKER_ORIGIN, NOTE_ED25519, m->w->log);
    const struct selfsame_bytes s = maker_sign(m, m->w->log, bytes_str(text));
    const char *other = maker_line(
        m, text, "other.example", NOTE_ED25519, m->w->other, 0);
    uint8_t raw[65] = { 0 };

    memcpy(raw, s.ptr, 64);
    put_lines(m, "401-short", "log",
        maker_raw_line(m, MAKER_ORIGIN, id, BYTES(raw, 63)), "a signature of 63 bytes");
    put_lines(m, "402-long", "log", maker_raw_line(m, MAKER_ORIGIN, id, BYTES_ARR(raw)),
        "a signature of 65 bytes");
    raw[10] ^= 4;
    put_lines(m, "400-one-bit", "log",
        maker_raw_line(m, MAKER_ORIGIN, id, BYTES(raw, 64)),
        "one bit of the signature differs");
    put_note(m, &(struct note_case){ "403-text-altered", "log", "one letter differs",
                    bytes_str(STR(m, "%s\n%s",
                        maker_swap(m, text, "two lines", "ten lines"), good)),
                    NULL, NULL });
    put_lines(m, "404-without-final-newline", "log",
        maker_line(m, "A message.\nIt has two lines.", MAKER_ORIGIN, NOTE_ED25519,
            m->w->log, 0),
        "what is signed includes the text's last newline");
    put_lines(m, "405-with-blank-line", "log",
        maker_line(m, STR(m, "%s\n", text), MAKER_ORIGIN, NOTE_ED25519, m->w->log, 0),
        "what is signed ends before the blank line");
    put_note(m, &(struct note_case){ "406-one-of-two", "log",
                    "a known key's line is wrong, another known key's is good",
                    bytes_str(STR(m, "%s\n%s%s", text, other,
                        maker_raw_line(m, MAKER_ORIGIN, id, BYTES(raw, 64)))),
                    STR(m, "%s %s", maker_log_vkey(m),
                        world_vkey(m->w, "other.example", NOTE_ED25519, m->w->other)),
                    NULL });
    put_lines(m, "407-empty-but-one-byte", "log",
        maker_raw_line(m, MAKER_ORIGIN, id, BYTES(raw, 1)), "a signature of one byte");
}

/* ---- verifier keys ---- */

static void
put_key(const struct maker *m, const char *name, const char *expect, const char *key,
    const char *why)
{
    maker_put(m, &(struct made_vector){ .name = name,
                     .kind = "key",
                     .expect = expect,
                     .spec = "C2SP signed-note, verifier keys",
                     .note = why,
                     .payload = bytes_str(key) });
}

static void
make_keys(const struct maker *m)
{
    static const uint8_t zeros[1312];
    const char *good = maker_log_vkey(m);
    const char *id = strchr(good, '+') + 1;

    put_key(m, "100-ed25519", "ok", good, "type 01");
    put_key(m, "101-cosignature", "ok", maker_witness_vkey(m, 0), "type 04");
    put_key(m, "102-plus-in-base64", "ok",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "C2SP's own; split at the first two plus signs alone");
    put_key(m, "200-nothing", "malformed", "", "no byte at all");
    put_key(m, "201-name-alone", "malformed", MAKER_ORIGIN, "no plus");
    put_key(m, "202-no-key", "malformed", MAKER_ORIGIN "+f44a9209", "one plus");
    put_key(m, "203-empty-name", "malformed",
        maker_vkey(m, "", NOTE_ED25519, BYTES(zeros, 32)), "the id is right");
    put_key(m, "204-space-in-name", "malformed",
        maker_vkey(m, "log example", NOTE_ED25519, BYTES(zeros, 32)),
        "the id is right");
    put_key(m, "205-no-break-space-in-name", "malformed",
        maker_vkey(m,
            "log\xc2\xa0"
            "example",
            NOTE_ED25519, BYTES(zeros, 32)),
        "U+00A0; the id is right");
    put_key(m, "206-newline-in-name", "malformed",
        maker_vkey(m, "log\nexample", NOTE_ED25519, BYTES(zeros, 32)),
        "the id is right");
    put_key(m, "207-upper-case-id", "malformed", maker_swap(m, good, "+f44a", "+F44A"),
        "the id is hex in lower case");
    put_key(m, "208-short-id", "malformed", STR(m, MAKER_ORIGIN "+%.7s%s", id, id + 8),
        "seven digits");
    put_key(
        m, "209-long-id", "malformed", STR(m, MAKER_ORIGIN "+0%s", id), "nine digits");
    put_key(m, "210-other-id", "malformed", STR(m, MAKER_ORIGIN "+00000000%s", id + 8),
        "not the id of this name and key");
    put_key(m, "211-id-of-another-name", "malformed",
        maker_swap(m, good, "releases", "release5"), "the id depends on the name");
    put_key(m, "212-short-key", "malformed",
        maker_vkey(m, MAKER_ORIGIN, NOTE_ED25519, BYTES(zeros, 31)),
        "31 bytes; the id is right");
    put_key(m, "213-long-key", "malformed",
        maker_vkey(m, MAKER_ORIGIN, NOTE_ED25519, BYTES(zeros, 33)),
        "33 bytes; the id is right");
    put_key(m, "214-type-alone", "malformed",
        maker_vkey(m, MAKER_ORIGIN, NOTE_ED25519, BYTES(zeros, 0)),
        "no key behind the type; the id is right");
    put_key(m, "215-short-cosignature-key", "malformed",
        maker_vkey(m, MAKER_WITNESS, NOTE_COSIGNATURE, BYTES(zeros, 31)),
        "31 bytes; the id is right");
    put_key(m, "216-newline-behind", "malformed", STR(m, "%s\n", good), "");
    put_key(m, "217-space-before", "malformed", STR(m, " %s", good), "");
    put_key(m, "218-bad-base64", "malformed", STR(m, "%s=", good), "wrongly padded");
    put_key(m, "219-private-key", "malformed", STR(m, "PRIVATE+KEY+%s", good),
        "the form in which Go keeps the private half");
    put_key(m, "300-ml-dsa", "unsupported",
        maker_vkey(m, MAKER_WITNESS, NOTE_MLDSA_COSIGNATURE, BYTES(zeros, 1312)),
        "type 06: known, and never good where it is not implemented");
    put_key(m, "301-type-ff", "unsupported",
        maker_vkey(m, MAKER_ORIGIN, 0xff, BYTES(zeros, 40)), "another algorithm");
    put_key(m, "302-type-00", "unsupported",
        maker_vkey(m, MAKER_ORIGIN, 0, BYTES(zeros, 32)), "another algorithm");
}

void
make_notes(const struct maker *m)
{
    const char *good = maker_line(m, text, MAKER_ORIGIN, NOTE_ED25519, m->w->log, 0);

    notes_accepted(m, good);
    notes_of_bad_bytes(m, good);
    notes_of_bad_lines(m, good);
    notes_of_other_keys(m, good);
    notes_of_bad_signatures(m, good);
    make_keys(m);
}
