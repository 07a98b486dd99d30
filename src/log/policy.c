/* SPDX-License-Identifier: Apache-2.0 */
#include "log/log.h"

#include <stdarg.h>
#include <stdio.h>

enum { FIELDS = 2 + POLICY_WITNESSES + POLICY_GROUPS };

struct reading {
    struct log_policy *p;
    struct arena *arena;
    struct selfsame_err *e;
    unsigned line;
    bool has_quorum;
    uint64_t used_witnesses; /* members of a group already */
    uint32_t used_groups;
    struct selfsame_bytes field[FIELDS];
    size_t count;
};

SELFSAME_PRINTF(2, 3)
static enum selfsame_code
bad(const struct reading *r, const char *fmt, ...)
{
    char text[160];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    FAIL(r->e, SELFSAME_USAGE, "trust policy, line %u: %s", r->line, text);
}

static struct selfsame_bytes
nth(const struct reading *r, size_t i)
{
    return i < r->count ? r->field[i] : BYTES_NONE;
}

/* ---- names ---- */

static bool
find_witness(const struct log_policy *p, struct selfsame_bytes name, size_t *ret)
{
    for (*ret = 0; *ret < p->witness_count; (*ret)++)
        if (bytes_eq(p->witness_names[*ret], name))
            return true;
    return false;
}

static bool
find_group(const struct log_policy *p, struct selfsame_bytes name, size_t *ret)
{
    for (*ret = 0; *ret < p->group_count; (*ret)++)
        if (bytes_eq(p->groups[*ret].name, name))
            return true;
    return false;
}

static bool
is_taken(const struct log_policy *p, struct selfsame_bytes name)
{
    size_t ignored;

    return bytes_eq(name, BYTES_LIT("none")) || find_witness(p, name, &ignored) ||
           find_group(p, name, &ignored);
}

/* The same key under two names would count twice. */
static bool
is_key_known(const struct log_policy *p, struct selfsame_bytes key)
{
    for (size_t i = 0; i < p->log_count; i++)
        if (bytes_eq(p->logs[i].key, key))
            return true;
    for (size_t i = 0; i < p->witness_count; i++)
        if (bytes_eq(p->witnesses[i].key, key))
            return true;
    return false;
}

/* ---- lines ---- */

/* A key that is wrong is a mistake of the policy's, whatever is wrong with it. */
static enum selfsame_code
read_key(struct reading *r, struct selfsame_bytes text, struct note_key *ret)
{
    const enum selfsame_code code = note_key_parse(text, r->arena, ret, r->e);

    if (code == SELFSAME_OK)
        return SELFSAME_OK;
    if (code != SELFSAME_NOMEM)
        r->e->code = SELFSAME_USAGE;
    return err_wrap(r->e, code == SELFSAME_NOMEM ? code : SELFSAME_USAGE, __FILE__,
        __LINE__, "trust policy, line %u", r->line);
}

static enum selfsame_code
read_log(struct reading *r)
{
    struct log_policy *p = r->p;
    struct note_key *k = &p->logs[p->log_count];

    if (r->count < 2 || r->count > 3)
        return bad(r, "expected log VKEY [URL]");
    if (p->log_count == POLICY_LOGS)
        return bad(r, "expected at most %d logs", (int)POLICY_LOGS);
    TRY(read_key(r, r->field[1], k));
    if (k->type != NOTE_ED25519 && k->type != NOTE_ECDSA)
        return bad(r, "expected the key of a log, got one of a witness");
    if (is_key_known(p, k->key))
        return bad(r, "this key stands in the policy already");
    p->log_urls[p->log_count++] = nth(r, 2);
    return SELFSAME_OK;
}

static enum selfsame_code
read_witness(struct reading *r)
{
    struct log_policy *p = r->p;
    struct note_key *k = &p->witnesses[p->witness_count];

    if (r->count < 3 || r->count > 4)
        return bad(r, "expected witness NAME VKEY [URL]");
    if (p->witness_count == POLICY_WITNESSES)
        return bad(r, "expected at most %d witnesses", (int)POLICY_WITNESSES);
    if (is_taken(p, r->field[1]))
        return bad(r, "this name stands in the policy already");
    TRY(read_key(r, r->field[2], k));
    if (k->type != NOTE_COSIGNATURE)
        return bad(r, "expected the cosignature key of a witness, got another");
    if (is_key_known(p, k->key))
        return bad(r, "this key stands in the policy already");
    p->witness_names[p->witness_count] = r->field[1];
    p->witness_urls[p->witness_count++] = nth(r, 3);
    return SELFSAME_OK;
}

static enum selfsame_code
read_members(struct reading *r, struct log_group *g)
{
    size_t at;

    for (size_t i = 3; i < r->count; i++) {
        bool again;

        if (find_witness(r->p, r->field[i], &at)) {
            again = (r->used_witnesses >> at & 1) != 0;
            g->witnesses |= UINT64_C(1) << at;
            r->used_witnesses |= UINT64_C(1) << at;
        } else if (find_group(r->p, r->field[i], &at)) {
            again = (r->used_groups >> at & 1) != 0;
            g->groups |= UINT32_C(1) << at;
            r->used_groups |= UINT32_C(1) << at;
        } else {
            return bad(r, "expected members that are defined above, got \"%.*s\"",
                r->field[i].len < 60 ? (int)r->field[i].len : 60,
                (const char *)r->field[i].ptr);
        }
        if (again)
            return bad(r, "a member may stand in one group only");
    }
    return SELFSAME_OK;
}

static enum selfsame_code
read_group(struct reading *r)
{
    struct log_policy *p = r->p;
    struct log_group *g = &p->groups[p->group_count];
    uint64_t needed = 0;

    if (r->count < 4)
        return bad(r, "expected group NAME all|any|NUMBER MEMBER...");
    if (p->group_count == POLICY_GROUPS)
        return bad(r, "expected at most %d groups", (int)POLICY_GROUPS);
    if (is_taken(p, r->field[1]))
        return bad(r, "this name stands in the policy already");
    if (bytes_eq(r->field[2], BYTES_LIT("all")))
        needed = r->count - 3;
    else if (bytes_eq(r->field[2], BYTES_LIT("any")))
        needed = 1;
    else if (r->field[2].ptr[0] == '0' || /* neither "02" nor "0x2": one spelling */
             !uint_parse(
                 (const char *)r->field[2].ptr, r->field[2].len, FIELDS, &needed))
        return bad(r, "expected all, any or a decimal number from 1");
    if (needed < 1 || needed > r->count - 3)
        return bad(
            r, "expected a number from 1 to that of the members, %zu", r->count - 3);
    *g = (struct log_group){ .name = r->field[1], .needed = (unsigned)needed };
    TRY(read_members(r, g));
    p->group_count++;
    return SELFSAME_OK;
}

static enum selfsame_code
read_quorum(struct reading *r)
{
    struct log_policy *p = r->p;

    if (r->count != 2 || r->has_quorum)
        return bad(r, "expected one line quorum NAME|none");
    r->has_quorum = true;
    p->quorum_none = bytes_eq(r->field[1], BYTES_LIT("none"));
    p->quorum_is_group = find_group(p, r->field[1], &p->quorum);
    if (!p->quorum_none && !p->quorum_is_group &&
        !find_witness(p, r->field[1], &p->quorum))
        return bad(r, "expected a witness or group that is defined above, or none");
    return SELFSAME_OK;
}

static void
split(struct reading *r, struct selfsame_bytes line)
{
    r->count = 0;
    for (size_t i = 0; i < line.len && r->count < FIELDS;) {
        size_t from;

        while (i < line.len && (line.ptr[i] == ' ' || line.ptr[i] == '\t'))
            i++;
        for (from = i; i < line.len && line.ptr[i] != ' ' && line.ptr[i] != '\t'; i++)
            ;
        if (i > from)
            r->field[r->count++] = BYTES(line.ptr + from, i - from);
    }
}

static enum selfsame_code
read_line(struct reading *r, struct selfsame_bytes line)
{
    static const struct {
        const char *word;
        enum selfsame_code (*read)(struct reading *r);
    } kinds[] = {
        { "log", read_log },
        { "witness", read_witness },
        { "group", read_group },
        { "quorum", read_quorum },
    };

    split(r, line);
    if (r->count == 0 || r->field[0].ptr[0] == '#')
        return SELFSAME_OK;
    if (r->count == FIELDS)
        return bad(r, "expected fewer words");
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (bytes_eq(r->field[0], bytes_str(kinds[i].word)))
            return kinds[i].read(r);
    return bad(r, "expected log, witness, group or quorum, got \"%.*s\"",
        r->field[0].len < 40 ? (int)r->field[0].len : 40,
        (const char *)r->field[0].ptr);
}

static bool
make_room(struct log_policy *p, struct arena *arena)
{
    p->logs = ARENA_NEW(arena, struct note_key, POLICY_LOGS);
    p->log_urls = ARENA_NEW(arena, struct selfsame_bytes, POLICY_LOGS);
    p->witness_names = ARENA_NEW(arena, struct selfsame_bytes, POLICY_WITNESSES);
    p->witnesses = ARENA_NEW(arena, struct note_key, POLICY_WITNESSES);
    p->witness_urls = ARENA_NEW(arena, struct selfsame_bytes, POLICY_WITNESSES);
    p->groups = ARENA_NEW(arena, struct log_group, POLICY_GROUPS);
    return p->logs && p->log_urls && p->witness_names && p->witnesses &&
           p->witness_urls && p->groups;
}

enum selfsame_code
log_policy_parse(struct selfsame_bytes text, struct arena *arena,
    struct log_policy *ret, struct selfsame_err *e)
{
    struct log_policy p = { .log_count = 0 };
    struct reading r = { .p = &p, .arena = arena, .e = e };
    struct selfsame_bytes rest = text, line;

    if (text.len > NOTE_MAX || !utf8_valid(text))
        FAIL(e, SELFSAME_USAGE, "trust policy: expected UTF-8 of at most %d bytes",
            (int)NOTE_MAX);
    if (!make_room(&p, arena))
        FAIL(e, SELFSAME_NOMEM, "trust policy: out of memory");
    while (rest.len > 0) {
        r.line++;
        if (!bytes_line(&rest, &line)) { /* the last one may lack its newline */
            line = rest;
            rest = BYTES_NONE;
        }
        TRY(read_line(&r, line));
    }
    if (p.log_count == 0)
        return bad(&r, "expected a log");
    if (!r.has_quorum)
        return bad(&r, "expected a line quorum");
    *ret = p;
    return SELFSAME_OK;
}

/* ---- quorum ---- */

bool
log_policy_met(const struct log_policy *p, uint64_t witnesses)
{
    uint32_t met = 0;

    if (p->quorum_none)
        return true;
    for (size_t i = 0; i < p->group_count; i++) {
        const struct log_group *g = &p->groups[i];
        unsigned have = (unsigned)__builtin_popcountll(g->witnesses & witnesses) +
                        (unsigned)__builtin_popcount(g->groups & met);

        if (have >= g->needed)
            met |= UINT32_C(1) << i;
    }
    return p->quorum_is_group ? (met >> p->quorum & 1) != 0
                              : (witnesses >> p->quorum & 1) != 0;
}

static enum selfsame_code
check_log(const struct log_policy *p, const struct note *n, const struct checkpoint *c,
    struct selfsame_err *e)
{
    uint64_t good;

    for (size_t i = 0; i < p->log_count; i++)
        if (bytes_eq(p->logs[i].name, c->origin))
            return note_verify(n, &p->logs[i], 1, &good, NULL, e);
    FAIL(e, SELFSAME_LOG,
        "checkpoint: expected one of the %zu logs of the trust policy, got the log "
        "%.*s",
        p->log_count, c->origin.len < 80 ? (int)c->origin.len : 80,
        (const char *)c->origin.ptr);
}

static bool
has_line_of_witness(const struct log_policy *p, const struct note *n)
{
    for (size_t i = 0; i < n->count; i++)
        for (size_t k = 0; k < p->witness_count; k++)
            if (p->witnesses[k].id == n->lines[i].id &&
                bytes_eq(p->witnesses[k].name, n->lines[i].name))
                return true;
    return false;
}

static bool
knows_log(const struct log_policy *p, struct selfsame_bytes origin)
{
    for (size_t i = 0; i < p->log_count; i++)
        if (bytes_eq(p->logs[i].name, origin))
            return true;
    return false;
}

enum selfsame_code
log_policy_open(const struct log_policy *p, struct selfsame_bytes note,
    struct arena *arena, struct checkpoint *ret, uint64_t *ret_witnesses,
    int64_t *ret_time, struct selfsame_err *e)
{
    enum log_refusal why;

    return log_policy_judge(p, note, arena, ret, ret_witnesses, ret_time, &why, e);
}

enum selfsame_code
log_policy_judge(const struct log_policy *p, struct selfsame_bytes note,
    struct arena *arena, struct checkpoint *ret, uint64_t *ret_witnesses,
    int64_t *ret_time, enum log_refusal *ret_why, struct selfsame_err *e)
{
    struct checkpoint c;
    struct note n;
    uint64_t good = 0;

    *ret_why = LOG_REFUSED_FORM;
    TRY(note_parse(note, arena, &n, e));
    TRY(checkpoint_parse(n.text, &c, e));
    *ret_why = knows_log(p, c.origin) ? LOG_REFUSED_SIGNATURE : LOG_REFUSED_UNKNOWN;
    TRY(check_log(p, &n, &c, e));
    /* A wrong line of a known witness is refused; no line at all is the quorum's matter. */
    if (has_line_of_witness(p, &n))
        TRY(note_verify(&n, p->witnesses, p->witness_count, &good, ret_time, e));
    *ret_why = LOG_REFUSED_QUORUM;
    if (!log_policy_met(p, good))
        FAIL(e, SELFSAME_LOG,
            "checkpoint: expected cosignatures that meet the quorum, got %d of %zu "
            "witnesses",
            __builtin_popcountll(good), p->witness_count);
    *ret_why = LOG_REFUSED_NOT;
    *ret = c;
    *ret_witnesses = good;
    return SELFSAME_OK;
}
