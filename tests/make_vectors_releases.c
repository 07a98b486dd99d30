/* SPDX-License-Identifier: Apache-2.0 */
/* vectors/release: whole acceptances (docs/releases.md). */
#include "vector_maker.h"

enum entry {
    RELEASE,       /* hello 1.4.2, sequence 17 */
    BY_OTHER,      /* the same statement, by the other publisher */
    INDEX,         /* lists it */
    INDEX_FORGED,  /* of a higher sequence, by the other publisher */
    INDEX_EMPTY,   /* of a higher sequence, lists nothing */
    INDEX_AMISS,   /* lists it under another sequence */
    REVOKES,       /* it */
    REVOKES_OTHER, /* by the other publisher */
    REBUILT,
    REBUILT_DIFFERENT,
    REBUILT_BY_OTHER,
    REBUILT_ANOTHER, /* another release, identically */
    GOODBYE,         /* a release of another name */
    SPACED,          /* the release in an envelope that is not canonical */
    LATER,           /* hello 1.5.0, sequence 18 */
    NO_ENVELOPE,
};
enum { PROOFS = 6 };

struct scene {
    const char *name, *word, *note;
    const char *more;              /* members of the policy, each behind a comma */
    const char *publisher, *trust; /* JSON; NULL: the usual */
    int64_t now_s;                 /* 0: WORLD_NOW */
    unsigned highest, highest_index;
    const char *revoked; /* SHA-256 in hex */
    const char *evidence;
    struct selfsame_bytes proofs[PROOFS];
};

static const char *
class_of(const char *word)
{
    for (int x = RELEASE_TRUSTED; x <= RELEASE_MEASUREMENT_MISMATCH; x++)
        if (strcmp(word, release_error_word((enum release_error)x)) == 0)
            return selfsame_code_name(release_error_code((enum release_error)x));
    return word;
}

static void
put(const struct maker *m, const struct scene *s)
{
    char now[TIME_TEXT];
    size_t n = 0, f = 0;
    const char *policy = STR(m, "{\"name\":\"hello\",\"publisher\":%s,\"trust\":%s%s}",
        s->publisher != NULL ? s->publisher
                             : STR(m, "\"%s\"", maker_base64(m, m->w->publisher_spki)),
        s->trust != NULL ? s->trust : maker_json(m, m->w->trust_text),
        s->more != NULL ? s->more : "");
    struct made_vector v = { .name = s->name,
        .expect = class_of(s->word),
        .spec = "docs/releases.md",
        .note = s->note };

    time_format(s->now_s != 0 ? s->now_s : WORLD_NOW, now);
    if (strcmp(v.expect, s->word) != 0) { /* "usage" has no word */
        v.field[f++] = "word";
        v.field[f++] = s->word;
    }
    v.field[f++] = "now";
    v.field[f++] = now;
    if (s->highest > 0) {
        v.field[f++] = "highest";
        v.field[f++] = STR(m, "%u", s->highest);
    }
    if (s->highest_index > 0) {
        v.field[f++] = "highest-index";
        v.field[f++] = STR(m, "%u", s->highest_index);
    }
    if (s->revoked != NULL) {
        v.field[f++] = "revoked";
        v.field[f++] = s->revoked;
    }
    if (s->evidence != NULL) {
        v.field[f++] = "evidence";
        v.field[f++] = s->evidence;
    }
    v.field[f++] = "policy";
    v.field[f++] = policy;
    while (n < PROOFS && s->proofs[n].ptr != NULL)
        n++;
    maker_put_release(m, &v, s->proofs, n);
}
#define PUT(...) put(m, &(struct scene){ __VA_ARGS__ })
#define GIVE(...) .proofs = { __VA_ARGS__ }

/* ---- what is in the log ---- */

static const char *
current(const struct maker *m, const char *statement, unsigned sequence)
{
    return STR(m, "{\"sequence\":%u,\"sha256\":\"%s\"}", sequence,
        world_sha256(m->w, statement));
}

static void
fill(const struct maker *m)
{
    struct world *w = m->w;
    const char *s = world_release(w, &(struct world_release){ .sequence = 17 });
    const char *later = world_release(
        w, &(struct world_release){ .sequence = 18, .version = "1.5.0" });
    const char *good = current(m, s, 17);
    const char *revoked = STR(m,
        "{\"reason\":\"key leaked\",\"sha256\":\"%s\",\"since\":"
        "\"2023-11-15T00:00:00Z\"}",
        world_sha256(w, s));
    struct selfsame_bytes envelope = world_envelope(w, s, w->publisher);
    const struct {
        enum entry at;
        const char *statement;
        const struct key *by;
    } entries[] = {
        { RELEASE, s, w->publisher },
        { BY_OTHER, s, w->other },
        { INDEX, world_index(w, 1, good, ""), w->publisher },
        { INDEX_FORGED, world_index(w, 9, good, ""), w->other },
        { INDEX_EMPTY, world_index(w, 2, "", ""), w->publisher },
        { INDEX_AMISS, world_index(w, 3, current(m, s, 16), ""), w->publisher },
        { REVOKES, world_index(w, 2, "", revoked), w->publisher },
        { REVOKES_OTHER, world_index(w, 2, "", revoked), w->other },
        { REBUILT, world_rebuild(w, world_sha256(w, s), "identical"), w->rebuilder },
        { REBUILT_DIFFERENT, world_rebuild(w, world_sha256(w, s), "different"),
            w->rebuilder },
        { REBUILT_BY_OTHER, world_rebuild(w, world_sha256(w, s), "identical"),
            w->other },
        { REBUILT_ANOTHER, world_rebuild(w, world_sha256(w, later), "identical"),
            w->rebuilder },
        { GOODBYE, world_release(w, &(struct world_release){ .name = "goodbye" }),
            w->publisher },
    };

    for (size_t i = 0; i < COUNT(entries); i++)
        assert_int_equal(
            world_publish(w, entries[i].statement, entries[i].by), entries[i].at);
    assert_int_equal(world_add(w, bytes_str(STR(m, "{ %.*s", (int)envelope.len - 1,
                                      (const char *)envelope.ptr + 1))),
        SPACED);
    assert_int_equal(world_publish(w, later, w->publisher), LATER);
    assert_int_equal(world_add(w, BYTES_LIT("no envelope")), NO_ENVELOPE);
}

static struct selfsame_bytes
proof(const struct maker *m, enum entry x)
{
    return world_proof(m->w, x);
}

/* By these witnesses, so many seconds ago each. */
static struct selfsame_bytes
seen(const struct maker *m, enum entry x, const struct key *log, unsigned witnesses,
    int64_t a, int64_t b, int64_t c)
{
    const int64_t times[] = { WORLD_NOW - a, WORLD_NOW - b, WORLD_NOW - c };

    return world_proof_of(m->w, x, world_checkpoint(m->w, log, witnesses, times));
}

/* The text of a good proof of the release, edited. */
static struct selfsame_bytes
edited(const struct maker *m, const char *old, const char *new)
{
    const struct selfsame_bytes p = proof(m, RELEASE);

    return bytes_str(
        maker_swap(m, STR(m, "%.*s", (int)p.len, (const char *)p.ptr), old, new));
}

/* The log's own line replaced by one of another log. */
static struct selfsame_bytes
signed_by_other_log(const struct maker *m)
{
    const char *text = maker_checkpoint_text(m, m->w->count);

    return edited(m, maker_line(m, text, MAKER_ORIGIN, NOTE_ED25519, m->w->log, 0),
        maker_line(m, text, "log.example/others", NOTE_ED25519, m->w->other, 0));
}

static const char *
keys(const struct maker *m, struct selfsame_bytes a, struct selfsame_bytes b)
{
    return STR(m, "[\"%s\",\"%s\"]", maker_base64(m, a), maker_base64(m, b));
}

/* ---- scenes ---- */

static void
trusted(const struct maker *m)
{
    const struct world *w = m->w;
    const char *rebuilders = STR(m, ",\"rebuilders\":\"%s\",\"min_rebuilders\":1",
        maker_base64(m, w->rebuilder_spki));

    PUT("100-release", "TRUSTED", "a proof and nothing else", GIVE(proof(m, RELEASE)));
    PUT("101-two-of-three-witnesses", "TRUSTED", "as many as the quorum needs",
        GIVE(seen(m, RELEASE, w->log, 5, 0, 0, 0)));
    PUT("102-two-publishers", "TRUSTED", "each signed in an entry of its own",
        .publisher = keys(m, w->publisher_spki, w->other_spki),
        .more = ",\"threshold\":2", GIVE(proof(m, BY_OTHER), proof(m, RELEASE)));
    PUT("103-one-of-two-publishers", "TRUSTED", "either will do",
        .publisher = keys(m, w->publisher_spki, w->other_spki),
        GIVE(proof(m, BY_OTHER)));
    PUT("104-index", "TRUSTED", "an index of now lists it",
        .more = ",\"max_index_age\":\"1h\"", GIVE(proof(m, INDEX), proof(m, RELEASE)));
    PUT("105-index-of-an-hour-ago", "TRUSTED",
        "two witnesses saw it within the hour; the third's time is not needed",
        .more = ",\"max_index_age\":\"1h\"",
        GIVE(proof(m, RELEASE), seen(m, INDEX, w->log, 7, 0, 3600, 7300)));
    PUT("106-rebuilt", "TRUSTED", "a rebuilder got the same", .more = rebuilders,
        GIVE(proof(m, RELEASE), proof(m, REBUILT)));
    PUT("107-same-sequence", "TRUSTED", "the highest that was accepted, again",
        .highest = 17, GIVE(proof(m, RELEASE)));
    PUT("108-first-second", "TRUSTED", "five minutes before its validity",
        .now_s = WORLD_NOW - 300, GIVE(proof(m, RELEASE)));
    PUT("109-last-second", "TRUSTED", "five minutes after its validity",
        .now_s = INT64_C(1731536000) + 300, GIVE(proof(m, RELEASE)));
    PUT("110-other-proofs-besides", "TRUSTED",
        "what does not hold does no harm to what does",
        GIVE(proof(m, GOODBYE), proof(m, NO_ENVELOPE), BYTES_LIT("junk"),
            proof(m, RELEASE)));
    PUT("111-revoked-by-a-stranger", "TRUSTED",
        "only a publisher of the policy can revoke",
        GIVE(proof(m, RELEASE), proof(m, REVOKES_OTHER)));
    PUT("112-later-one-is-not-revoked", "TRUSTED", "the revoked one is passed over",
        GIVE(proof(m, RELEASE), proof(m, REVOKES), proof(m, LATER)));
    PUT("113-minimum-sequence", "TRUSTED", "the least that is demanded",
        .more = ",\"min_sequence\":17", GIVE(proof(m, RELEASE)));
    PUT("114-given-twice", "TRUSTED", "the same proof",
        GIVE(proof(m, RELEASE), proof(m, RELEASE)));
}

static void
form(const struct maker *m)
{
    PUT("200-nothing", "PROOF_MISSING", "no proof at all", .more = NULL);
    PUT("201-index-alone", "PROOF_MISSING", "an index is no release",
        GIVE(proof(m, INDEX)));
    PUT("202-rebuild-alone", "PROOF_MISSING", "a rebuild is no release",
        GIVE(proof(m, REBUILT)));
    PUT("210-junk", "PROOF_MALFORMED", "no proof", GIVE(BYTES_LIT("junk")));
    PUT("211-empty-file", "PROOF_MALFORMED", "a file of a newline",
        GIVE(BYTES_LIT("\n")));
    PUT("212-index-with-leading-zero", "PROOF_MALFORMED", "index 00",
        GIVE(edited(m, "index 0", "index 00")));
    PUT("213-no-envelope-in-proof", "PROOF_MALFORMED",
        "the line \"extra\" is missing: nobody knows what is proved",
        GIVE(edited(
            m, STR(m, "extra %s\n", maker_base64(m, m->w->entry[RELEASE])), "")));
    PUT("214-junk-behind", "PROOF_MALFORMED", "a line that is no signature",
        GIVE(edited(m, "\xe2\x80\x94 witness.example/w3",
            "junk\n\xe2\x80\x94 "
            "witness.example/w3")));
    PUT("215-other-version", "PROOF_MALFORMED", "another first line",
        GIVE(edited(m, "@v1", "@v2")));
    PUT("220-envelope-not-canonical", "NOT_CANONICAL",
        "a space in it; logged and signed all the same", GIVE(proof(m, SPACED)));
    PUT("221-no-envelope", "NOT_CANONICAL", "an entry that is none",
        GIVE(proof(m, NO_ENVELOPE)));
}

static void
log_and_witnesses(const struct maker *m)
{
    const struct world *w = m->w;
    const struct key *log = w->log;
    const char *others = world_vkey(m->w, "log.example/others", NOTE_ED25519, log);
    const char *wrong = maker_raw_line(m, MAKER_WITNESS,
        maker_key_id(m, MAKER_WITNESS, NOTE_COSIGNATURE, w->witness[0]),
        BYTES(w->leaf[0], 32));

    PUT("300-unknown-log", "LOG_UNKNOWN", "the policy names another log",
        .trust = maker_json(m, maker_swap(m, w->trust_text, maker_log_vkey(m), others)),
        GIVE(proof(m, RELEASE)));
    PUT("301-other-origin", "LOG_UNKNOWN", "the origin was changed",
        GIVE(edited(m, "\n\nlog.example/releases", "\n\nlog.example/others")));
    PUT("310-one-witness", "QUORUM", "two of three are needed",
        GIVE(seen(m, RELEASE, log, 4, 0, 0, 0)));
    PUT("311-no-witness", "QUORUM", "the log alone signed",
        GIVE(seen(m, RELEASE, log, 0, 0, 0, 0)));
    PUT("312-quorum-over-two-proofs", "QUORUM",
        "two proofs with a witness each do not make a quorum",
        GIVE(seen(m, RELEASE, log, 1, 0, 0, 0), seen(m, RELEASE, log, 2, 0, 0, 0)));
    PUT("400-log-key", "LOG_SIG", "another key signed as the log",
        GIVE(seen(m, RELEASE, w->other, 7, 0, 0, 0)));
    PUT("401-root-altered", "LOG_SIG", "the checkpoint was changed after signing",
        GIVE(edited(m, "\n16\n", "\n15\n")));
    PUT("402-log-line-missing", "LOG_SIG", "the witnesses alone signed",
        GIVE(edited(m, "\xe2\x80\x94 log.example", "\xe2\x80\x94 lug.example")));
    PUT("403-witness-line", "LOG_SIG",
        "a known witness's line is wrong, though two others would do",
        GIVE(edited(m, "\xe2\x80\x94 witness.example/w1 ",
            STR(m, "%s\xe2\x80\x94 stranger.example ", wrong))));
    PUT("404-another-trusted-log", "LOG_SIG",
        "both logs are trusted, and the other one signed for this one's origin",
        .trust = maker_json(
            m, STR(m, "log %s\n%s",
                   world_vkey(m->w, "log.example/others", NOTE_ED25519, w->other),
                   w->trust_text)),
        GIVE(signed_by_other_log(m)));
    PUT("410-other-index", "INCLUSION", "the neighbour's place",
        GIVE(edited(m, "index 0", "index 1")));
    PUT("411-path-cut", "INCLUSION", "a hash is missing",
        GIVE(edited(m, maker_lines(m, w->leaf[1], 1), "")));
    PUT("412-path-too-long", "INCLUSION", "a hash stands twice",
        GIVE(edited(m, maker_lines(m, w->leaf[1], 1),
            STR(m, "%s%s", maker_lines(m, w->leaf[1], 1),
                maker_lines(m, w->leaf[1], 1)))));
    PUT("413-other-envelope", "INCLUSION", "an envelope that was never logged",
        GIVE(edited(m, maker_base64(m, w->entry[RELEASE]),
            maker_base64(m,
                world_envelope(m->w,
                    world_release(m->w, &(struct world_release){ .version = "6.6.6" }),
                    w->publisher)))));
    PUT("420-other-publisher", "PUBLISHER_SIG", "signed by a stranger",
        GIVE(proof(m, BY_OTHER)));
    PUT("421-one-of-two", "PUBLISHER_SIG", "both are needed",
        .publisher = keys(m, w->publisher_spki, w->other_spki),
        .more = ",\"threshold\":2", GIVE(proof(m, RELEASE)));
    PUT("422-one-twice", "PUBLISHER_SIG", "a publisher counts once",
        .publisher = keys(m, w->publisher_spki, w->other_spki),
        .more = ",\"threshold\":2", GIVE(proof(m, RELEASE), proof(m, RELEASE)));
    PUT("423-other-statement", "PUBLISHER_SIG",
        "the second publisher signed something else",
        .publisher = keys(m, w->publisher_spki, w->other_spki),
        .more = ",\"threshold\":2", GIVE(proof(m, RELEASE), proof(m, INDEX_FORGED)));
    PUT("424-rebuilder-signed", "PUBLISHER_SIG", "the publisher's key is another",
        .publisher = STR(m, "\"%s\"", maker_base64(m, w->rebuilder_spki)),
        GIVE(proof(m, RELEASE)));
}

static void
time_and_index(const struct maker *m)
{
    const struct key *log = m->w->log;

    PUT("500-not-yet", "EXPIRED", "five minutes and a second before its validity",
        .now_s = WORLD_NOW - 301, GIVE(proof(m, RELEASE)));
    PUT("501-expired", "EXPIRED", "five minutes and a second after its validity",
        .now_s = INT64_C(1731536000) + 301, GIVE(proof(m, RELEASE)));
    PUT("502-years-later", "EXPIRED", "the proof holds, the release does not",
        .now_s = INT64_C(2000000000), GIVE(proof(m, RELEASE)));
    PUT("510-rollback", "ROLLBACK", "18 was accepted before", .highest = 18,
        GIVE(proof(m, RELEASE)));
    PUT("511-below-the-minimum", "ROLLBACK", "the policy demands 18",
        .more = ",\"min_sequence\":18", GIVE(proof(m, RELEASE)));
    PUT("512-minimum-below-highest", "ROLLBACK", "the larger of the two counts",
        .highest = 18, .more = ",\"min_sequence\":1", GIVE(proof(m, RELEASE)));
    PUT("520-revoked", "REVOKED", "an index of the publisher revokes it",
        GIVE(proof(m, RELEASE), proof(m, REVOKES)));
    PUT("521-revoked-and-listed", "REVOKED", "a later index cannot take it back",
        GIVE(proof(m, INDEX_AMISS), proof(m, REVOKES), proof(m, RELEASE)));
    PUT("522-revoked-long-ago", "REVOKED", "a revocation does not expire",
        .now_s = WORLD_NOW + INT64_C(86400) * 30,
        GIVE(proof(m, RELEASE), proof(m, REVOKES)));
    PUT("523-one-of-two-revokes", "REVOKED", "one publisher is enough",
        .publisher = keys(m, m->w->publisher_spki, m->w->other_spki),
        .more = ",\"threshold\":2",
        GIVE(proof(m, RELEASE), proof(m, BY_OTHER), proof(m, REVOKES_OTHER)));
#define AGE .more = ",\"max_index_age\":\"1h\""
    PUT("530-no-index", "STALE_INDEX", "one is demanded", AGE, GIVE(proof(m, RELEASE)));
    PUT("531-index-too-old", "STALE_INDEX",
        "one witness saw it now, the others over an hour ago: no quorum is young", AGE,
        GIVE(proof(m, RELEASE), seen(m, INDEX, log, 7, 0, 3601, 7200)));
    PUT("536-old-index-proved-anew", "STALE_INDEX",
        "made over an hour ago; a checkpoint of now has it, too", AGE,
        .now_s = WORLD_NOW + 3601,
        GIVE(proof(m, RELEASE), seen(m, INDEX, log, 7, -3601, -3601, -3601)));
    PUT("532-index-from-the-future", "STALE_INDEX",
        "two witnesses' times are five minutes and a second ahead", AGE,
        GIVE(proof(m, RELEASE), seen(m, INDEX, log, 7, -301, -301, 0)));
    PUT("533-index-of-another-publisher", "STALE_INDEX", "a stranger's", AGE,
        GIVE(proof(m, RELEASE), proof(m, INDEX_FORGED)));
    PUT("534-not-listed", "STALE_INDEX", "the index lists nothing", AGE,
        GIVE(proof(m, RELEASE), proof(m, INDEX_EMPTY)));
    PUT("535-listed-amiss", "STALE_INDEX", "listed with another sequence", AGE,
        GIVE(proof(m, RELEASE), proof(m, INDEX_AMISS)));
    PUT("536-later-index-decides", "STALE_INDEX",
        "the first index lists it, the second one not any more", AGE,
        GIVE(proof(m, RELEASE), proof(m, INDEX), proof(m, INDEX_EMPTY)));
    PUT("539-later-index-given-first", "STALE_INDEX", "their order decides nothing",
        AGE, GIVE(proof(m, INDEX_EMPTY), proof(m, INDEX), proof(m, RELEASE)));
    PUT("537-index-expired", "STALE_INDEX", "over a week old by its own validity",
        .more = ",\"max_index_age\":\"30d\"",
        .now_s = INT64_C(1700438400) + 301, /* 2023-11-20T00:00:00Z */
        GIVE(proof(m, RELEASE), proof(m, INDEX)));
    PUT("538-index-by-one-of-two", "STALE_INDEX",
        "both publishers have to sign the index as well",
        .publisher = keys(m, m->w->publisher_spki, m->w->other_spki),
        .more = ",\"max_index_age\":\"1h\",\"threshold\":2",
        GIVE(proof(m, RELEASE), proof(m, BY_OTHER), proof(m, INDEX)));
#undef AGE
}

static void
rebuilds(const struct maker *m)
{
    const char *one = STR(m, ",\"rebuilders\":\"%s\",\"min_rebuilders\":1",
        maker_base64(m, m->w->rebuilder_spki));
    const char *two = STR(m, ",\"rebuilders\":%s,\"min_rebuilders\":2",
        keys(m, m->w->rebuilder_spki, m->w->other_spki));

    PUT("600-no-rebuild", "REBUILDERS", "one is demanded", .more = one,
        GIVE(proof(m, RELEASE)));
    PUT("601-different", "REBUILDERS", "the rebuilder got something else", .more = one,
        GIVE(proof(m, RELEASE), proof(m, REBUILT_DIFFERENT)));
    PUT("602-by-a-stranger", "REBUILDERS", "not one of the policy's", .more = one,
        GIVE(proof(m, RELEASE), proof(m, REBUILT_BY_OTHER)));
    PUT("603-of-another-release", "REBUILDERS", "identical, but not this one",
        .more = one, GIVE(proof(m, RELEASE), proof(m, REBUILT_ANOTHER)));
    PUT("604-one-of-two", "REBUILDERS", "two are demanded", .more = two,
        GIVE(proof(m, RELEASE), proof(m, REBUILT)));
    PUT("605-one-twice", "REBUILDERS", "a rebuilder counts once", .more = two,
        GIVE(proof(m, RELEASE), proof(m, REBUILT), proof(m, REBUILT)));
}

static void
name_and_policy(const struct maker *m)
{
    const char *key = maker_base64(m, m->w->publisher_spki);
    const char *trust = m->w->trust_text;

    PUT("700-other-name", "WRONG_NAME", "a release of another name, by that publisher",
        GIVE(proof(m, GOODBYE)));
    PUT("701-other-name-and-index", "WRONG_NAME", "an index of the right name besides",
        GIVE(proof(m, GOODBYE), proof(m, INDEX)));
    PUT("720-threshold-too-large", "usage", "two of one publisher",
        .more = ",\"threshold\":2", GIVE(proof(m, RELEASE)));
    PUT("721-threshold-zero", "usage", "nobody at all", .more = ",\"threshold\":0",
        GIVE(proof(m, RELEASE)));
    PUT("722-unknown-member", "usage", "a member that is misspelt is no member",
        .more = ",\"max_index_agee\":\"1h\"", GIVE(proof(m, RELEASE)));
    PUT("723-key-twice", "usage", "it would count twice",
        .publisher = STR(m, "[\"%s\",\"%s\"]", key, key), .more = ",\"threshold\":2",
        GIVE(proof(m, RELEASE)));
    PUT("724-no-key", "usage", "base64 of something else", .publisher = "\"AAAA\"",
        GIVE(proof(m, RELEASE)));
    PUT("725-trust-without-quorum", "usage", "how many witnesses is never a default",
        .trust = maker_json(
            m, STR(m, "%.*s", (int)(maker_find(trust, "quorum") - trust), trust)),
        GIVE(proof(m, RELEASE)));
    PUT("726-age-without-unit", "usage", "seven what?", .more = ",\"max_index_age\":7",
        GIVE(proof(m, RELEASE)));
    PUT("727-rebuilders-unnamed", "usage", "one of nobody",
        .more = ",\"min_rebuilders\":1", GIVE(proof(m, RELEASE)));
    PUT("728-no-publishers", "usage", "an empty list", .publisher = "[]",
        GIVE(proof(m, RELEASE)));
}

/* A world of its own: an index of another name, an envelope with another key's id. */
static void
names_and_memory(struct maker *m)
{
    m->w = world_new();
    const char *s = world_release(m->w, &(struct world_release){ .sequence = 17 });
    const char *sha256 = world_sha256(m->w, s), *good = current(m, s, 17);
    const char *index = world_index(m->w, 2, good, "");
    const struct selfsame_bytes e = world_envelope(m->w, s, m->w->publisher);
    const char *text = STR(m, "%.*s", (int)e.len, (const char *)e.ptr);
    const char *keyid = maker_find(text, "\"keyid\":\"") + strlen("\"keyid\":\"");
    (void)world_publish(m->w, s, m->w->publisher);
    (void)world_publish(m->w, index, m->w->publisher);
    (void)world_publish(
        m->w, maker_swap(m, index, "\"hello\"", "\"goodbye\""), m->w->publisher);
    (void)world_add(m->w, bytes_str(maker_swap(m, text, STR(m, "%.64s", keyid),
                              world_sha256(m->w, "another key"))));
#define AGE .more = ",\"max_index_age\":\"1h\""
    PUT("115-index-seen-before", "TRUSTED", "the same index again", AGE,
        .highest_index = 2, GIVE(world_proof(m->w, 0), world_proof(m->w, 1)));
    PUT("116-another-was-revoked", "TRUSTED",
        "what is remembered is of another release",
        .revoked = world_sha256(m->w, "another release"), GIVE(world_proof(m->w, 0)));
    PUT("425-other-keyid", "PUBLISHER_SIG",
        "rightly signed, and the envelope names another key",
        GIVE(world_proof(m->w, 3)));
    PUT("524-revocation-remembered", "REVOKED",
        "an index that is not given any more revoked it", .revoked = sha256,
        GIVE(world_proof(m->w, 0)));
    PUT("525-revocation-remembered-and-listed", "REVOKED",
        "an index that lists it does not take it back", AGE, .revoked = sha256,
        GIVE(world_proof(m->w, 0), world_proof(m->w, 1)));
    PUT("540-index-of-another-name", "STALE_INDEX",
        "it lists the release, under another name", AGE,
        GIVE(world_proof(m->w, 0), world_proof(m->w, 2)));
    PUT("541-index-behind", "STALE_INDEX", "index 3 was seen before, this one is 2",
        AGE, .highest_index = 3, GIVE(world_proof(m->w, 0), world_proof(m->w, 1)));
#undef AGE
    world_free(m->w);
}

/* ---- with evidence: vectors/nitro/100-happy.vec, whose registers are a0.., a1.., a2.. ---- */

static void
with_evidence(struct maker *m)
{
    static const char *const usual[] = { WORLD_PCR0, WORLD_PCR1, WORLD_PCR2 };
    const int64_t now_s = INT64_C(1780272000); /* 2026-06-01T00:00:00Z */
    const char *nitro = WORLD_NITRO;
    uint8_t value[48];

    m->w = world_new();
    for (int i = 0; i < 3; i++) {
        memset(value, 0xa0 + i, sizeof(value));
        nitro = maker_swap(m, nitro, usual[i], hex_dup(&m->w->arena, BYTES_ARR(value)));
    }
    const struct world_release r = { .measurements = nitro,
        .from = "2026-05-15T00:00:00Z",
        .to = "2026-08-15T00:00:00Z" };
    const struct {
        const char *old, *new;
    } edits[] = {
        { nitro, nitro },
        { nitro, WORLD_NITRO },
        { "\"debug\":false", "\"colour\":1,\"debug\":false" },
        { "\"tee\":\"aws-nitro\"", "\"tee\":\"sim\"" },
        { "\"debug\":false", "\"debug\":true" },
    };
    for (size_t i = 0; i < COUNT(edits); i++) {
        struct world_release edited_one = r;

        edited_one.measurements = maker_swap(m, nitro, edits[i].old, edits[i].new);
        (void)world_publish(m->w, world_release(m->w, &edited_one), m->w->publisher);
    }
#define EVIDENCE .evidence = "nitro/100-happy.vec", .now_s = now_s
    PUT("120-evidence", "TRUSTED", "the evidence is what the release promises",
        EVIDENCE, GIVE(world_proof(m->w, 0)));
    PUT("121-evidence-of-one-of-two", "TRUSTED", "either release's values will do",
        EVIDENCE, GIVE(world_proof(m->w, 1), world_proof(m->w, 0)));
    PUT("710-other-code", "MEASUREMENT_MISMATCH",
        "the release holds, and the evidence is of other code", EVIDENCE,
        GIVE(world_proof(m->w, 1)));
    PUT("711-unknown-requirement", "MEASUREMENT_MISMATCH",
        "the values match, but the item demands what nobody understands", EVIDENCE,
        GIVE(world_proof(m->w, 2)));
    PUT("712-simulated", "MEASUREMENT_MISMATCH",
        "the values match, as those of \"sim\", which no verifier uses", EVIDENCE,
        GIVE(world_proof(m->w, 3)));
    PUT("713-debug-demanded", "MEASUREMENT_MISMATCH",
        "the values match, but a release cannot ask for debug mode", EVIDENCE,
        GIVE(world_proof(m->w, 4)));
#undef EVIDENCE
    world_free(m->w);
}

void
make_releases(const struct maker *given)
{
    struct maker local = *given;
    const struct maker *m = given;

    fill(m);
    trusted(m);
    form(m);
    log_and_witnesses(m);
    time_and_index(m);
    rebuilds(m);
    name_and_policy(m);
    names_and_memory(&local);
    with_evidence(&local);
}
