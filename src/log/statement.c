/* SPDX-License-Identifier: Apache-2.0 */
#include "log/statement.h"

#include "codec/json.h"
#include "log/statement_fields.h"

#include <stdlib.h>

enum { DAY = 86400, VERSION_MAX = 64, TEXT_MAX = 1024 };

/* ---- fields ---- */

bool
release_name_ok(const char *s)
{
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789._/-");

    return n > 0 && n <= STATEMENT_NAME && s[n] == '\0' && s[0] != '/' && s[0] != '-' &&
           s[n - 1] != '/' && strstr(s, "//") == NULL && strstr(s, "..") == NULL;
}

/* Part of file names and of lines that people read. */
bool
release_version_ok(const char *s)
{
    size_t n = 0;

    while (s[n] > ' ' && s[n] <= '~' && strchr("/\\\"'<>&", s[n]) == NULL)
        n++;
    return n > 0 && n <= VERSION_MAX && s[n] == '\0' && s[0] != '-' && s[0] != '.';
}

enum selfsame_code
field_nomem(const struct fields *f)
{
    FAIL(f->e, SELFSAME_NOMEM, "statement: out of memory");
}

enum selfsame_code
field_object(
    const struct fields *f, const json_t *from, const char *name, const json_t **ret)
{
    *ret = json_object_get(from, name);
    if (!json_is_object(*ret))
        FAIL(f->e, SELFSAME_MALFORMED, "statement: expected an object in \"%s\"", name);
    return SELFSAME_OK;
}

enum selfsame_code
field_list(const struct fields *f, const json_t *from, const char *name, size_t max,
    const json_t **ret)
{
    *ret = json_object_get(from, name);
    if (!json_is_array(*ret) || json_array_size(*ret) > max)
        FAIL(f->e, SELFSAME_MALFORMED,
            "statement: expected a list of at most %zu in \"%s\"", max, name);
    return SELFSAME_OK;
}

/* What people are shown: no control characters, no line breaks. */
static bool
is_plain(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] < ' ' || s[i] == '\x7f')
            return false;
    return true;
}

enum selfsame_code
field_text(
    const struct fields *f, const json_t *from, const char *name, const char **ret)
{
    const json_t *j = json_object_get(from, name);
    size_t n = json_string_length(j);

    if (!json_is_string(j) || n == 0 || n > TEXT_MAX ||
        !is_plain(json_string_value(j), n))
        FAIL(f->e, SELFSAME_MALFORMED,
            "statement: expected 1 to %d characters of plain text in \"%s\"",
            (int)TEXT_MAX, name);
    *ret = arena_str(f->arena, bytes_str(json_string_value(j)));
    return *ret != NULL ? SELFSAME_OK : field_nomem(f);
}

enum selfsame_code
field_uint(const struct fields *f, const json_t *from, const char *name, uint64_t min,
    uint64_t *ret)
{
    const json_t *j = json_object_get(from, name);

    if (!json_is_integer(j) || json_integer_value(j) < 0 ||
        (uint64_t)json_integer_value(j) < min)
        FAIL(f->e, SELFSAME_MALFORMED,
            "statement: expected a whole number from %llu in \"%s\"",
            (unsigned long long)min, name);
    *ret = (uint64_t)json_integer_value(j);
    return SELFSAME_OK;
}

/* The one way to write a second: 2026-01-02T03:04:05Z. */
enum selfsame_code
field_time(const struct fields *f, const json_t *from, const char *name, int64_t *ret)
{
    const char *text = json_string_value(json_object_get(from, name));
    char again[TIME_TEXT];
    int64_t s = 0;

    bool good = text != NULL && strlen(text) == 20 && time_parse(text, &s);
    if (good)
        time_format(s, again);
    if (!good || strcmp(text, again) != 0)
        FAIL(f->e, SELFSAME_MALFORMED,
            "statement: expected a time such as 2026-01-02T03:04:05Z in \"%s\"", name);
    *ret = s;
    return SELFSAME_OK;
}

/* Digests have one spelling. */
static bool
is_lower_hex(const json_t *j)
{
    const char *s = json_string_value(j);

    return s != NULL && s[strspn(s, "0123456789abcdef")] == '\0';
}

bool
hex_of(const json_t *j, uint8_t *ret, size_t len)
{
    size_t got = 0;

    return is_lower_hex(j) && json_string_length(j) == 2 * len &&
           hex_decode(json_string_value(j), 2 * len, ret, len, &got) && got == len;
}

enum selfsame_code
field_sha256(
    const struct fields *f, const json_t *from, const char *name, uint8_t ret[32])
{
    if (!hex_of(json_object_get(from, name), ret, 32))
        FAIL(f->e, SELFSAME_MALFORMED,
            "statement: expected 64 hex digits in lower case in \"%s\"", name);
    return SELFSAME_OK;
}

/* A whole digest in a digest set, of 32 bytes or of git's 20; absent: NULL. */
static enum selfsame_code
optional_digest(const struct fields *f, const json_t *from, const char *name, bool git,
    const char **ret)
{
    uint8_t raw[32];
    size_t len = 0;
    const json_t *j = json_object_get(from, name);

    *ret = NULL;
    if (j == NULL)
        return SELFSAME_OK;
    if (!is_lower_hex(j) ||
        !hex_decode(
            json_string_value(j), json_string_length(j), raw, sizeof(raw), &len) ||
        (len != 32 && !(git && len == 20)))
        FAIL(f->e, SELFSAME_MALFORMED,
            "statement: expected a whole digest as hex in lower case in \"%s\"", name);
    *ret = hex_dup(f->arena, BYTES(raw, len));
    return *ret != NULL ? SELFSAME_OK : field_nomem(f);
}

/* [{"name", "digest": {"sha256"}}] */
static enum selfsame_code
files_parse(const struct fields *f, const json_t *from, const char *name, size_t min,
    struct statement_file **ret, size_t *ret_count)
{
    const json_t *list, *digest;

    TRY(field_list(f, from, name, STATEMENT_LIST, &list));
    size_t n = json_array_size(list);
    struct statement_file *all = ARENA_NEW(f->arena, struct statement_file, n + 1);
    if (all == NULL)
        return field_nomem(f);
    if (n < min)
        FAIL(f->e, SELFSAME_MALFORMED, "statement: expected a file in \"%s\"", name);
    for (size_t i = 0; i < n; i++) {
        const json_t *one = json_array_get(list, i);

        TRY(field_text(f, one, "name", &all[i].name));
        TRY(field_object(f, one, "digest", &digest));
        TRY(field_sha256(f, digest, "sha256", all[i].sha256));
        for (size_t k = 0; k < i; k++)
            if (strcmp(all[k].name, all[i].name) == 0)
                FAIL(f->e, SELFSAME_MALFORMED,
                    "statement: \"%s\" stands twice in \"%s\"", all[i].name, name);
    }
    *ret = all;
    *ret_count = n;
    return SELFSAME_OK;
}

/* ---- tee-release/v1 ---- */

static enum selfsame_code
source_parse(const struct fields *f, const json_t *predicate, struct release *r)
{
    const json_t *source, *digest;

    TRY(field_object(f, predicate, "source", &source));
    TRY(field_text(f, source, "uri", &r->source_uri));
    TRY(field_object(f, source, "digest", &digest));
    TRY(optional_digest(f, digest, "gitCommit", true, &r->git_commit));
    TRY(optional_digest(f, digest, "gitTree", true, &r->git_tree));
    TRY(optional_digest(f, digest, "sha256", false, &r->source_sha256));
    if (r->git_commit == NULL && r->source_sha256 == NULL)
        FAIL(f->e, SELFSAME_MALFORMED,
            "statement: expected gitCommit or sha256 in the digest of the source");
    return SELFSAME_OK;
}

static enum selfsame_code
build_parse(const struct fields *f, const json_t *predicate, struct release *r)
{
    const json_t *build, *recipe, *digest, *tool;
    uint64_t epoch;

    TRY(field_object(f, predicate, "build", &build));
    TRY(field_object(f, build, "recipe", &recipe));
    TRY(field_text(f, recipe, "name", &r->recipe_name));
    TRY(field_object(f, recipe, "digest", &digest));
    TRY(field_sha256(f, digest, "sha256", r->recipe_sha256));
    TRY(field_object(f, build, "tool", &tool));
    TRY(field_text(f, tool, "name", &r->tool_name));
    TRY(field_text(f, tool, "version", &r->tool_version));
    TRY(field_uint(f, build, "sourceDateEpoch", 0, &epoch));
    r->source_date_epoch = (int64_t)epoch;
    return SELFSAME_OK;
}

static enum selfsame_code
validity_parse(const struct fields *f, const json_t *predicate, int days,
    int64_t *ret_from, int64_t *ret_to)
{
    const json_t *v;

    TRY(field_object(f, predicate, "validity", &v));
    TRY(field_time(f, v, "notBefore", ret_from));
    TRY(field_time(f, v, "notAfter", ret_to));
    if (*ret_to < *ret_from || *ret_to - *ret_from > (int64_t)days * DAY)
        FAIL(f->e, SELFSAME_MALFORMED,
            "statement: expected a validity of at most %d days, got another", days);
    return SELFSAME_OK;
}

static enum selfsame_code
supersedes_parse(const struct fields *f, const json_t *predicate, struct release *r)
{
    const json_t *list;

    if (json_object_get(predicate, "supersedes") == NULL)
        return SELFSAME_OK;
    TRY(field_list(f, predicate, "supersedes", STATEMENT_LIST, &list));
    r->supersedes_count = json_array_size(list);
    r->supersedes = arena_alloc(f->arena, 32, r->supersedes_count + 1);
    if (r->supersedes == NULL)
        return field_nomem(f);
    for (size_t i = 0; i < r->supersedes_count; i++)
        if (!hex_of(json_array_get(list, i), r->supersedes[i], 32))
            FAIL(f->e, SELFSAME_MALFORMED,
                "statement: expected 64 hex digits in supersedes[%zu]", i);
    return SELFSAME_OK;
}

static enum selfsame_code
release_parse(const struct fields *f, const json_t *predicate, struct statement *s)
{
    struct release *r = &s->release;
    const json_t *name;

    TRY(files_parse(f, f->root, "subject", 1, &s->subjects, &s->subject_count));
    TRY(field_object(f, predicate, "release", &name));
    TRY(field_text(f, name, "name", &r->name));
    TRY(field_text(f, name, "version", &r->version));
    TRY(field_uint(f, name, "sequence", 1, &r->sequence));
    if (!release_name_ok(r->name) || !release_version_ok(r->version))
        FAIL(f->e, SELFSAME_MALFORMED,
            "statement: expected a name of a-z 0-9 . _ / - and a plain version");
    if (json_object_get(name, "channel") != NULL)
        TRY(field_text(f, name, "channel", &r->channel));
    TRY(source_parse(f, predicate, r));
    TRY(build_parse(f, predicate, r));
    TRY(validity_parse(f, predicate, RELEASE_DAYS, &r->not_before_s, &r->not_after_s));
    TRY(supersedes_parse(f, predicate, r));
    return measurements_parse(f, predicate, s);
}

/* ---- tee-rebuild/v1 ---- */

static enum selfsame_code
rebuild_parse(const struct fields *f, const json_t *predicate, struct statement *s)
{
    static const char *const words[] = {
        [REBUILD_IDENTICAL] = "identical",
        [REBUILD_DIFFERENT] = "different",
        [REBUILD_FAILED] = "failed",
    };
    struct rebuild *r = &s->rebuild;
    const json_t *of, *environment;
    const char *result;

    if (json_object_get(predicate, "environment") != NULL)
        TRY(field_object(f, predicate, "environment", &environment));
    TRY(field_object(f, predicate, "statement", &of));
    TRY(field_sha256(f, of, "sha256", r->statement));
    TRY(field_text(f, predicate, "result", &result));
    for (size_t i = 1; i < COUNT(words); i++)
        if (strcmp(result, words[i]) == 0)
            r->result = (enum rebuild_result)i;
    if (r->result == 0)
        FAIL(f->e, SELFSAME_MALFORMED,
            "statement: expected identical, different or failed, got \"%.40s\"",
            result);
    TRY(files_parse(f, predicate, "rebuilt", r->result == REBUILD_IDENTICAL ? 1 : 0,
        &r->rebuilt, &r->rebuilt_count));
    return files_parse(f, f->root, "subject", 1, &s->subjects, &s->subject_count);
}

/* ---- tee-index/v1 ---- */

static enum selfsame_code
current_parse(const struct fields *f, const json_t *predicate, struct release_index *x)
{
    const json_t *list;

    TRY(field_list(f, predicate, "current", STATEMENT_LIST, &list));
    x->current_count = json_array_size(list);
    x->current = ARENA_NEW(f->arena, struct index_current, x->current_count + 1);
    if (x->current == NULL)
        return field_nomem(f);
    for (size_t i = 0; i < x->current_count; i++) {
        const json_t *one = json_array_get(list, i);

        TRY(field_uint(f, one, "sequence", 1, &x->current[i].sequence));
        TRY(field_sha256(f, one, "sha256", x->current[i].sha256));
    }
    return SELFSAME_OK;
}

static enum selfsame_code
revoked_parse(const struct fields *f, const json_t *predicate, struct release_index *x)
{
    const json_t *list;

    TRY(field_list(f, predicate, "revoked", STATEMENT_LIST, &list));
    x->revoked_count = json_array_size(list);
    x->revoked = ARENA_NEW(f->arena, struct index_revoked, x->revoked_count + 1);
    if (x->revoked == NULL)
        return field_nomem(f);
    for (size_t i = 0; i < x->revoked_count; i++) {
        const json_t *one = json_array_get(list, i);

        TRY(field_sha256(f, one, "sha256", x->revoked[i].sha256));
        TRY(field_text(f, one, "reason", &x->revoked[i].reason));
        TRY(field_time(f, one, "since", &x->revoked[i].since_s));
    }
    return SELFSAME_OK;
}

static enum selfsame_code
index_parse(const struct fields *f, const json_t *predicate, struct statement *s)
{
    struct release_index *x = &s->index;

    TRY(field_text(f, predicate, "name", &x->name));
    if (!release_name_ok(x->name))
        FAIL(f->e, SELFSAME_MALFORMED, "statement: expected the name of a release");
    TRY(field_uint(f, predicate, "sequence", 1, &x->sequence));
    TRY(validity_parse(f, predicate, INDEX_DAYS, &x->not_before_s, &x->not_after_s));
    TRY(current_parse(f, predicate, x));
    TRY(revoked_parse(f, predicate, x));
    return files_parse(f, f->root, "subject", 0, &s->subjects, &s->subject_count);
}

/* ---- all of them ---- */

static const struct {
    const char *predicate;
    enum statement_kind kind;
    enum selfsame_code (*parse)(
        const struct fields *f, const json_t *predicate, struct statement *s);
} kinds[] = {
    { PREDICATE_RELEASE, STATEMENT_RELEASE, release_parse },
    { PREDICATE_REBUILD, STATEMENT_REBUILD, rebuild_parse },
    { PREDICATE_INDEX, STATEMENT_INDEX, index_parse },
};

enum selfsame_code
statement_read(struct selfsame_bytes payload, struct arena *arena,
    struct statement *ret, struct selfsame_err *e)
{
    uint8_t digest[HASH_MAX];
    struct statement s = { .kind = 0 };
    struct fields f = { .arena = arena, .e = e };
    auto_json *j = NULL;
    const json_t *predicate;
    const char *type;

    TRY(json_parse(payload, "statement", &j, e));
    f.root = j;
    TRY(field_text(&f, j, "_type", &type));
    if (strcmp(type, STATEMENT_TYPE) != 0)
        FAIL(e, SELFSAME_UNSUPPORTED, "statement: expected %s, got \"%.80s\"",
            STATEMENT_TYPE, type);
    TRY(field_text(&f, j, "predicateType", &type));
    TRY(field_object(&f, j, "predicate", &predicate));
    if (!hash_bytes(HASH_SHA256, payload, digest))
        return field_nomem(&f);
    memcpy(s.sha256, digest, 32);
    for (size_t i = 0; i < COUNT(kinds); i++) {
        if (strcmp(type, kinds[i].predicate) != 0)
            continue;
        s.kind = kinds[i].kind;
        TRY(kinds[i].parse(&f, predicate, &s));
        *ret = s;
        return SELFSAME_OK;
    }
    FAIL(e, SELFSAME_UNSUPPORTED, "statement: no predicate of ours: \"%.80s\"", type);
}

enum selfsame_code
statement_parse(struct selfsame_bytes payload, struct arena *arena,
    struct statement *ret, struct selfsame_err *e)
{
    TRY(canonical_check(payload, "statement", e));
    return statement_read(payload, arena, ret, e);
}

enum selfsame_code
statement_of_envelope(struct selfsame_bytes envelope, struct arena *arena,
    struct envelope *ret_envelope, struct statement *ret, struct selfsame_err *e)
{
    struct envelope v;

    TRY(envelope_parse(envelope, arena, &v, e));
    if (!bytes_eq(v.payload_type, BYTES_LIT(STATEMENT_PAYLOAD)))
        FAIL(e, SELFSAME_UNSUPPORTED, "envelope: expected a payload of type %s",
            STATEMENT_PAYLOAD);
    TRY(statement_parse(v.payload, arena, ret, e));
    *ret_envelope = v;
    return SELFSAME_OK;
}
