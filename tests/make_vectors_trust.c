/* SPDX-License-Identifier: Apache-2.0 */
/* kind: trust (C2SP tlog-policy). */
#include "vector_maker.h"

struct trusted {
    const char *text;
    const char *cosigned; /* names, or NULL */
};

static void
put_trust(const struct maker *m, const char *name, const char *expect, const char *why,
    const struct trusted *x)
{
    maker_put(m, &(struct made_vector){ .name = name,
                     .kind = "trust",
                     .expect = expect,
                     .spec = "C2SP tlog-policy",
                     .note = why,
                     .field = { x->cosigned != NULL ? "cosigned" : NULL, x->cosigned },
                     .payload = bytes_str(x->text) });
}
#define TRUST(name, expect, why, t, ...) \
    put_trust(m, name, expect, why, &(struct trusted){ (t), __VA_ARGS__ })
#define USAGE(name, why, t) TRUST(name, "usage", why, t, NULL)

/* Keys without a private half: only their names and bytes matter here. */
static const char *
any_vkey(const struct maker *m, const char *name, uint8_t type, size_t number)
{
    uint8_t key[32] = { 0x5e, (uint8_t)number, (uint8_t)(number >> 8) };

    return maker_vkey(m, name, type, BYTES_ARR(key));
}

static const char *
logs(const struct maker *m, size_t from, size_t to)
{
    const char *text = "";

    for (size_t i = from; i < to; i++)
        text = STR(m, "%slog %s\n", text,
            any_vkey(m, STR(m, "log.example/%zu", i), NOTE_ED25519, i));
    return text;
}

static const char *
witnesses(const struct maker *m, size_t from, size_t to)
{
    const char *text = "";

    for (size_t i = from; i < to; i++)
        text = STR(m, "%switness n%zu %s\n", text, i,
            any_vkey(m, STR(m, "witness.example/%zu", i), NOTE_COSIGNATURE, 1000 + i));
    return text;
}

/* Each of one witness; none is the quorum. */
static const char *
groups(const struct maker *m, size_t from, size_t to)
{
    const char *text = "";

    for (size_t i = from; i < to; i++)
        text = STR(m, "%sgroup g%zu any n%zu\n", text, i, i);
    return text;
}

static void
trust_quorums(const struct maker *m, const char *head)
{
    const char *nested = STR(
        m, "%sgroup first any w1 w2\ngroup second all first w3\nquorum second\n", head);
    const char *two = m->w->trust_text;

    TRUST("100-two-of-three", "ok", "two cosigned", two, "w1 w3");
    TRUST("101-three-of-three", "ok", "more than are needed", two, "w1 w2 w3");
    TRUST("102-none", "ok", "no witness is needed", STR(m, "%squorum none\n", head),
        "none");
    TRUST("103-one-witness", "ok", "a quorum may be a witness",
        STR(m, "%squorum w2\n", head), "w2");
    TRUST("104-all", "ok", "all of two",
        STR(m, "%sgroup g all w1 w2\nquorum g\n", head), "w1 w2");
    TRUST("105-any", "ok", "any of two",
        STR(m, "%sgroup g any w1 w2\nquorum g\n", head), "w2");
    TRUST("106-groups-in-groups", "ok", "one of the first two, and the third", nested,
        "w2 w3");
    TRUST("700-one-of-three", "log", "two are needed", two, "w2");
    TRUST("701-nobody", "log", "two are needed", two, "none");
    TRUST("702-another-witness", "log", "the quorum is the second witness",
        STR(m, "%squorum w2\n", head), "w1 w3");
    TRUST("703-all-but-one", "log", "all of three",
        STR(m, "%sgroup g all w1 w2 w3\nquorum g\n", head), "w1 w3");
    TRUST("704-outside-the-group", "log", "the third is in no group",
        STR(m, "%sgroup g any w1 w2\nquorum g\n", head), "w3");
    TRUST("705-group-not-met", "log", "two of the first group count as one", nested,
        "w1 w2");
}

static void
trust_accepted(const struct maker *m)
{
    const char *good = m->w->trust_text;

    TRUST("110-comments", "ok", "comments and empty lines",
        STR(m, "# a policy\n\n \t\n  # more\n%s", good), "w1 w2");
    TRUST("111-tabs", "ok", "tabs and several spaces between words",
        maker_swap(m, maker_swap(m, good, "group two", "group \t two"), "quorum ",
            " quorum\t"),
        "w1 w2");
    TRUST("112-no-final-newline", "ok", "the last line may lack it",
        STR(m, "%.*s", (int)strlen(good) - 1, good), "w1 w2");
    TRUST("113-addresses", "ok", "where log and witness are reached",
        STR(m,
            "log %s https://log.example/\nwitness w1 %s https://w1.example/\n"
            "quorum w1\n",
            maker_log_vkey(m), maker_witness_vkey(m, 0)),
        "w1");
    TRUST("114-two-logs", "ok", "any of them",
        STR(m, "log %s\n%s", any_vkey(m, "log.example/2", NOTE_ED25519, 2), good),
        "w1 w2");
    TRUST("115-thirty-two-of-each", "ok", "as many as every reader must take",
        STR(m, "%s%s%squorum n31\n", logs(m, 0, 32), witnesses(m, 0, 32),
            groups(m, 0, 32)),
        "n31");
    USAGE("270-thirty-three-logs", "more than this implementation takes",
        STR(m, "%squorum none\n", logs(m, 0, 33)));
    USAGE("271-sixty-one-witnesses", "more than this implementation takes",
        STR(m, "%s%squorum none\n", logs(m, 0, 1), witnesses(m, 0, 61)));
    USAGE("272-thirty-three-groups", "more than this implementation takes",
        STR(m, "%s%s%squorum none\n", logs(m, 0, 1), witnesses(m, 0, 33),
            groups(m, 0, 33)));
}

static void
trust_of_bad_names(const struct maker *m, const char *head)
{
    const char *w1 = maker_witness_vkey(m, 0);
    const char *same = any_vkey(m, "witness.example/again", NOTE_COSIGNATURE, 7);
    const char *as_log = any_vkey(m, "log.example/again", NOTE_ED25519, 7);

    USAGE("200-log-twice", "the same line",
        STR(m, "log %s\n%squorum none\n", maker_log_vkey(m), head));
    USAGE("201-log-key-under-two-names", "one key is one log",
        STR(m, "log %s\nlog %s\nquorum none\n", as_log,
            any_vkey(m, "log.example/other", NOTE_ED25519, 7)));
    USAGE("202-witness-key-under-two-names", "one key is one witness",
        STR(m, "%switness w4 %s\nwitness w5 %s\nquorum none\n", head, same,
            any_vkey(m, "witness.example/other", NOTE_COSIGNATURE, 7)));
    USAGE("203-key-of-log-and-witness", "a witness's key serves nothing else",
        STR(m, "log %s\nwitness w %s\nquorum none\n", as_log, same));
    USAGE("204-witness-name-twice", "two keys",
        STR(m, "%switness w1 %s\nquorum none\n", head, same));
    USAGE("205-group-name-twice", "two groups",
        STR(m, "%sgroup g any w1\ngroup g any w2\nquorum g\n", head));
    USAGE("206-group-named-as-a-witness", "one name, two things",
        STR(m, "%sgroup w1 any w2\nquorum w1\n", head));
    USAGE("207-witness-named-none", "\"none\" means no quorum",
        STR(m, "%switness none %s\nquorum none\n", head, same));
    USAGE("208-group-named-none", "\"none\" means no quorum",
        STR(m, "%sgroup none any w1\nquorum none\n", head));
    USAGE("210-member-in-two-groups", "it would count twice",
        STR(m,
            "%sgroup g any w1 w2\ngroup h any w2 w3\ngroup all2 all g h\nquorum all2\n",
            head));
    USAGE("211-member-twice-in-a-group", "it would count twice",
        STR(m, "%sgroup g 2 w1 w1\nquorum g\n", head));
    USAGE("212-group-in-two-groups", "it would count twice",
        STR(m, "%sgroup g any w1\ngroup h all g w2\ngroup i all g w3\nquorum h\n",
            head));
    USAGE("213-undefined-member", "nobody of that name",
        STR(m, "%sgroup g any w1 w9\nquorum g\n", head));
    USAGE("214-member-defined-below", "members stand above",
        STR(m, "log %s\ngroup g any w1\nwitness w1 %s\nquorum g\n", maker_log_vkey(m),
            w1));
    USAGE("215-group-in-itself", "members stand above",
        STR(m, "%sgroup g any w1 g\nquorum g\n", head));
    USAGE("216-log-as-member", "logs do not cosign",
        STR(m, "%sgroup g any w1 " MAKER_ORIGIN "\nquorum g\n", head));
}

static void
trust_of_bad_counts(const struct maker *m, const char *head)
{
    static const struct {
        const char *name, *group, *why;
    } bad[] = {
        { "220-more-than-members", "group g 4 w1 w2 w3", "four of three" },
        { "221-zero-of-three", "group g 0 w1 w2 w3", "nobody at all" },
        { "222-negative", "group g -1 w1 w2 w3", "-1" },
        { "223-leading-zero", "group g 02 w1 w2 w3", "a second spelling of 2" },
        { "224-hexadecimal", "group g 0x2 w1 w2 w3", "decimal alone" },
        { "225-sign", "group g +2 w1 w2 w3", "+2" },
        { "226-wraps", "group g 18446744073709551618 w1 w2 w3", "2^64 + 2" },
        { "227-fraction", "group g 1.5 w1 w2 w3", "1.5" },
        { "228-some", "group g some w1 w2 w3", "neither all, any nor a number" },
        { "229-upper-case", "group g ALL w1 w2 w3", "\"all\" is in lower case" },
        { "230-no-members", "group g any", "a group of nobody" },
        { "231-name-alone", "group g", "neither number nor members" },
    };

    for (size_t i = 0; i < COUNT(bad); i++)
        USAGE(bad[i].name, bad[i].why, STR(m, "%s%s\nquorum g\n", head, bad[i].group));
}

static void
trust_of_bad_lines(const struct maker *m, const char *head)
{
    USAGE("240-no-quorum", "one line \"quorum\" is needed", head);
    USAGE("241-two-quorums", "which one holds?",
        STR(m, "%squorum w1\nquorum w2\n", head));
    USAGE(
        "242-quorum-twice", "the same line", STR(m, "%squorum w1\nquorum w1\n", head));
    USAGE("243-two-quorums-in-a-line", "one name", STR(m, "%squorum w1 w2\n", head));
    USAGE("244-quorum-of-nobody", "nobody of that name", STR(m, "%squorum w9\n", head));
    USAGE("245-quorum-defined-below", "what it names stands above",
        STR(m, "log %s\nquorum w1\nwitness w1 %s\n", maker_log_vkey(m),
            maker_witness_vkey(m, 0)));
    USAGE("246-quorum-alone", "without a name", STR(m, "%squorum\n", head));
    USAGE("247-no-log", "a policy without a log accepts nothing",
        STR(m, "witness w1 %s\nquorum w1\n", maker_witness_vkey(m, 0)));
    USAGE("248-nothing", "no byte at all", "");
    USAGE("249-unknown-word", "a line that the format has not",
        STR(m, "%smonitor w1\nquorum w1\n", head));
    USAGE("250-upper-case-word", "words are in lower case",
        STR(m, "%sQuorum w1\n", head));
    USAGE("251-fourth-word-of-log", "key and address, no more",
        STR(m, "log %s https://log.example/ more\nquorum none\n", maker_log_vkey(m)));
    USAGE("252-fifth-word-of-witness", "name, key and address, no more",
        STR(m, "%switness w4 %s https://w4.example/ more\nquorum none\n", head,
            any_vkey(m, "witness.example/4", NOTE_COSIGNATURE, 4)));
    USAGE("253-log-alone", "without a key", "log\nquorum none\n");
    USAGE("254-witness-without-key", "a name alone",
        STR(m, "%switness w4\nquorum none\n", head));
    USAGE("255-no-utf8", "byte ff in a comment", STR(m, "# \xff\n%squorum w1\n", head));
    USAGE("256-witness-key-as-log", "a cosignature key signs no log",
        STR(m, "log %s\nquorum none\n", maker_witness_vkey(m, 0)));
    USAGE("257-log-key-as-witness", "a log's key does not cosign",
        STR(m, "%switness w4 %s\nquorum none\n", head,
            any_vkey(m, "witness.example/4", NOTE_ED25519, 4)));
    USAGE("258-comment-behind", "a comment is a line of its own",
        STR(m, "%squorum w1 # the first\n", head));
    USAGE("259-carriage-return", "lines end in U+000A alone",
        STR(m, "%squorum w1\r\n", head));
    TRUST("260-log-key", "usage", "not the id of this name and key",
        STR(m, "log %s\nquorum none\n",
            maker_swap(m, maker_log_vkey(m), "releases", "release5")),
        NULL);
    TRUST("261-witness-key", "usage", "not the id of this name and key",
        STR(m, "log %s\nwitness w1 %s\nquorum w1\n", maker_log_vkey(m),
            maker_swap(m, maker_witness_vkey(m, 0), "/w1", "/w7")),
        NULL);
    TRUST("262-key-of-an-unknown-kind", "usage", "type ff",
        STR(m, "log %s\nquorum none\n", any_vkey(m, MAKER_ORIGIN, 0xff, 1)), NULL);
}

void
make_trust(const struct maker *m)
{
    const char *all = m->w->trust_text;
    const char *head = STR(m, "%.*s", (int)(maker_find(all, "group ") - all), all);

    trust_quorums(m, head);
    trust_accepted(m);
    trust_of_bad_names(m, head);
    trust_of_bad_counts(m, head);
    trust_of_bad_lines(m, head);
}
