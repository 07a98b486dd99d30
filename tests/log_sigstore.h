/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_TESTS_LOG_SIGSTORE_H
#define SELFSAME_TESTS_LOG_SIGSTORE_H

#include "test.h"

#include "log/sigstore.h"

/* Files of vectors/sigstore, made by tests/make_sigstore.py; vectors/README.md says how. */

struct vector {
    const char *expect, *note, *now, *root, *artifact, *identity, *pattern, *issuer;
    const char *key, *predicate;
    struct selfsame_bytes bundle;
    struct sigstore_expect x;
};

static inline const char **
field(struct vector *v, const char *name)
{
    const struct {
        const char *name;
        const char **at;
    } fields[] = {
        { "expect", &v->expect },
        { "note", &v->note },
        { "now", &v->now },
        { "root", &v->root },
        { "artifact", &v->artifact },
        { "identity", &v->identity },
        { "identity-pattern", &v->pattern },
        { "issuer", &v->issuer },
        { "key", &v->key },
        { "predicate-type", &v->predicate },
    };

    for (size_t i = 0; i < COUNT(fields); i++)
        if (strcmp(fields[i].name, name) == 0)
            return fields[i].at;
    return NULL;
}

static inline void
read_vector(const char *name, struct vector *v, struct arena *arena)
{
    const char *path = arena_printf(arena, "vectors/sigstore/%s", name);

    assert_non_null(path);
    struct selfsame_bytes file = test_file(path, arena);
    char *text = arena_str(arena, file), *save = NULL;
    assert_non_null(text);
    char *body = strstr(text, "\n\n");
    if (body == NULL)
        fail_msg("%s: no empty line", path);
    *body = '\0';
    v->bundle = bytes_str(body + 2);
    for (char *line = strtok_r(text, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        char *colon = strstr(line, ": ");
        if (colon == NULL)
            fail_msg("%s: a line without colon: %s", path, line);
        *colon = '\0';
        const char **at = field(v, line);
        if (at == NULL || *at != NULL)
            fail_msg("%s: unknown or repeated field %s", path, line);
        *at = colon + 2;
    }
    v->x = (struct sigstore_expect){ .identity = v->identity,
        .identity_pattern = v->pattern,
        .issuer = v->issuer,
        .predicate_type = v->predicate };
    if (v->artifact != NULL)
        v->x.artifact = unhex(v->artifact, arena);
    if (v->key != NULL)
        v->x.key = unhex(v->key, arena);
    assert_true(v->now != NULL && time_parse(v->now, &v->x.now_s));
}

static inline struct selfsame_bytes
root_json(const struct vector *v, struct arena *arena)
{
    const char *path = arena_printf(arena, "vectors/sigstore/%s.root.json", v->root);

    assert_non_null(path);
    return test_file(path, arena);
}

static inline enum selfsame_code
judge(const struct vector *v, struct selfsame_bytes bundle, struct arena *arena,
    struct sigstore_claims *ret, struct selfsame_err *e)
{
    const struct sigstore_root *root = NULL;

    TRY(sigstore_root_parse(root_json(v, arena), arena, &root, e));
    return sigstore_verify(bundle, &v->x, root, arena, ret, e);
}

#endif
