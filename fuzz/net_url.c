/* SPDX-License-Identifier: Apache-2.0 */
#include "net/net.h"

#include <stdlib.h>

/* URLs and addresses of anybody: what parses is within its bounds and reads as it is written. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const struct net_addr *a)
{
    char text[NET_TEXT], again[NET_TEXT];
    struct selfsame_err e = { 0 };
    struct net_addr b;

    net_addr_text(a, text);
    /* Hosts of these names are written like the other kinds of address. */
    if (a->kind == NET_TCP &&
        (strcmp(a->host, "unix") == 0 || strcmp(a->host, "vsock") == 0))
        return;
    if (net_addr_parse(text, 0, &b, &e) != SELFSAME_OK || b.kind != a->kind)
        abort();
    net_addr_text(&b, again);
    if (strcmp(text, again) != 0)
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[4096];
    struct selfsame_err e = { 0 };
    struct net_addr a;
    struct net_url u;

    if (size >= sizeof(text))
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    if (net_url_parse(text, &u, &e) == SELFSAME_OK) {
        if (u.path[0] != '/' || u.addr.kind != NET_TCP || u.addr.host[0] == '\0')
            abort();
        check(&u.addr);
    }
    if (net_addr_parse(text, 443, &a, &e) == SELFSAME_OK)
        check(&a);
    return 0;
}
