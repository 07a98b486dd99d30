/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /openapi.json: openapi.json, as it was when this program was built
 * (tests/verifier_openapi_test.c holds it against the routes).
 */
#include "verifier/page.h"
#include "verifier/parts.h"

static void
serve_openapi(struct call *c)
{
    struct selfsame_err e = { 0 };

    for (size_t i = 0; i < page_asset_count; i++) {
        const struct page_asset *a = &page_assets[i];

        if (strcmp(a->name, "openapi.json") != 0)
            continue;
        const struct httpd_header headers[] = { { "ETag", a->etag },
            { "Access-Control-Allow-Origin", "*" } };
        const struct call_reply reply = { .status = 200,
            .cache = "no-cache",
            .body = a->body,
            .headers = headers,
            .header_count = COUNT(headers) };
        call_reply(c, &reply);
        return;
    }
    (void)err_set(&e, SELFSAME_INTERNAL, __FILE__, __LINE__,
        "this program was built without its description");
    call_problem(c, 503, &e);
}

static const struct route routes[] = {
    { "GET", "/openapi.json", IN_LOOP, ROLE_NONE, serve_openapi, "getOpenapi" },
};
const struct route_list openapi_routes = { routes, COUNT(routes) };
