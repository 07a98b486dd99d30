/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "tee/tee.h"

#include <selfsame/appraise.h>
#include <selfsame/verify.h>

#include <dirent.h>

/* Every file of vectors/ through the public API; the format is in vectors/README.md. */
enum { COLLATERAL_MAX = 10 };
struct vector {
    const char *expect, *spec, *note, *tee, *now, *nonce, *report_data, *key, *policy;
    struct selfsame_bytes evidence, collateral[COLLATERAL_MAX];
    size_t collateral_count;
};

static const char **
field(struct vector *v, const char *name)
{
    const struct {
        const char *name;
        const char **at;
    } fields[] = {
        { "expect", &v->expect },
        { "spec", &v->spec },
        { "note", &v->note },
        { "tee", &v->tee },
        { "now", &v->now },
        { "nonce", &v->nonce },
        { "report-data", &v->report_data },
        { "key", &v->key },
        { "policy", &v->policy },
    };

    for (size_t i = 0; i < COUNT(fields); i++)
        if (strcmp(fields[i].name, name) == 0)
            return fields[i].at;
    return NULL;
}

/* base64 in lines up to an empty line or the end, taken from *rest. */
static struct selfsame_bytes
read_base64(const char *path, char **rest, struct arena *arena)
{
    uint8_t *bytes = arena_alloc(arena, 1, strlen(*rest) + 1);
    char *p = *rest, *text = p;
    size_t n = 0, len = 0;

    for (; *p != '\0' && strncmp(p, "\n\n", 2) != 0; p++)
        if (*p != '\n')
            text[n++] = *p;
    *rest = *p != '\0' ? p + 2 : p;
    assert_non_null(bytes);
    if (!base64_decode(text, n, false, bytes, n + 1, &len))
        fail_msg("%s: the body is not base64", path);
    return BYTES(bytes, len);
}

/* "name: value" lines up to an empty one, then base64: evidence, and collateral. */
static void
read_vector(const char *path, struct vector *v, struct arena *arena)
{
    struct selfsame_bytes file = test_file(path, arena);
    char *text = arena_str(arena, file), *save = NULL;

    assert_non_null(text);
    char *body = strstr(text, "\n\n");
    if (body == NULL)
        fail_msg("%s: no empty line", path);
    *body = '\0';
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
    body += 2;
    v->evidence = read_base64(path, &body, arena);
    while (*body != '\0') {
        if (v->collateral_count == COLLATERAL_MAX)
            fail_msg("%s: more than %d pieces of collateral", path, COLLATERAL_MAX);
        v->collateral[v->collateral_count++] = read_base64(path, &body, arena);
    }
    if (!v->expect || !v->spec || !v->note || !v->tee || !v->now || !v->policy)
        fail_msg("%s: expect, spec, note, tee, now and policy are needed", path);
}

static void
fill_request(struct selfsame_request *q, const struct vector *v, struct arena *arena)
{
    int64_t now_s;

    assert_true(time_parse(v->now, &now_s));
    selfsame_request_set_time(q, now_s * 1000);
    if (v->nonce != NULL)
        selfsame_request_set_nonce(q, unhex(v->nonce, arena));
    if (v->report_data != NULL)
        selfsame_request_expect_report_data(q, unhex(v->report_data, arena));
    if (v->key != NULL)
        selfsame_request_expect_key(q, unhex(v->key, arena));
}

static enum selfsame_code
run_vector(const struct vector *v, struct arena *arena, struct selfsame_err *e)
{
    struct selfsame_verifier *verifier = NULL;
    struct selfsame_policy *policy = NULL;
    struct selfsame_request *request = NULL;
    struct selfsame_result *result = NULL;

    enum selfsame_code code = selfsame_policy_parse(bytes_str(v->policy), &policy, e);
    if (code != SELFSAME_OK)
        return code;
    assert_int_equal(selfsame_verifier_new(&verifier, e), SELFSAME_OK);
    assert_int_equal(selfsame_request_new(&request, e), SELFSAME_OK);
    fill_request(request, v, arena);
    for (size_t i = 0; i < v->collateral_count; i++)
        assert_int_equal(
            selfsame_verifier_add_collateral(verifier, v->collateral[i], e),
            SELFSAME_OK);
    code = selfsame_verify(verifier, policy, request, v->evidence, &result, e);
    if (result != NULL) {
        assert_int_equal(selfsame_result_code(result), code);
        assert_true(
            code == SELFSAME_OK || strcmp(selfsame_result_status(result), "affirming"));
    }
    selfsame_result_free(result);
    selfsame_request_free(request);
    selfsame_policy_free(policy);
    selfsame_verifier_free(verifier);
    return code;
}

static int
is_vector(const struct dirent *d)
{
    size_t n = strlen(d->d_name);

    return n > 4 && strcmp(d->d_name + n - 4, ".vec") == 0;
}

static void
run_folder(const char *folder, int least)
{
    const char *root = getenv("SELFSAME_SOURCE_ROOT");
    struct dirent **list = NULL;
    char path[1024];
    int wrong = 0;

    (void)snprintf(path, sizeof(path), "%s/%s", root != NULL ? root : ".", folder);
    int count = scandir(path, &list, is_vector, alphasort);
    for (int i = 0; i < count; i++) {
        auto_arena arena = arena_new(4 << 20);
        struct vector v = { .expect = NULL };
        struct selfsame_err e = { .depth = 0 };

        (void)snprintf(path, sizeof(path), "%s/%s", folder, list[i]->d_name);
        read_vector(path, &v, &arena);
        enum selfsame_code code = run_vector(&v, &arena, &e);
        if (strcmp(selfsame_code_name(code), v.expect) != 0) {
            (void)fprintf(stderr, "%s: expected %s, got %s: %s\n", path, v.expect,
                selfsame_code_name(code), err_text(&e));
            wrong++;
        }
        /* 1xx is accepted and nothing else is. */
        assert_int_equal(list[i]->d_name[0] == '1', strcmp(v.expect, "ok") == 0);
        free(list[i]);
    }
    free(list);
    assert_int_equal(wrong, 0);
    if (count < least)
        fail_msg("%s: expected at least %d vectors, got %d", folder, least, count);
}

/* Of every TEE that is verified. */
static void
vectors_give_the_class_they_expect(void **state)
{
    enum { LEAST = 40 };
    const struct tee_verifier *v;
    char folder[64];

    (void)state;
    for (size_t i = 0; (v = tee_verifier_at(i)) != NULL; i++) {
        (void)snprintf(folder, sizeof(folder), "vectors/%s", v->name);
        run_folder(folder, LEAST);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_give_the_class_they_expect),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
