/* SPDX-License-Identifier: Apache-2.0 */
#include "init/config.h"

#include "init/lines.h"

#include <stdint.h>
#include <string.h>

/* As in most images and in Debian's /etc/profile for root. */
static char default_path[] =
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/* In place: "\n" is a line feed, "\\" a backslash, nothing else is an escape. */
static bool
unescape(char *s)
{
    char *out = s;

    for (; *s != '\0'; s++) {
        if (*s == '\\') {
            s++;
            if (*s != 'n' && *s != '\\')
                return false;
            *out++ = *s == 'n' ? '\n' : '\\';
        } else {
            *out++ = *s;
        }
    }
    *out = '\0';
    return true;
}

/* Decimal without leading zeros; 2^32 - 1 means "none" to the kernel. */
static bool
number(const char *s, size_t len, uint32_t *ret)
{
    uint64_t v = 0;

    if (len == 0 || len > 10 || (s[0] == '0' && len > 1))
        return false;
    for (size_t i = 0; i < len; i++) {
        if (s[i] < '0' || s[i] > '9')
            return false;
        v = v * 10 + (uint64_t)(s[i] - '0');
    }
    if (v >= UINT32_MAX)
        return false;
    *ret = (uint32_t)v;
    return true;
}

static const char *
set_arg(struct config *c, char *value)
{
    if (c->args == CONFIG_ARGS)
        return "more than 1024 arguments";
    c->arg[c->args++] = value;
    return NULL;
}

static const char *
set_agent(struct config *c, char *value)
{
    if (c->agents == CONFIG_ARGS)
        return "more than 1024 arguments of the agent";
    c->agent[c->agents++] = value;
    return NULL;
}

/* A later NAME replaces an earlier one, as container engines do it. */
static const char *
set_env(struct config *c, char *value)
{
    size_t name = strcspn(value, "=");
    size_t at = 0;

    if (name == 0 || value[name] == '\0')
        return "expected NAME=VALUE";
    while (at < c->envs && strncmp(c->env[at], value, name + 1) != 0)
        at++;
    if (at == CONFIG_ENVS)
        return "more than 1024 variables";
    c->env[at] = value;
    c->envs += at == c->envs;
    return NULL;
}

static const char *
set_user(struct config *c, char *value)
{
    return number(value, strlen(value), &c->user) ? NULL : "expected a user number";
}

static const char *
set_group(struct config *c, char *value)
{
    return number(value, strlen(value), &c->group) ? NULL : "expected a group number";
}

static const char *
set_groups(struct config *c, char *value)
{
    for (;;) {
        size_t n = strcspn(value, " ");
        if (c->group_count == CONFIG_GROUPS)
            return "more than 64 groups";
        if (!number(value, n, &c->groups[c->group_count]))
            return "expected group numbers with one space between";
        c->group_count++;
        if (value[n] == '\0')
            return NULL;
        value += n + 1;
    }
}

static const char *
set_dir(struct config *c, char *value)
{
    if (value[0] != '/')
        return "expected an absolute path";
    c->dir = value;
    return NULL;
}

static const char *
set_nsm(struct config *c, char *value)
{
    c->nsm_all = strcmp(value, "all") == 0;
    return c->nsm_all || strcmp(value, "agent") == 0 ? NULL : "expected agent or all";
}

static const char *
set_heartbeat(struct config *c, char *value)
{
    c->heartbeat_vsock = true;
    return strcmp(value, "vsock") == 0 ? NULL : "expected vsock";
}

static const struct {
    const char *word;
    bool many;
    const char *(*set)(struct config *c, char *value);
} keys[] = {
    { "arg", true, set_arg },
    { "env", true, set_env },
    { "agent", true, set_agent },
    { "user", false, set_user },
    { "group", false, set_group },
    { "groups", false, set_groups },
    { "dir", false, set_dir },
    { "nsm", false, set_nsm },
    { "heartbeat", false, set_heartbeat },
};

/* An image that says something we do not understand must not run without it. */
static const char *
take_line(void *ctx, char *line)
{
    struct config *c = ctx;
    char *space = strchr(line, ' ');

    if (space == NULL)
        return "expected a key, a space and a value";
    *space = '\0';
    for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strcmp(line, keys[i].word) != 0)
            continue;
        if (!keys[i].many && (c->seen & 1u << i) != 0)
            return "this key stands twice";
        c->seen |= 1u << i;
        if (!unescape(space + 1))
            return "expected n or another backslash behind a backslash";
        return keys[i].set(c, space + 1);
    }
    return "unknown key";
}

const char *
config_parse(char *text, size_t len, struct config *ret, unsigned *ret_line)
{
    *ret = (struct config){ .dir = "/" };
    *ret_line = 1;
    if (len > CONFIG_SIZE)
        return "longer than 1 MiB";
    const char *fault = lines_each(text, len, take_line, ret, ret_line);
    if (fault != NULL)
        return fault;
    if (ret->args == 0 || ret->arg[0][0] == '\0')
        return "expected a program: arg";
    if (ret->agents > 0 && ret->agent[0][0] != '/')
        return "expected an absolute path of the agent";
    for (size_t i = 0; i < ret->envs; i++)
        if (strncmp(ret->env[i], "PATH=", 5) == 0)
            return NULL;
    ret->env[ret->envs++] = default_path;
    return NULL;
}
