/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "log/export.h"
#include "os/os.h"
#include "service/key_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * A COSE receipt for an entry, made where the log's key is: by the log's operator, from
 * the files that anybody may read. The log need not stand still meanwhile, for a
 * checkpoint's tiles never change.
 */
static const struct cli_option options[] = {
    { .name = "index", .argument = "N", .help = "of the entry, from 0" },
    { .name = "out",
        .argument = "FILE",
        .help = "where the receipt goes (default: standard output)" },
    { .name = "entry",
        .argument = "FILE",
        .help = "also writes the entry, which whoever checks the receipt needs" },
    { 0 },
};

enum { SMALL = 1 << 16, BUNDLE_MAX = TILE_WIDTH * (2 + ENTRY_MAX) };

struct log_dir {
    const char *path;
    struct arena *arena;
    struct note_key name;
    struct checkpoint head;
    struct selfsame_err *e; /* why a node is not there */
    enum selfsame_code code;
};

static enum selfsame_code
read_file(const struct log_dir *d, const char *name, size_t limit,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    char *path = arena_printf(d->arena, "%s/%s", d->path, name);

    if (path == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a path");
    return file_read(path, limit, d->arena, ret, e);
}

/* ---- who the log is, and how large ---- */

static enum selfsame_code
take_key(struct log_dir *d, struct key **ret, struct selfsame_err *e)
{
    struct selfsame_bytes vkey, line, spki;
    const char *path;

    TRY(path_join(d->path, "log.key", d->arena, &path, e));
    TRY(read_file(d, "log.vkey", SMALL, &vkey, e));
    if (!bytes_line(&vkey, &line))
        line = vkey;
    TRY_WHILE(e, note_key_parse(line, d->arena, &d->name, e), "reading log.vkey");
    TRY(key_file_read(path, ret, e));
    TRY(key_spki(*ret, d->arena, &spki, e));
    /* The public key is the end of a SubjectPublicKeyInfo (RFC 8410). */
    if (d->name.type != NOTE_ED25519 || key_type_of(*ret) != KEY_ED25519 ||
        !bytes_eq(BYTES(spki.ptr + spki.len - 32, 32), d->name.key))
        FAIL(e, SELFSAME_LOG,
            "%s: expected log.key and log.vkey to be one Ed25519 key, got two",
            d->path);
    return SELFSAME_OK;
}

static enum selfsame_code
take_head(struct log_dir *d, struct selfsame_err *e)
{
    struct selfsame_bytes text;
    struct note n;
    uint64_t good;

    TRY(read_file(d, "public/checkpoint", NOTE_MAX, &text, e));
    TRY_WHILE(e, note_parse(text, d->arena, &n, e), "reading the checkpoint");
    TRY_WHILE(
        e, note_verify(&n, &d->name, 1, &good, NULL, e), "reading the checkpoint");
    TRY_WHILE(e, checkpoint_parse(n.text, &d->head, e), "reading the checkpoint");
    if (!bytes_eq(d->head.origin, d->name.name))
        FAIL(e, SELFSAME_LOG, "checkpoint: expected the log's own name as origin");
    return SELFSAME_OK;
}

/* ---- tiles ---- */

/* As it stood when the checkpoint was made, or whole since. */
static enum selfsame_code
read_tile(const struct log_dir *d, struct tile_id id, size_t limit,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    char name[TILE_NAME], path[TILE_NAME + 16];
    struct selfsame_err ignored = { 0 };

    tile_name(&id, name);
    (void)snprintf(path, sizeof(path), "public/%s", name);
    if (id.width == TILE_WIDTH ||
        read_file(d, path, limit, ret, &ignored) != SELFSAME_OK) {
        id.width = TILE_WIDTH;
        tile_name(&id, name);
        (void)snprintf(path, sizeof(path), "public/%s", name);
        return read_file(d, path, limit, ret, e);
    }
    return SELFSAME_OK;
}

/* The hash over `count` (a power of two) neighbours. */
static bool
fold(const uint8_t *hashes, size_t count, uint8_t ret[static LOG_HASH])
{
    uint8_t level[TILE_BYTES];

    memcpy(level, hashes, count * LOG_HASH);
    for (; count > 1; count /= 2)
        for (size_t i = 0; i < count / 2; i++)
            if (!merkle_node(level + 2 * i * LOG_HASH, level + (2 * i + 1) * LOG_HASH,
                    level + i * LOG_HASH))
                return false;
    memcpy(ret, level, LOG_HASH);
    return true;
}

static enum selfsame_code
find_node(struct log_dir *d, unsigned height, uint64_t index,
    uint8_t ret[static LOG_HASH], struct selfsame_err *e)
{
    const unsigned within = height % 8;
    const uint64_t first = index << within; /* hash of that level */
    struct tile_id id = { .level = height / 8, .index = first / TILE_WIDTH };
    struct selfsame_bytes tile;
    size_t at = (size_t)(first % TILE_WIDTH) * LOG_HASH, count = (size_t)1 << within;

    id.width = tile_width(id.level, id.index, d->head.size);
    if (id.width == 0)
        FAIL(e, SELFSAME_LOG, "tiles: expected one that a log of that size has");
    TRY(read_tile(d, id, TILE_BYTES, &tile, e));
    if (tile.len < at + count * LOG_HASH)
        FAIL(e, SELFSAME_LOG, "tile %u/%llu: expected at least %zu bytes, got %zu",
            id.level, (unsigned long long)id.index, at + count * LOG_HASH, tile.len);
    if (!fold(tile.ptr + at, count, ret))
        FAIL(e, SELFSAME_NOMEM, "tiles: out of memory");
    return SELFSAME_OK;
}

static bool
node(void *ctx, unsigned height, uint64_t index, uint8_t ret[static LOG_HASH])
{
    struct log_dir *d = ctx;

    d->code = find_node(d, height, index, ret, d->e);
    return d->code == SELFSAME_OK;
}

static enum selfsame_code
take_entry(struct log_dir *d, uint64_t index, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    struct tile_id id = { .entries = true, .index = index / TILE_WIDTH };
    struct selfsame_bytes bundle, entry = BYTES_NONE;

    id.width = tile_width(0, id.index, d->head.size);
    TRY(read_tile(d, id, BUNDLE_MAX, &bundle, e));
    struct reader r = reader_of(bundle);
    for (uint64_t i = 0; i <= index % TILE_WIDTH; i++) {
        TRY(bundle_next(&r, &entry, e));
        if (entry.ptr == NULL)
            FAIL(e, SELFSAME_LOG, "entry bundle %llu: expected entry %llu, got fewer",
                (unsigned long long)id.index, (unsigned long long)index);
    }
    *ret = entry;
    return SELFSAME_OK;
}

/* ---- the receipt ---- */

struct found {
    struct selfsame_bytes entry;
    uint8_t leaf[LOG_HASH];
    uint8_t hashes[LOG_PATH_MAX * LOG_HASH];
    size_t count;
};

/* From the tiles, and checked against the entry and the checkpoint before it is used. */
static enum selfsame_code
prove(struct log_dir *d, uint64_t index, struct found *ret, struct selfsame_err *e)
{
    const struct merkle_source tiles = { .node = node, .ctx = d };

    d->e = e;
    TRY(take_entry(d, index, &ret->entry, e));
    if (!merkle_leaf(ret->entry, ret->leaf))
        FAIL(e, SELFSAME_NOMEM, "receipt: out of memory");
    if (!merkle_prove_inclusion(
            &tiles, index, d->head.size, ret->hashes, &ret->count)) {
        if (d->code != SELFSAME_OK)
            return d->code;
        FAIL(e, SELFSAME_LOG, "tiles: expected a path to entry %llu, got none",
            (unsigned long long)index);
    }
    return merkle_check_inclusion(index, d->head.size, ret->leaf,
        (struct merkle_path){ ret->hashes, ret->count }, d->head.root, e);
}

static enum selfsame_code
print_json(const struct log_dir *d, uint64_t index, struct selfsame_bytes receipt,
    struct selfsame_err *e)
{
    char root[2 * LOG_HASH + 1];
    char *text = arena_alloc(d->arena, 1, BASE64_SIZE(receipt.len));

    if (text == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory to print");
    (void)base64_encode(receipt, false, text);
    hex_encode(BYTES_ARR(d->head.root), root);
    (void)printf("{\"index\":%llu,\"size\":%llu,\"root\":\"%s\",\"receipt\":\"%s\"}\n",
        (unsigned long long)index, (unsigned long long)d->head.size, root, text);
    return SELFSAME_OK;
}

static enum selfsame_code
give(struct cli *c, const struct log_dir *d, uint64_t index,
    struct selfsame_bytes receipt, struct selfsame_err *e)
{
    const char *out = cli_value(c, "out");

    if (out != NULL)
        TRY(file_write(out, receipt, false, e));
    if (cli_json(c))
        return print_json(d, index, receipt, e);
    if (out == NULL)
        return fd_write_all(STDOUT_FILENO, receipt, "standard output", e);
    (void)printf("%s: entry %llu of %.*s, in its tree of %llu\n", out,
        (unsigned long long)index, (int)d->name.name.len,
        (const char *)d->name.name.ptr, (unsigned long long)d->head.size);
    return SELFSAME_OK;
}

static enum selfsame_code
run(struct cli *c, struct selfsame_err *e)
{
    auto_arena arena = arena_new((size_t)256 << 20);
    struct log_dir d = { .path = cli_operand(c, 0), .arena = &arena };
    struct found f = { .count = 0 };
    struct selfsame_bytes receipt;
    auto_key *key = NULL;
    uint64_t index = 0;

    if (cli_value(c, "index") == NULL)
        FAIL(e, SELFSAME_USAGE, "--index is missing: expected the entry's");
    TRY(cli_uint(c, "index", 0, INT64_MAX, &index, e));
    if (cli_value(c, "out") == NULL && !cli_json(c) && isatty(STDOUT_FILENO))
        FAIL(e, SELFSAME_USAGE, "a receipt is no text: name a file with --out");
    TRY(take_key(&d, &key, e));
    TRY(take_head(&d, e));
    if (index >= d.head.size)
        FAIL(e, SELFSAME_USAGE, "--index: expected less than the log's size %llu",
            (unsigned long long)d.head.size);
    TRY_WHILE(e, prove(&d, index, &f, e), "reading the log in %s", d.path);
    TRY(receipt_make(index, d.head.size, f.leaf,
        (struct merkle_path){ f.hashes, f.count }, key, &arena, &receipt, e));
    if (cli_value(c, "entry") != NULL)
        TRY(file_write(cli_value(c, "entry"), f.entry, false, e));
    return give(c, &d, index, receipt, e);
}

const struct cli_command log_receipt_command = {
    .name = "log receipt",
    .operands = "DIR",
    .summary = "say with the log's key that an entry is in it, as a COSE receipt",
    .story = "DIR is the directory of `selfsame log`. Other programs check the receipt "
             "with the log's public key\nand the entry.\n\nExample:\n"
             "  selfsame log receipt log --index 7 --out entry-7.receipt",
    .options = options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
