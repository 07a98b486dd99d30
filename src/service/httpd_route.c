/* SPDX-License-Identifier: Apache-2.0 */
#include "service/httpd_parts.h"

#include <stdio.h>

static bool
path_matches(const struct httpd_route *r, const char *path, bool whole)
{
    size_t len = strlen(r->path);

    if (len > 0 && r->path[len - 1] == '*')
        return !whole && strncmp(r->path, path, len - 1) == 0;
    return whole && strcmp(r->path, path) == 0;
}

/* HEAD is GET without the body: RFC 9110 §9.3.2. */
static bool
method_matches(const struct httpd_route *r, struct selfsame_bytes method)
{
    return bytes_eq(bytes_str(r->method), method) ||
           (strcmp(r->method, "GET") == 0 && bytes_eq(method, BYTES_LIT("HEAD")));
}

static bool
allows(const char *list, const char *method)
{
    const size_t len = strlen(method);

    for (const char *at = strstr(list, method); at != NULL; at = strstr(at + 1, method))
        if ((at == list || at[-1] == ' ') && (at[len] == '\0' || at[len] == ','))
            return true;
    return false;
}

/* RFC 9110 §15.5.6: a 405 says what may be asked. Each method once. */
static void
allow(struct httpd_request *r, const char *method)
{
    const size_t len = strlen(r->allow);

    if (!allows(r->allow, method))
        (void)snprintf(r->allow + len, sizeof(r->allow) - len, "%s%s",
            len > 0 ? ", " : "", method);
}

/* 0, 404 or 405 (then "Allow" is in the request), among whole paths or among prefixes. */
static int
find_among(struct httpd_request *r, bool whole)
{
    const struct httpd_config *config = &r->h->config;
    int status = 404;

    for (size_t i = 0; i < config->route_count; i++) {
        const struct httpd_route *route = &config->routes[i];

        if (!path_matches(route, r->path, whole))
            continue;
        if (method_matches(route, r->head.method)) {
            r->route = route;
            r->allow[0] = '\0';
            return 0;
        }
        status = 405;
        allow(r, route->method);
        if (strcmp(route->method, "GET") == 0)
            allow(r, "HEAD");
    }
    return status;
}

int
httpd_route_find(struct httpd_request *r)
{
    int status = find_among(r, true);

    if (status == 404)
        status = find_among(r, false);
    if (status != 405)
        return status;
    allow(r, "OPTIONS");
    return bytes_eq(r->head.method, BYTES_LIT("OPTIONS")) ? 204 : 405;
}
