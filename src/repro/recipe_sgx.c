/* SPDX-License-Identifier: Apache-2.0 */
#include "repro/recipe_parts.h"

/*
 * "sgx": Gramine, which an enclave of Intel SGX has beside the application, and the
 * sizes that its measurement depends on.
 */
enum { THREADS_MAX = 4096 };

void
recipe_sgx_default(struct recipe_sgx *ret)
{
    *ret = (struct recipe_sgx){ .enclave_size = "512M", .threads = 16 };
}

/* "512M": a power of two, in Gramine's units; the place for the threads is checked later. */
static bool
is_size(const char *s)
{
    size_t len = strlen(s);
    uint64_t n;

    return len > 1 && (s[len - 1] == 'M' || s[len - 1] == 'G') &&
           uint_parse(s, len - 1, 1 << 15, &n) && n > 0 && (n & (n - 1)) == 0;
}

static enum selfsame_code
number(const struct recipe_reading *p, json_t *v, const char *name, const char *member,
    json_int_t least, json_int_t most, json_int_t *ret)
{
    const json_t *x = json_object_get(v, name);

    if (x == NULL)
        return SELFSAME_OK;
    if (!json_is_integer(x) || json_integer_value(x) < least ||
        json_integer_value(x) > most)
        return recipe_wrong(p, member, "a whole number that can be");
    *ret = json_integer_value(x);
    return SELFSAME_OK;
}

enum selfsame_code
recipe_sgx(const struct recipe_reading *p, const json_t *root, struct recipe_sgx *ret)
{
    static const char *const known[] = { "pal", "libos", "enclave_size", "threads",
        "isv_prod_id", "isv_svn", "edmm", NULL };
    json_t *v = json_object_get(root, "sgx");
    json_t *pal = json_object_get(v, "pal"), *libos = json_object_get(v, "libos"),
           *edmm = json_object_get(v, "edmm");
    json_int_t threads = ret->threads, prod_id = 0, svn = 0;

    if (v == NULL)
        return SELFSAME_OK;
    if (!json_is_object(v))
        return recipe_wrong(p, "sgx", "an object");
    TRY(recipe_only(p, v, "sgx.", known));
    if (pal != NULL)
        TRY(recipe_input(p, pal, "sgx.pal", &ret->pal));
    if (libos != NULL)
        TRY(recipe_input(p, libos, "sgx.libos", &ret->libos));
    TRY(recipe_text(p, root, "sgx.enclave_size", &ret->enclave_size));
    if (!is_size(ret->enclave_size))
        return recipe_wrong(p, "sgx.enclave_size", "a power of two like \"512M\"");
    TRY(number(p, v, "threads", "sgx.threads", 1, THREADS_MAX, &threads));
    TRY(number(p, v, "isv_prod_id", "sgx.isv_prod_id", 0, UINT16_MAX, &prod_id));
    TRY(number(p, v, "isv_svn", "sgx.isv_svn", 0, UINT16_MAX, &svn));
    if (edmm != NULL && !json_is_boolean(edmm))
        return recipe_wrong(p, "sgx.edmm", "true or false");
    ret->threads = (unsigned)threads;
    ret->isv_prod_id = (uint16_t)prod_id;
    ret->isv_svn = (uint16_t)svn;
    ret->edmm = json_is_true(edmm);
    return SELFSAME_OK;
}
