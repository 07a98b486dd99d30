/* SPDX-License-Identifier: Apache-2.0 */
/* openapi.json and the routes say the same. */
#include "test.h"

#include "verifier/call.h"
#include "verifier/front_admin.h"
#include "verifier/page.h"

#include <ctype.h>

enum { OPERATIONS = 256 };
struct operation {
    char method[8];
    const char *path, *id;
    bool found;
};
struct document {
    json_t *root;
    struct operation list[OPERATIONS];
    size_t count;
};

static void
read_path(struct document *d, const char *path, json_t *item)
{
    const char *method;
    json_t *operation;

    json_object_foreach(item, method, operation)
    {
        struct operation *o = &d->list[d->count++];

        assert_true(d->count < OPERATIONS && strlen(method) < sizeof(o->method));
        for (size_t i = 0; method[i] != '\0'; i++)
            o->method[i] = (char)toupper((unsigned char)method[i]);
        o->path = path;
        o->id = json_string_value(json_object_get(operation, "operationId"));
        assert_non_null(o->id);
    }
}

static void
document_free(struct document *d)
{
    json_decref(d->root);
}
#define auto_document __attribute__((cleanup(document_free))) struct document

static void
read_document(struct document *d)
{
    struct selfsame_err e = { 0 };
    const char *path;
    json_t *item;

    *d = (struct document){ .count = 0 };
    for (size_t i = 0; i < page_asset_count; i++)
        if (strcmp(page_assets[i].name, "openapi.json") == 0)
            assert_code(json_parse(page_assets[i].body, "openapi.json", &d->root, &e),
                SELFSAME_OK, &e);
    assert_non_null(d->root);
    json_object_foreach(json_object_get(d->root, "paths"), path, item)
        read_path(d, path, item);
}

/* A prefix is described with a parameter, or with more of the path, behind it. */
static bool
same_path(const char *route, const char *described)
{
    const size_t len = strlen(route);

    if (route[len - 1] != '*')
        return strcmp(route, described) == 0;
    return strncmp(route, described, len - 1) == 0 && strchr(described, '{') != NULL;
}

static void
find(struct document *d, const struct route *r)
{
    for (size_t i = 0; i < d->count; i++) {
        struct operation *o = &d->list[i];

        if (strcmp(o->id, r->operation) != 0)
            continue;
        assert_false(o->found);
        assert_string_equal(o->method, r->method);
        if (!same_path(r->path, o->path))
            fail_msg("%s: expected %s, got %s", o->id, r->path, o->path);
        o->found = true;
        return;
    }
    fail_msg(
        "%s %s: no operation %s in openapi.json", r->method, r->path, r->operation);
}

static void
every_route_is_described_and_every_description_is_a_route(void **state)
{
    struct selfsame_err e = { 0 };
    auto_document d;
    struct routes all;

    (void)state;
    read_document(&d);
    assert_code(routes_make(&all, &e), SELFSAME_OK, &e);
    for (size_t i = 0; i < all.count; i++)
        if (strcmp(all.route[i]->operation, "admin") != 0) /* a prefix of many */
            find(&d, all.route[i]);
    for (size_t i = 0; admin_operation(i) != NULL; i++)
        find(&d, admin_operation(i));
    for (size_t i = 0; i < d.count; i++)
        if (!d.list[i].found)
            fail_msg("%s %s: no route", d.list[i].method, d.list[i].path);
    routes_free(&all);
}

static void
parameters_of_a_path_are_described(void **state)
{
    auto_document d;

    (void)state;
    read_document(&d);
    for (size_t i = 0; i < d.count; i++)
        for (const char *at = d.list[i].path; (at = strchr(at, '{')) != NULL; at++) {
            const json_t *item = json_object_get(
                json_object_get(d.root, "paths"), d.list[i].path);
            char *text = json_compact(item);
            char name[64];

            (void)snprintf(
                name, sizeof(name), "%.*s", (int)strcspn(at + 1, "}"), at + 1);
            char own[128], shared[128];
            (void)snprintf(own, sizeof(own), "\"name\":\"%s\",\"in\":\"path\"", name);
            (void)snprintf(
                shared, sizeof(shared), "#/components/parameters/%s\"", name);
            if (strstr(text, own) == NULL && strstr(text, shared) == NULL)
                fail_msg("%s: %s is not described", d.list[i].path, name);
            free(text);
        }
}

/* What admin operations need and what a key may: the document says "key" for all. */
static void
operations_are_told_apart_in_metrics(void **state)
{
    struct selfsame_err e = { 0 };
    struct routes all;
    size_t count = 0;

    (void)state;
    assert_code(routes_make(&all, &e), SELFSAME_OK, &e);
    const char **names = routes_operations(&all);
    assert_non_null(names);
    for (; names[count] != NULL; count++)
        for (size_t k = 0; k < count; k++)
            if (strcmp(names[k], names[count]) == 0 && strcmp(names[k], "admin") != 0)
                fail_msg("two operations are called %s", names[k]);
    assert_true(count < OPERATIONS);
    free((void *)(uintptr_t)names);
    routes_free(&all);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_is_described_and_every_description_is_a_route),
        cmocka_unit_test(parameters_of_a_path_are_described),
        cmocka_unit_test(operations_are_told_apart_in_metrics),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
