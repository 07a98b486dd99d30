/* SPDX-License-Identifier: Apache-2.0 */
#include "service/httpd_parts.h"

#include <stdlib.h>

/* Heads of requests: what is served has a plain path, and its strings end where they should. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct httpd_request r = { .path = "" };
    struct selfsame_err e = { 0 };

    if (size > HTTPD_HEAD_MAX)
        return 0;
    if (httpd_request_parse(&r, BYTES(data, size), &e) == 0) {
        if (r.path[0] != '/' || strstr(r.path, "/../") != NULL ||
            strstr(r.path, "//") != NULL || strpbrk(r.path, "%\\?# \r\n") != NULL)
            abort();
        for (size_t i = 0; i < r.query_count; i++)
            if (httpd_query(&r, r.query[i].name) != r.query[i].value ||
                strpbrk(r.query[i].value, "\r\n") != NULL)
                abort();
        for (size_t i = 0; i < r.head.count; i++)
            if (strlen((const char *)r.head.headers[i].value.ptr) > size)
                abort();
        if (httpd_header(&r, "host") == NULL && r.head.minor > 0)
            abort();
    }
    free(r.text);
    return 0;
}
