/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/call.h"
#include "verifier/front_admin.h"

#include <stdlib.h>

/* Whole paths come before prefixes, whatever the order here: httpd looks for them first. */
static const struct route_list *const lists[] = {
    &v1_routes,
    &oidc_routes,
    &veraison_routes,
    &ops_routes,
    &identity_routes,
    &secret_routes,
    &kbs_routes,
    &page_routes,
    &explain_routes,
    &admin_routes,
    &openapi_routes,
};

static void
serve(void *ctx, struct httpd_request *r)
{
    struct verifier_service *s = ctx;
    struct call *c = call_new(s, r, service_route(s, httpd_route_of(r)));
    struct selfsame_err e = { 0 };

    if (c == NULL) {
        (void)err_set(&e, SELFSAME_NOMEM, __FILE__, __LINE__, "no memory to serve");
        httpd_refuse(r, 503, &e);
        return;
    }
    if (!call_admit(c))
        return;
    if (c->route->where == IN_LOOP) {
        c->route->serve(c);
    } else if (!service_give(s, c)) {
        (void)err_set(&e, SELFSAME_IO, __FILE__, __LINE__,
            "the verifier is busy: too many requests wait already");
        call_problem(c, 503, &e);
    }
}

enum selfsame_code
routes_make(struct routes *ret, struct selfsame_err *e)
{
    size_t count = 0, n = 0;

    for (size_t i = 0; i < COUNT(lists); i++)
        count += lists[i]->count;
    ret->http = calloc(count, sizeof(*ret->http));
    ret->route = calloc(count, sizeof(*ret->route));
    if (ret->http == NULL || ret->route == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for the routes");
    for (size_t i = 0; i < COUNT(lists); i++)
        for (size_t k = 0; k < lists[i]->count; k++, n++) {
            const struct route *route = &lists[i]->routes[k];

            ret->route[n] = route;
            ret->http[n] = (struct httpd_route){ route->method, route->path, serve };
        }
    ret->count = n;
    return SELFSAME_OK;
}

void
routes_free(struct routes *r)
{
    free(r->http);
    free(r->route);
}

const char **
routes_operations(const struct routes *r)
{
    size_t inner = 0;

    while (admin_operation(inner) != NULL)
        inner++;
    const char **names = calloc(r->count + inner + 1, sizeof(*names));
    for (size_t i = 0; names != NULL && i < r->count; i++)
        names[i] = r->route[i]->operation;
    for (size_t i = 0; names != NULL && i < inner; i++)
        names[r->count + i] = admin_operation(i)->operation;
    return names;
}
