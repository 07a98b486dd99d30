/* SPDX-License-Identifier: Apache-2.0 */
#include "init/init.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * selfsame-init: PID 1 of every image. Prepares the machine, starts the
 * attestation agent and the program, ends with them. Anything it does not
 * understand or cannot do ends the boot: a measured image either runs as it was
 * measured or not at all. docs/formats/init-config.md.
 */
enum { REFUSED = 70 };
static const char config_path[] = "/selfsame/run", machine_path[] = "/selfsame/boot";
static char text[CONFIG_SIZE + 2];
static struct config config;

void
say(const char *what, const char *detail)
{
    (void)dprintf(STDERR_FILENO, "selfsame-init: %s: %s\n", what, detail);
}

void
say_errno(const char *what)
{
    int e = errno;

    say(what, strerror(e));
    errno = e;
}

/* The file, with room for a NUL behind it; -1 when it cannot be read. */
static ssize_t
read_text(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t len = 0;
    ssize_t n = fd < 0 ? -1 : 1;

    while (n > 0 && len <= CONFIG_SIZE) {
        n = read(fd, text + len, CONFIG_SIZE + 1 - len);
        len += n > 0 ? (size_t)n : 0;
    }
    if (n < 0)
        say_errno(path);
    if (fd >= 0)
        (void)close(fd);
    return n < 0 ? -1 : (ssize_t)len;
}

static bool
understood(const char *path, const char *fault, unsigned line)
{
    if (fault != NULL)
        (void)dprintf(STDERR_FILENO, "selfsame-init: %s:%u: %s\n", path, line, fault);
    return fault == NULL;
}

/* Images of virtual machines alone have this file. */
static bool
prepare_machine(void)
{
    struct machine machine;
    unsigned line;

    if (access(machine_path, F_OK) != 0 && errno == ENOENT)
        return true;
    ssize_t len = read_text(machine_path);
    if (len < 0)
        return false;
    const char *fault = machine_parse(text, (size_t)len, &machine, &line);
    return understood(machine_path, fault, line) && boot_modules(&machine);
}

static bool
read_config(void)
{
    unsigned line;
    ssize_t len = read_text(config_path);

    if (len < 0)
        return false;
    const char *fault = config_parse(text, (size_t)len, &config, &line);
    return understood(config_path, fault, line);
}

/* By a simulator, or by the manifest of a library OS (Gramine), which is measured. */
static bool
is_set(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && strcmp(value, "1") == 0;
}

int
main(void)
{
    /* Both have mounted everything; a simulator's devices may be the host's. */
    const bool hosted = is_set("SELFSAME_SIM") || is_set("SELFSAME_LIBOS");
    int status = REFUSED;

    if (getpid() != 1) {
        say("this is the first process of an image", "PID 1 is expected");
        return REFUSED;
    }
    bool booted = hosted || (boot_machine() && prepare_machine());
    if (booted && read_config() && (hosted || boot_devices(&config)))
        status = run_all(&config, hosted);
    if (!hosted)
        boot_end(&config);
    return status;
}
