/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/collateral.h"
#include "verifier/service.h"

#include "token/svid.h"

/*
 * verifier.json. Each member is checked when it is read, so that whoever uses it later
 * finds what it expects.
 */
enum shape { TEXT, NUMBER, BOOL, OBJECT };
static const struct {
    const char *name;
    enum shape shape;
    json_int_t max; /* NUMBER: from 0 */
} members[] = {
    { "issuer", TEXT, 0 },
    { "listen", TEXT, 0 },
    { "registry", TEXT, 0 },
    { "behind_proxy", BOOL, 0 },
    { "workers", NUMBER, WORKERS_MAX },
    { "connections", NUMBER, 65536 },
    { "loops", NUMBER, 64 },
    { "drain_s", NUMBER, 300 },
    { "developer", TEXT, 0 },
    { "tls", OBJECT, 0 },
    { "collateral", OBJECT, 0 },
    { "log", OBJECT, 0 },
    { "metrics", OBJECT, 0 },
    { "spiffe", OBJECT, 0 },
    { "kbs", OBJECT, 0 },
    { "explorer", BOOL, 0 },
    { "follow_s", NUMBER, 86400 },
};
static const char *const shapes[] = {
    [TEXT] = "a text",
    [NUMBER] = "a whole number within its bounds",
    [BOOL] = "true or false",
    [OBJECT] = "an object",
};

static bool
has_shape(const json_t *v, enum shape shape, json_int_t max)
{
    switch (shape) {
    case TEXT: return json_is_string(v) && json_string_length(v) > 0;
    case NUMBER:
        return json_is_integer(v) && json_integer_value(v) >= 0 &&
               json_integer_value(v) <= max;
    case BOOL: return json_is_boolean(v);
    case OBJECT: return json_is_object(v);
    }
    return false;
}

static enum selfsame_code
check_member(struct selfsame_bytes text, const char *name, const json_t *v,
    struct selfsame_err *e)
{
    for (size_t i = 0; i < COUNT(members); i++) {
        if (strcmp(name, members[i].name) != 0)
            continue;
        if (!has_shape(v, members[i].shape, members[i].max))
            FAIL(e, SELFSAME_USAGE, "verifier.json, line %d: %s: expected %s",
                json_line_of(text, name), name, shapes[members[i].shape]);
        return SELFSAME_OK;
    }
    FAIL(e, SELFSAME_USAGE, "verifier.json, line %d: no such setting: %.60s",
        json_line_of(text, name), name);
}

/* Relying parties compare it byte for byte: what they normalise must not differ. */
static enum selfsame_code
check_issuer(const char *issuer, struct selfsame_err *e)
{
    static const char *const schemes[] = { "https://", "http://127.0.0.1",
        "http://localhost", "http://[::1]" };
    bool known = false;

    for (size_t i = 0; issuer != NULL && i < COUNT(schemes); i++)
        known = known || strncmp(issuer, schemes[i], strlen(schemes[i])) == 0;
    if (!known)
        FAIL(
            e, SELFSAME_USAGE, "\"issuer\": expected an https URL (http for loopback)");
    if (strpbrk(issuer, "?# \t\r\n\"\\") != NULL || issuer[strlen(issuer) - 1] == '/' ||
        strlen(issuer) > 512)
        FAIL(e, SELFSAME_USAGE,
            "\"issuer\": expected a URL without query and without '/' at the end");
    return SELFSAME_OK;
}

static enum selfsame_code
check_tls(const json_t *tls, struct selfsame_err *e)
{
    const char *name;
    json_t *v;

    if (tls == NULL)
        return SELFSAME_OK;
    json_object_foreach((json_t *)(uintptr_t)tls, name, v)
    {
        const bool flag = strcmp(name, "client_required") == 0;
        const bool text = strcmp(name, "certificate") == 0 ||
                          strcmp(name, "key") == 0 || strcmp(name, "client_ca") == 0;

        if (!(flag && json_is_boolean(v)) && !(text && json_is_string(v)))
            FAIL(e, SELFSAME_USAGE,
                "\"tls\": %.60s: expected certificate, key, client_ca (files) or "
                "client_required (true or false)",
                name);
    }
    if (json_object_get(tls, "certificate") == NULL ||
        json_object_get(tls, "key") == NULL)
        FAIL(e, SELFSAME_USAGE, "\"tls\": expected \"certificate\" and \"key\"");
    return SELFSAME_OK;
}

/* docs/identity.md; a misspelt trust domain would be another one. */
static enum selfsame_code
check_spiffe(const json_t *spiffe, struct selfsame_err *e)
{
    const char *name;
    json_t *v;

    json_object_foreach((json_t *)(uintptr_t)spiffe, name, v)
    {
        const json_int_t n = json_integer_value(v);
        const char *text = json_string_value(v);

        if (strcmp(name, "trust_domain") == 0 && text != NULL &&
            spiffe_domain_valid(bytes_str(text)))
            continue;
        if ((strcmp(name, "x509_life_s") == 0 || strcmp(name, "jwt_life_s") == 0) &&
            n >= 60 && n <= SVID_LIFE_MAX_S)
            continue;
        FAIL(e, SELFSAME_USAGE,
            "\"spiffe\": %.60s: expected trust_domain (a-z, 0-9, '.', '-', '_'), or "
            "x509_life_s and jwt_life_s of 60 to 3600",
            name);
    }
    return SELFSAME_OK;
}

static enum selfsame_code
check_kbs(const json_t *kbs, struct selfsame_err *e)
{
    const char *name;
    json_t *v;

    json_object_foreach((json_t *)(uintptr_t)kbs, name,
        v) if (strcmp(name, "tenant") != 0 || !json_is_string(v))
        FAIL(e, SELFSAME_USAGE, "\"kbs\": %.60s: expected tenant, a name", name);
    return SELFSAME_OK;
}

enum selfsame_code
settings_read(struct selfsame_bytes text, json_t **ret, struct selfsame_err *e)
{
    auto_json *root = NULL;
    const char *name;
    json_t *v;

    TRY(json_parse(text, "verifier.json", &root, e));
    json_object_foreach(root, name, v) TRY(check_member(text, name, v, e));
    TRY(check_issuer(json_string_value(json_object_get(root, "issuer")), e));
    TRY(check_tls(json_object_get(root, "tls"), e));
    TRY(collateral_settings_check(json_object_get(root, "collateral"), e));
    TRY(check_spiffe(json_object_get(root, "spiffe"), e));
    TRY(check_kbs(json_object_get(root, "kbs"), e));
    *ret = root;
    root = NULL;
    return SELFSAME_OK;
}
