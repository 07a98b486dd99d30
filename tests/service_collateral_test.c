/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "service/collateral_service.h"

/* What is asked of a vendor for what a client asks; NULL: refused. */
struct row {
    const char *path, *names[5], *values[5];
    int status;
    const char *url;
};
#define CHIP                                                           \
    "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff" \
    "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
static const struct row rows[] = {
    { "/vcek/v1/Milan/crl", { 0 }, { 0 }, 200,
        "https://kdsintf.amd.com/vcek/v1/Milan/crl" },
    { "/vlek/v1/Genoa/cert_chain", { 0 }, { 0 }, 200,
        "https://kdsintf.amd.com/vlek/v1/Genoa/cert_chain" },
    { "/vcek/v1/Milan/" CHIP, { "ucodeSPL", "blSPL", "teeSPL", "snpSPL" },
        { "219", "4", "00", "24" }, 200,
        "https://kdsintf.amd.com/vcek/v1/Milan/" CHIP
        "?blSPL=04&teeSPL=00&snpSPL=24&ucodeSPL=219" },
    { "/vcek/v1/Turin/59790FB1C39F35C1",
        { "fmcSPL", "blSPL", "teeSPL", "snpSPL", "ucodeSPL" },
        { "1", "1", "1", "4", "81" }, 200,
        "https://kdsintf.amd.com/vcek/v1/Turin/59790fb1c39f35c1"
        "?fmcSPL=01&blSPL=01&teeSPL=01&snpSPL=04&ucodeSPL=81" },
    { "/vcek/v1/Milan/" CHIP, { "blSPL" }, { "4" }, 400, NULL },
    { "/vlek/v1/Milan/" CHIP, { 0 }, { 0 }, 404, NULL },
    { "/vcek/v1/Mi.lan/crl", { 0 }, { 0 }, 404, NULL },
    { "/vcek/v1/Milan/crl/", { 0 }, { 0 }, 404, NULL },
    { "/tdx/certification/v4/tcb", { "fmspc" }, { "B0C06F000000" }, 200,
        "https://api.trustedservices.intel.com/tdx/certification/v4/"
        "tcb?fmspc=b0c06f000000" },
    { "/sgx/certification/v4/tcb", { "fmspc", "update" }, { "b0c06f000000", "early" },
        200,
        "https://api.trustedservices.intel.com/sgx/certification/v4/"
        "tcb?fmspc=b0c06f000000&update=early" },
    { "/sgx/certification/v4/tcb", { "fmspc" }, { "b0c06f00000&" }, 400, NULL },
    { "/sgx/certification/v4/pckcrl", { "ca" }, { "platform" }, 200,
        "https://api.trustedservices.intel.com/sgx/certification/v4/"
        "pckcrl?ca=platform&encoding=der" },
    { "/sgx/certification/v4/pckcrl", { "ca" }, { "platform&x=y" }, 400, NULL },
    { "/sgx/certification/v4/rootcacrl", { 0 }, { 0 }, 200,
        "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der" },
    { "/sgx/certification/v3/tcb", { "fmspc" }, { "b0c06f000000" }, 404, NULL },
    { "/", { 0 }, { 0 }, 404, NULL },
    { "", { 0 }, { 0 }, 404, NULL },
};

static const char *
value(const void *ctx, const char *name)
{
    const struct row *r = ctx;

    for (size_t i = 0; i < COUNT(r->names); i++)
        if (r->names[i] != NULL && strcmp(r->names[i], name) == 0)
            return r->values[i];
    return NULL;
}

static void
paths(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct collateral_query q = { value, &rows[i] };
        struct collateral_asked a;

        assert_int_equal(collateral_path(rows[i].path, &q, &a), rows[i].status);
        if (rows[i].url != NULL)
            assert_string_equal(a.url, rows[i].url);
    }
}

/* Whatever stands in a path, a vendor is asked at its own origin for printable things. */
static void
any_byte_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t at = 0; rows[i].path[at] != '\0'; at++)
            for (int byte = 1; byte < 256; byte++) {
                const struct collateral_query q = { value, &rows[i] };
                struct collateral_asked a;
                char path[512];

                (void)snprintf(path, sizeof(path), "%s", rows[i].path);
                path[at] = (char)byte;
                if (collateral_path(path, &q, &a) != 200)
                    continue;
                assert_true(
                    strncmp(a.url, "https://kdsintf.amd.com/", 24) == 0 ||
                    strncmp(a.url, "https://api.trustedservices.intel.com/", 38) == 0 ||
                    strncmp(a.url, "https://certificates.trustedservices.intel.com/",
                        47) == 0);
                for (const char *p = a.url; *p != '\0'; p++)
                    assert_true(*p > ' ' && *p <= '~' && *p != '#' && *p != '@' &&
                                *p != '"' && *p != '\\');
                assert_null(strstr(a.url, ".."));
            }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths),
        cmocka_unit_test(any_byte_anywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
