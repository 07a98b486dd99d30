/* SPDX-License-Identifier: Apache-2.0 */
/* kind: checkpoint, cosignature (C2SP tlog-checkpoint, tlog-cosignature). */
#include "vector_maker.h"

/* ---- checkpoints ---- */

static void
put_checkpoint(const struct maker *m, const char *name, const char *expect,
    const char *note, const char *why)
{
    maker_put(m, &(struct made_vector){ .name = name,
                     .kind = "checkpoint",
                     .expect = expect,
                     .spec = "C2SP tlog-checkpoint",
                     .note = why,
                     .field = { "keys", maker_log_vkey(m) },
                     .payload = bytes_str(note) });
}

static void
put_checkpoints(const struct maker *m)
{
    const char *root = maker_root(m, 5);
    const char *good = maker_checkpoint_text(m, 5);
    const struct {
        const char *name, *text, *why;
    } bad[] = {
        { "200-leading-zero", STR(m, MAKER_ORIGIN "\n05\n%s\n", root), "size 05" },
        { "201-two-zeros", STR(m, MAKER_ORIGIN "\n00\n%s\n", maker_root(m, 0)),
            "size 00" },
        { "202-sign", STR(m, MAKER_ORIGIN "\n+5\n%s\n", root), "size +5" },
        { "203-negative", STR(m, MAKER_ORIGIN "\n-5\n%s\n", root), "size -5" },
        { "204-space-before-size", STR(m, MAKER_ORIGIN "\n 5\n%s\n", root), "" },
        { "205-space-behind-size", STR(m, MAKER_ORIGIN "\n5 \n%s\n", root), "" },
        { "206-hexadecimal", STR(m, MAKER_ORIGIN "\n0x5\n%s\n", root), "size 0x5" },
        { "207-empty-size", STR(m, MAKER_ORIGIN "\n\n%s\n", root),
            "the line of the size is empty" },
        { "208-size-over-63-bits",
            STR(m, MAKER_ORIGIN "\n9223372036854775808\n%s\n", root), "size 2^63" },
        { "209-size-over-64-bits",
            STR(m, MAKER_ORIGIN "\n18446744073709551616\n%s\n", root),
            "size 2^64, which would wrap to 0" },
        { "210-size-wraps-to-five",
            STR(m, MAKER_ORIGIN "\n18446744073709551621\n%s\n", root),
            "size 2^64 + 5" },
        { "211-decimal-point", STR(m, MAKER_ORIGIN "\n5.0\n%s\n", root), "size 5.0" },
        { "220-root-of-31-bytes",
            STR(m, MAKER_ORIGIN "\n5\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\n"),
            "a root is 32 bytes" },
        { "221-root-of-33-bytes",
            STR(m, MAKER_ORIGIN "\n5\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"),
            "a root is 32 bytes" },
        { "222-root-in-hex",
            STR(m, MAKER_ORIGIN "\n5\n"
                                "47deqpj8hbsa47deqpj8hbsa47deqpj8hbsa47deqpj8hbsa47deqp"
                                "j8hbsa1234\n"),
            "a root is base64" },
        { "223-root-without-padding", STR(m, MAKER_ORIGIN "\n5\n%.43s\n", root), "" },
        { "224-root-of-urls",
            STR(m, MAKER_ORIGIN "\n5\n_-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"),
            "another alphabet of base64" },
        { "225-bits-behind-root",
            STR(m, MAKER_ORIGIN "\n5\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\n"),
            "unused bits that are not zero" },
        { "226-no-root", MAKER_ORIGIN "\n5\n", "two lines" },
        { "227-origin-alone", MAKER_ORIGIN "\n", "one line" },
        { "228-empty-origin", STR(m, "\n5\n%s\n", root), "an origin is not empty" },
        { "229-blank-extension", STR(m, "%sa line\n\nanother\n", good),
            "an extension line is not empty" },
        { "230-blank-extension-first", STR(m, "%s\na line\n", good),
            "an extension line is not empty" },
        { "231-size-and-root-swapped", STR(m, MAKER_ORIGIN "\n%s\n5\n", root), "" },
        { "232-carriage-return", STR(m, MAKER_ORIGIN "\r\n5\r\n%s\r\n", root),
            "lines end in U+000A alone" },
    };

    put_checkpoint(m, "100-size-five", "ok", maker_signed(m, good), "as logs sign it");
    put_checkpoint(m, "101-size-zero", "ok",
        maker_signed(m, maker_checkpoint_text(m, 0)), "the root is that of no entries");
    put_checkpoint(m, "102-extensions", "ok",
        maker_signed(m, STR(m, "%sa line\nanother\n", good)),
        "extension lines are tolerated");
    put_checkpoint(m, "103-greatest-size", "ok",
        maker_signed(m, STR(m, MAKER_ORIGIN "\n9223372036854775807\n%s\n", root)),
        "size 2^63 - 1");
    for (size_t i = 0; i < COUNT(bad); i++)
        put_checkpoint(m, bad[i].name, "malformed", maker_signed(m, bad[i].text),
            *bad[i].why != '\0' ? bad[i].why : "rightly signed, wrongly written");
    put_checkpoint(m, "300-other-origin", "log",
        maker_signed(m, maker_swap(m, good, "releases", "others")),
        "the known key signs, of an origin that is not its name");
    put_checkpoint(m, "301-origin-goes-on", "log",
        maker_signed(m, maker_swap(m, good, "releases", "releases/")),
        "the origin is more than the key's name");
    put_checkpoint(m, "302-key-under-another-name", "log",
        STR(m, "%s\n%s", good,
            maker_line(m, good, "log.example/others", NOTE_ED25519, m->w->log, 0)),
        "the origin is known, the line bears another name");
    put_checkpoint(m, "400-size-altered", "log",
        maker_swap(m, maker_signed(m, good), "\n5\n", "\n6\n"), "after signing");
    put_checkpoint(m, "401-root-altered", "log",
        maker_swap(m, maker_signed(m, good), root, maker_root(m, 4)), "after signing");
    put_checkpoint(m, "402-extension-appended", "log",
        maker_swap(m, maker_signed(m, good), "\n\n", "\nmore\n\n"), "after signing");
}

/* ---- cosignatures ---- */

static void
put_cosignature(const struct maker *m, const char *name, const char *expect,
    const char *time, const char *note, const char *why)
{
    maker_put(m, &(struct made_vector){ .name = name,
                     .kind = "cosignature",
                     .expect = expect,
                     .spec = "C2SP tlog-cosignature, v1",
                     .note = why,
                     .field = { "keys", maker_witness_vkey(m, 0),
                         time != NULL ? "time" : NULL, time },
                     .payload = bytes_str(note) });
}

/* A cosignature of anything at all: over `message`, with any time and number of bytes. */
static const char *
cosigned(const struct maker *m, const char *message, uint64_t time, size_t bytes)
{
    const uint32_t id = maker_key_id(
        m, MAKER_WITNESS, NOTE_COSIGNATURE, m->w->witness[0]);
    uint8_t raw[8 + 65] = { 0 };
    struct writer w = writer_of(raw, sizeof(raw));

    put_be64(&w, time);
    put_bytes(&w, maker_sign(m, m->w->witness[0], bytes_str(message)));
    const char *checkpoint = maker_signed(m, maker_checkpoint_text(m, 5));
    return STR(
        m, "%s%s", checkpoint, maker_raw_line(m, MAKER_WITNESS, id, BYTES(raw, bytes)));
}

static void
cosignatures_of_bad_times(const struct maker *m, const char *good)
{
    put_cosignature(m, "500-time-zero", "log", NULL,
        cosigned(m, STR(m, "cosignature/v1\ntime 0\n%s", good), 0, 72),
        "rightly signed for the time 0");
    put_cosignature(m, "501-time-over-63-bits", "log", NULL,
        cosigned(m, STR(m, "cosignature/v1\ntime 9223372036854775808\n%s", good),
            UINT64_C(1) << 63, 72),
        "rightly signed for 2^63");
    put_cosignature(m, "502-greatest-time", "log", NULL,
        cosigned(m, STR(m, "cosignature/v1\ntime 18446744073709551615\n%s", good),
            UINT64_MAX, 72),
        "rightly signed for 2^64 - 1");
    put_cosignature(m, "503-negative-time", "log", NULL,
        cosigned(m, STR(m, "cosignature/v1\ntime -1\n%s", good), UINT64_MAX, 72),
        "signed as -1, sent as 2^64 - 1");
    put_cosignature(m, "504-other-time", "log", NULL,
        cosigned(
            m, STR(m, "cosignature/v1\ntime 1700000001\n%s", good), 1700000000, 72),
        "the line says a second less than was signed");
    put_cosignature(m, "505-time-with-leading-zero", "log", NULL,
        cosigned(
            m, STR(m, "cosignature/v1\ntime 01700000000\n%s", good), 1700000000, 72),
        "signed as 01700000000");
}

static void
put_cosignatures(const struct maker *m)
{
    const char *good = maker_checkpoint_text(m, 5);
    const char *more = STR(m, "%san extension\n", good);
    const char *message = STR(m, "cosignature/v1\ntime 1700000000\n%s", good);
    const char *plain = maker_line(
        m, good, MAKER_WITNESS, NOTE_ED25519, m->w->witness[0], 0);

    put_cosignature(m, "100-by-a-witness", "ok", "1700000000",
        cosigned(m, message, 1700000000, 72), "as witnesses sign it");
    put_cosignature(m, "101-time-one", "ok", "1",
        cosigned(m, STR(m, "cosignature/v1\ntime 1\n%s", good), 1, 72),
        "the first second");
    put_cosignature(m, "102-greatest-time", "ok", "9223372036854775807",
        cosigned(m, STR(m, "cosignature/v1\ntime 9223372036854775807\n%s", good),
            INT64_MAX, 72),
        "2^63 - 1");
    put_cosignature(m, "103-extensions", "ok", "1700000000",
        STR(m, "%s%s", maker_signed(m, more),
            maker_line(m, more, MAKER_WITNESS, NOTE_COSIGNATURE, m->w->witness[0],
                1700000000)),
        "extension lines are signed with the rest");
    put_cosignature(m, "300-other-witness", "log", NULL,
        STR(m, "%s%s", maker_signed(m, good),
            maker_line(m, good, "witness.example/w2", NOTE_COSIGNATURE,
                m->w->witness[1], 1700000000)),
        "by a witness who is not known");
    put_cosignature(m, "301-plain-signature-of-that-key", "log", NULL,
        STR(m, "%s%s", maker_signed(m, good), plain),
        "type 01 has another id: the cosignature key did not sign");
    put_cosignature(m, "400-plain-signature", "log", NULL,
        cosigned(m, good, 1700000000, 72),
        "over the text alone, without the two lines before it");
    put_cosignature(m, "401-without-time", "log", NULL,
        STR(m, "%s%s", maker_signed(m, good),
            maker_raw_line(m, MAKER_WITNESS,
                maker_key_id(m, MAKER_WITNESS, NOTE_COSIGNATURE, m->w->witness[0]),
                maker_sign(m, m->w->witness[0], bytes_str(good)))),
        "type 01's 64 bytes under the id of type 04");
    put_cosignature(m, "402-short", "log", NULL, cosigned(m, message, 1700000000, 71),
        "the signature lacks a byte");
    put_cosignature(m, "403-long", "log", NULL, cosigned(m, message, 1700000000, 73),
        "a byte behind the signature");
    put_cosignature(m, "404-time-alone", "log", NULL,
        cosigned(m, message, 1700000000, 8), "no signature behind the time");
    put_cosignature(m, "405-other-version", "log", NULL,
        cosigned(m, maker_swap(m, message, "/v1", "/v2"), 1700000000, 72),
        "signed as cosignature/v2");
    put_cosignature(m, "406-other-root", "log", NULL,
        cosigned(m, maker_swap(m, message, maker_root(m, 5), maker_root(m, 4)),
            1700000000, 72),
        "for another root of that size");
    put_cosignature(m, "407-other-origin", "log", NULL,
        cosigned(m, maker_swap(m, message, "releases", "others"), 1700000000, 72),
        "for another log");
    put_cosignature(m, "408-extension-not-signed", "log", NULL,
        STR(m, "%s%s", maker_signed(m, more),
            maker_line(m, good, MAKER_WITNESS, NOTE_COSIGNATURE, m->w->witness[0],
                1700000000)),
        "the extension lines were put in afterwards");
    cosignatures_of_bad_times(m, good);
}

void
make_checkpoints(const struct maker *m)
{
    put_checkpoints(m);
    put_cosignatures(m);
}
