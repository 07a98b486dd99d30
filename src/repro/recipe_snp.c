/* SPDX-License-Identifier: Apache-2.0 */
#include "repro/recipe_parts.h"

#include <arpa/inet.h>
#include <stdlib.h>

/*
 * "snp": what a machine under AMD SEV-SNP has beside the application, and the
 * shapes (processors, their type, features) that its measurement depends on.
 */
enum { MODULES = 64, VCPUS_MAX = 512, SHAPES = 64 };

/* The module's place in the image is its name alone, so that no path of this machine is in it. */
static bool
is_module_name(const char *file)
{
    const char *slash = strrchr(file, '/'), *name = slash != NULL ? slash + 1 : file;
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                            "0123456789_.+-");

    return n > 0 && n < 128 && name[n] == 0 && name[0] != '.';
}

static bool
same_name(const char *a, const char *b)
{
    const char *x = strrchr(a, '/'), *y = strrchr(b, '/');

    return strcmp(x != NULL ? x + 1 : a, y != NULL ? y + 1 : b) == 0;
}

static enum selfsame_code
modules(const struct recipe_reading *p, const json_t *v, struct recipe_snp *r)
{
    size_t n = json_array_size(v);

    if (v == NULL)
        return SELFSAME_OK;
    if (!json_is_array(v) || n > MODULES)
        return recipe_wrong(p, "snp.modules", "an array of at most 64 modules");
    struct recipe_input *list = ARENA_NEW(p->arena, struct recipe_input, n + 1);
    if (list == NULL)
        return recipe_no_memory(p);
    for (size_t i = 0; i < n; i++) {
        char *member = arena_printf(p->arena, "snp.modules[%zu]", i);

        if (member == NULL)
            return recipe_no_memory(p);
        TRY(recipe_input(p, json_array_get(v, i), member, &list[i]));
        if (!is_module_name(list[i].file))
            return recipe_wrong(
                p, member, "a file whose name has only letters, digits and _ . + -");
        for (size_t k = 0; k < i; k++)
            if (same_name(list[k].file, list[i].file))
                return recipe_wrong(p, member, "a name that no other module has");
    }
    r->modules = list;
    r->module_count = n;
    return SELFSAME_OK;
}

/* ---- shapes ---- */

static enum selfsame_code
numbers(const struct recipe_reading *p, const json_t *v, const char *member,
    struct recipe_shape *ret)
{
    size_t n = json_array_size(v);

    if (!json_is_array(v) || n == 0 || n > SHAPES)
        return recipe_wrong(p, member, "an array of 1 to 64 numbers");
    unsigned *list = ARENA_NEW(p->arena, unsigned, n);
    if (list == NULL)
        return recipe_no_memory(p);
    for (size_t i = 0; i < n; i++) {
        json_int_t x = json_integer_value(json_array_get(v, i));

        if (x < 1 || x > VCPUS_MAX)
            return recipe_wrong(p, member, "numbers from 1 to 512");
        list[i] = (unsigned)x;
    }
    ret->vcpus = list;
    ret->vcpu_count = n;
    return SELFSAME_OK;
}

static enum selfsame_code
words(const struct recipe_reading *p, const json_t *v, const char *member,
    const char *const **ret)
{
    const char *const *list;

    TRY(recipe_strings(p, v, member, &list));
    for (size_t i = 0; list[i] != NULL; i++)
        if (list[i][0] == 0)
            return recipe_wrong(p, member, "strings that are not empty");
    if (list[0] == NULL || json_array_size(v) > SHAPES)
        return recipe_wrong(p, member, "1 to 64 strings");
    *ret = list;
    return SELFSAME_OK;
}

static enum selfsame_code
shape(const struct recipe_reading *p, json_t *v, size_t i, struct recipe_shape *ret)
{
    static const char *const known[] = { "vmm", "vcpus", "cpu", "features", NULL };
    char *member = arena_printf(p->arena, "snp.shapes[%zu]", i);
    char *prefix = arena_printf(p->arena, "snp.shapes[%zu].", i);

    if (member == NULL || prefix == NULL)
        return recipe_no_memory(p);
    if (!json_is_object(v))
        return recipe_wrong(p, member, "an object");
    TRY(recipe_only(p, v, prefix, known));
    const char *vmm = json_string_value(json_object_get(v, "vmm"));
    if (vmm == NULL || strcmp(vmm, "qemu") != 0)
        return recipe_wrong(p, member, "'vmm' to be \"qemu\"");
    ret->vmm = "qemu";
    TRY(numbers(p, json_object_get(v, "vcpus"), member, ret));
    TRY(words(p, json_object_get(v, "cpu"), member, &ret->cpus));
    return words(p, json_object_get(v, "features"), member, &ret->features);
}

static enum selfsame_code
shapes(const struct recipe_reading *p, const json_t *v, struct recipe_snp *r)
{
    size_t n = json_array_size(v), sum = 0;

    if (v == NULL)
        return SELFSAME_OK;
    if (!json_is_array(v) || n == 0 || n > SHAPES)
        return recipe_wrong(p, "snp.shapes", "an array of 1 to 64 shapes");
    struct recipe_shape *list = ARENA_NEW(p->arena, struct recipe_shape, n);
    if (list == NULL)
        return recipe_no_memory(p);
    for (size_t i = 0; i < n; i++) {
        size_t cpus = 0, features = 0;

        TRY(shape(p, json_array_get(v, i), i, &list[i]));
        while (list[i].cpus[cpus] != NULL)
            cpus++;
        while (list[i].features[features] != NULL)
            features++;
        sum += list[i].vcpu_count * cpus * features;
    }
    if (sum > SHAPES)
        return recipe_wrong(p, "snp.shapes", "at most 64 combinations in all");
    r->shapes = list;
    r->shape_count = n;
    return SELFSAME_OK;
}

/* ---- all of it ---- */

void
recipe_snp_default(struct recipe_snp *ret)
{
    static const unsigned vcpus[] = { 1, 2, 4 };
    static const char *const cpus[] = { "EPYC-Milan-v2", NULL };
    static const char *const features[] = { "0x1", NULL };
    static const struct recipe_shape usual = { .vmm = "qemu",
        .vcpus = vcpus,
        .vcpu_count = COUNT(vcpus),
        .cpus = cpus,
        .features = features };

    *ret = (struct recipe_snp){ .net = "dhcp", .shapes = &usual, .shape_count = 1 };
}

/* As src/init/machine.c reads it: an image must not find out when it starts. */
static bool
is_net(const char *s)
{
    char address[16], gateway[16];
    struct in_addr a = { 0 }, g = { .s_addr = 1 };
    size_t n = strcspn(s, "/"), digits;

    if (strcmp(s, "dhcp") == 0 || strcmp(s, "none") == 0)
        return true;
    if (n >= sizeof(address) || s[n] == 0)
        return false;
    memcpy(address, s, n);
    address[n] = 0;
    s += n + 1;
    digits = strspn(s, "0123456789");
    if (digits < 1 || digits > 2 || s[0] == '0' || strtoul(s, NULL, 10) > 32 ||
        (s[digits] != 0 && s[digits] != ' ') || inet_pton(AF_INET, address, &a) != 1 ||
        a.s_addr == 0)
        return false;
    if (s[digits] == 0)
        return true;
    n = strlen(s + digits + 1);
    if (n >= sizeof(gateway))
        return false;
    memcpy(gateway, s + digits + 1, n + 1);
    return inet_pton(AF_INET, gateway, &g) == 1 && g.s_addr != 0;
}

enum selfsame_code
recipe_snp(const struct recipe_reading *p, const json_t *root, struct recipe_snp *ret)
{
    static const char *const known[] = { "kernel", "cmdline", "net", "modules",
        "firmware", "shapes", NULL };
    json_t *v = json_object_get(root, "snp");
    json_t *kernel = json_object_get(v, "kernel");
    json_t *firmware = json_object_get(v, "firmware");

    if (v == NULL)
        return SELFSAME_OK;
    if (!json_is_object(v))
        return recipe_wrong(p, "snp", "an object");
    TRY(recipe_only(p, v, "snp.", known));
    if (kernel != NULL)
        TRY(recipe_input(p, kernel, "snp.kernel", &ret->kernel));
    if (firmware != NULL)
        TRY(recipe_input(p, firmware, "snp.firmware", &ret->firmware));
    TRY(recipe_text(p, root, "snp.cmdline", &ret->cmdline));
    TRY(recipe_text(p, root, "snp.net", &ret->net));
    if (!is_net(ret->net))
        return recipe_wrong(p, "snp.net", "dhcp, none, or \"ADDRESS/PREFIX GATEWAY\"");
    TRY(modules(p, json_object_get(v, "modules"), ret));
    return shapes(p, json_object_get(v, "shapes"), ret);
}
