/* SPDX-License-Identifier: Apache-2.0 */
#include "repro/recipe_parts.h"

#include <arpa/inet.h>
#include <stdlib.h>

/* "snp", "tdx": what a virtual machine has beside the application. */
enum { MODULES = 64 };

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

/* "snp.net"; where memory has ended the member alone will do. */
static const char *
member_of(const struct recipe_reading *p, const char *tee, const char *name)
{
    const char *all = arena_printf(p->arena, "%s.%s", tee, name);

    return all != NULL ? all : name;
}

static enum selfsame_code
modules(const struct recipe_reading *p, const json_t *v, const char *tee,
    struct recipe_machine *r)
{
    size_t n = json_array_size(v);

    if (v == NULL)
        return SELFSAME_OK;
    if (!json_is_array(v) || n > MODULES)
        return recipe_wrong(
            p, member_of(p, tee, "modules"), "an array of at most 64 modules");
    struct recipe_input *list = ARENA_NEW(p->arena, struct recipe_input, n + 1);
    if (list == NULL)
        return recipe_no_memory(p);
    for (size_t i = 0; i < n; i++) {
        char *member = arena_printf(p->arena, "%s.modules[%zu]", tee, i);

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
recipe_machine(const struct recipe_reading *p, const json_t *root, const char *tee,
    struct recipe_machine *ret)
{
    static const char *const known[] = { "kernel", "cmdline", "net", "modules",
        "firmware", "shapes", NULL };
    json_t *v = json_object_get(root, tee);
    json_t *kernel = json_object_get(v, "kernel");
    json_t *firmware = json_object_get(v, "firmware");
    char *prefix = arena_printf(p->arena, "%s.", tee);

    if (prefix == NULL)
        return recipe_no_memory(p);
    if (!json_is_object(v))
        return recipe_wrong(p, tee, "an object");
    TRY(recipe_only(p, v, prefix, known));
    if (kernel != NULL)
        TRY(recipe_input(p, kernel, member_of(p, tee, "kernel"), &ret->kernel));
    if (firmware != NULL)
        TRY(recipe_input(p, firmware, member_of(p, tee, "firmware"), &ret->firmware));
    TRY(recipe_text(p, root, member_of(p, tee, "cmdline"), &ret->cmdline));
    TRY(recipe_text(p, root, member_of(p, tee, "net"), &ret->net));
    if (!is_net(ret->net))
        return recipe_wrong(
            p, member_of(p, tee, "net"), "dhcp, none, or \"ADDRESS/PREFIX GATEWAY\"");
    return modules(p, json_object_get(v, "modules"), tee, ret);
}
