/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/remote.h"

#include "tls/tls.h"

enum selfsame_code
remote_verify(const char *url, bool ratls, struct selfsame_verifier *v,
    const struct selfsame_policy *p, struct releases *releases,
    struct selfsame_result **ret, struct selfsame_err *e)
{
    struct session_config g = {
        .verifier = v,
        .policy = p,
        .key_level_too = true,
        .ratls = ratls,
        .prepare = releases_prepare,
        .settle = releases_settle,
        .prepare_arg = releases,
    };
    struct net_url u;

    TRY(net_url_parse(url, &u, e));
    g.addr = u.addr;
    return session_open(&g, NULL, ret, e);
}
