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
static const char config_path[] = "/selfsame/run";
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

static bool
read_config(void)
{
    int fd = open(config_path, O_RDONLY | O_CLOEXEC);
    size_t len = 0;
    ssize_t n = fd < 0 ? -1 : 1;

    while (n > 0 && len <= CONFIG_SIZE) {
        n = read(fd, text + len, CONFIG_SIZE + 1 - len);
        len += n > 0 ? (size_t)n : 0;
    }
    if (n < 0)
        say_errno(config_path);
    if (fd >= 0)
        (void)close(fd);
    if (n < 0)
        return false;
    unsigned line;
    const char *fault = config_parse(text, len, &config, &line);
    if (fault == NULL)
        return true;
    (void)dprintf(
        STDERR_FILENO, "selfsame-init: %s:%u: %s\n", config_path, line, fault);
    return false;
}

int
main(void)
{
    const char *sim = getenv("SELFSAME_SIM");
    bool simulated = sim != NULL && strcmp(sim, "1") == 0;
    int status = REFUSED;

    if (getpid() != 1) {
        say("this is the first process of an image", "PID 1 is expected");
        return REFUSED;
    }
    /* A simulator has mounted everything; its devices may be the host's. */
    bool booted = simulated || boot_machine();
    if (booted && read_config() && (simulated || boot_devices(&config)))
        status = run_all(&config, simulated);
    if (!simulated)
        boot_end(&config);
    return status;
}
