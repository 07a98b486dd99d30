/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage: log_maker DIR SCENE [AGE]
 * What tests/monitor.sh follows: a log in DIR/log as a web server has it, witnessed AGE
 * seconds ago, with trust policy, keys, the list of known statements and each entry by
 * itself beside it.
 */
#include "monitor_world.h"

#include "codec/pem.h"
#include "os/os.h"

static void
put_file(const char *dir, const char *name, struct selfsame_bytes bytes)
{
    char path[1024], parent[1024];
    struct selfsame_err e = { 0 };

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    (void)snprintf(parent, sizeof(parent), "%s", path);
    *strrchr(parent, '/') = '\0';
    assert_code(dir_make(parent, false, &e), SELFSAME_OK, &e);
    assert_code(file_write(path, bytes, false, &e), SELFSAME_OK, &e);
}

static void
put_tile(struct world *w, const char *dir, const struct tile_id *id)
{
    char name[TILE_NAME];

    tile_name(id, name);
    put_file(dir, name, made_file(&w->made, name, &w->arena));
}

/* The envelopes by themselves, as publishers send them. */
static void
put_entries(struct world *w, const char *dir)
{
    char name[64];

    for (size_t i = 0; i < w->count; i++) {
        (void)snprintf(name, sizeof(name), "entries/%zu", i);
        put_file(dir, name, w->entries[i]);
    }
}

static void
put_log(struct world *w, const char *dir)
{
    put_file(dir, "checkpoint", w->made.checkpoint);
    for (unsigned level = 0; level < TILE_LEVELS; level++)
        for (uint64_t i = 0; tile_width(level, i, w->count) > 0; i++) {
            struct tile_id id = { false, level, i, tile_width(level, i, w->count) };

            put_tile(w, dir, &id);
            id.entries = true;
            if (level == 0)
                put_tile(w, dir, &id);
        }
}

static void
put_keys(struct world *w, const char *dir)
{
    static const struct {
        enum who who;
        const char *name;
    } files[] = { { ME, "me.pem" }, { PARTNER, "partner.pem" }, { RETIRED, "old.pem" },
        { THIEF, "thief.pem" }, { REBUILDER, "rebuilder.pem" } };

    for (size_t i = 0; i < COUNT(files); i++)
        put_file(dir, files[i].name,
            bytes_str(pem_encode("PUBLIC KEY", w->spki[files[i].who], &w->arena)));
    put_file(dir, "policy.txt", w->policy);
}

static void
play(struct world *w, const char *scene)
{
    const char *one = world_release(w, WORLD_NAME, "1.0", 7, 0x11, NULL);
    const char *first = world_sha256(w, one);

    (void)world_add(
        w, THIEF, world_release(w, "example.org/other", "9", 3, 0x99, NULL));
    (void)world_add(w, ME, one);
    (void)world_add(w, PARTNER, one);
    (void)world_add(w, REBUILDER, world_rebuild(w, first, "identical"));
    if (strcmp(scene, "good") == 0)
        return;
    const char *two = world_release(w, WORLD_NAME, "1.1", 8, 0x22, first);
    (void)world_add(w, ME, two);
    (void)world_add(
        w, ME, world_index(w, WORLD_NAME, 1, world_sha256(w, two), 8, first));
    if (strcmp(scene, "foreign") == 0)
        (void)world_add(w, THIEF, world_release(w, WORLD_NAME, "6.6", 9, 0x66, NULL));
    if (strcmp(scene, "unknown") == 0)
        (void)world_add(w, ME, world_release(w, WORLD_NAME, "6.7", 9, 0x67, NULL));
    if (strcmp(scene, "retired") == 0)
        (void)world_add(w, RETIRED, world_release(w, WORLD_NAME, "6.8", 9, 0x68, NULL));
    if (strcmp(scene, "duplicate") == 0)
        (void)world_add(w, ME, world_release(w, WORLD_NAME, "1.1", 9, 0x68, NULL));
    if (strcmp(scene, "sequence") == 0)
        (void)world_add(w, ME, world_release(w, WORLD_NAME, "1.2", 10, 0x68, NULL));
    if (strcmp(scene, "unparsable") == 0)
        (void)world_add(w, ME, "{}");
    if (strcmp(scene, "different") == 0)
        (void)world_add(
            w, REBUILDER, world_rebuild(w, world_sha256(w, two), "different"));
    for (int i = 0; strcmp(scene, "long") == 0 && i < 700; i++)
        (void)world_raw(w, bytes_str(arena_printf(&w->arena, "filler %d", i)));
    if (strcmp(scene, "forked") == 0)
        w->entries[0] = BYTES_LIT("another history");
}

static void
put_known(struct world *w, const char *dir)
{
    const char *one = world_release(w, WORLD_NAME, "1.0", 7, 0x11, NULL);
    const char *two = world_release(
        w, WORLD_NAME, "1.1", 8, 0x22, world_sha256(w, one));
    const char *index = world_index(
        w, WORLD_NAME, 1, world_sha256(w, two), 8, world_sha256(w, one));

    put_file(dir, "known",
        bytes_str(arena_printf(&w->arena, "# mine\n%s  1.0.json\n%s\n\n%s\tindex",
            world_sha256(w, one), world_sha256(w, two), world_sha256(w, index))));
}

int
main(int argc, char **argv)
{
    auto_world *w = world_new();
    char log[1000];
    uint64_t age = 60;

    if (argc < 3 ||
        (argc > 3 && !uint_parse(argv[3], strlen(argv[3]), UINT32_MAX, &age)))
        return 2;
    play(w, argv[2]);
    (void)world_publish(w, os_now_ms() / 1000 - (int64_t)age);
    (void)snprintf(log, sizeof(log), "%s/log", argv[1]);
    put_keys(w, argv[1]);
    put_known(w, argv[1]);
    put_entries(w, argv[1]);
    put_log(w, log);
    return 0;
}
