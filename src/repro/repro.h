/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_REPRO_H
#define SELFSAME_REPRO_H

#include "image/layer.h"
#include "image/oci.h"
#include "image/tree.h"

#include <sys/types.h>

/*
 * From a source to an image that is the same on every machine and every day:
 *
 *   source.c        what is this: directory, ELF, tar, OCI, docker save?
 *   source_dir.c    a directory of this machine as a tree
 *   source_tar.c    a tar, plain or compressed, as a tree or laid upon one
 *   source_oci.c    layers and configuration of a container image
 *   recipe.c        what the author wants of the image (docs/formats/recipe.md)
 *   recipe_machine.c what it says of a virtual machine
 *   recipe_snp.c    the machines that SEV-SNP measures
 *   recipe_tdx.c    the machines that TDX measures
 *   recipe_sgx.c    its part about SGX
 *   sandbox.c       runs the recipe's commands away from this machine
 *   spool.c         one nameless temporary file for what was compressed
 *   program.c       what the image runs, for selfsame-init
 *   kind.c          what is built for each TEE: one row each
 *   machine.c       kernel, firmware, first ramdisk: one set for each TEE
 *   pack.c          trees → everything that stands in the output directory:
 *   pack_eif.c      the image of AWS, one file
 *   pack_direct.c   the image of a virtual machine: firmware, kernel, initrd, cmdline
 *   pack_gramine.c  the image of an enclave of SGX: manifest, Gramine, file system
 *   pack_measure.c  the files as they stand, read once for digests and measurements
 *   pack_oci.c      the application as a container image
 *   pack_texts.c    measurements.json, statement.json
 *   tool.c          selfsame-init and selfsame-agent, found and checked
 *   out.c           the output directory: all files, or nothing
 *   build.c         all of it, in order
 *   twice.c         again under other circumstances, and compared
 *   differ_open.c   an image, a manifest or measurements, read for comparing
 *   differ.c        two images, manifests or measurements, down to the file
 *   rebuild.c       a release against what its source was built into
 *   rebuild_git.c   which commit the source is a checkout of
 *
 * Nothing here decides what a measurement means; that is tee/.
 */

/* Progress and warnings for a person; NULL: none. */
struct repro_voice {
    void (*note)(void *ctx, const char *line);
    void (*step)(void *ctx, const char *what, uint64_t total);
    void (*advance)(void *ctx, uint64_t n);
    void *ctx;
};
SELFSAME_PRINTF(2, 3)
void voice_note(const struct repro_voice *v, const char *fmt, ...);

/* Sets the remedy of an error just made: return remedied(e, err_set(...), "..."). */
static inline enum selfsame_code
remedied(struct selfsame_err *e, enum selfsame_code code, const char *remedy)
{
    err_remedy(e, remedy);
    return code;
}

/* ---- spool.c ---- */

struct spool {
    int fd; /* -1: not opened yet */
    uint64_t size;
};
MUST enum selfsame_code spool_append(
    struct spool *s, struct selfsame_bytes b, struct selfsame_err *e);
void spool_close(struct spool *s);
/* A temporary file without a name, in TMPDIR; -1 and the error otherwise. */
MUST enum selfsame_code temporary_open(int *ret, struct selfsame_err *e);
const char *temporary_root(void); /* TMPDIR */
/* Bytes of a file that stays open as long as the tree: *fd must stay in place. */
struct content content_of_fd(const int *fd, uint64_t offset, uint64_t size);

/* ---- scratch.c: directories in TMPDIR, which the next build removes if this one cannot ---- */

struct scratch {
    char *path; /* absolute; NULL: none */
    int fd;     /* holds the lock of whoever works in it; -1: none */
};
MUST enum selfsame_code scratch_make(
    struct arena *arena, struct scratch *ret, struct selfsame_err *e);
MUST enum selfsame_code scratch_remove(struct scratch *s, struct selfsame_err *e);

/* ---- stream.c ---- */

/* A part of an open file. */
struct extent {
    const int *fd;
    uint64_t offset, size;
};
/* gzip, xz, zstd, bzip2 by their first bytes. */
MUST enum selfsame_code extent_is_compressed(
    const struct extent *x, bool *ret, struct selfsame_err *e);
/* The bytes, decompressed when they are compressed. */
MUST enum selfsame_code extent_stream(const struct extent *x, const char *what,
    const struct sink *out, struct selfsame_err *e);
/* The bytes as they are. */
MUST enum selfsame_code extent_copy(
    const struct extent *x, const struct sink *out, struct selfsame_err *e);
MUST enum selfsame_code extent_read(const struct extent *x, size_t limit,
    struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e);
MUST enum selfsame_code extent_sha256(
    const struct extent *x, uint8_t ret[static 32], struct selfsame_err *e);

/* ---- recipe.c ---- */

struct recipe_command {
    const char *const *argv;
};
struct recipe_file {
    const char *to, *from;
    int mode; /* -1: as it is */
};
struct recipe_input { /* a file named by path and digest */
    const char *file; /* NULL: none */
    bool has_sha256;
    uint8_t sha256[32];
};
struct recipe_shape { /* machines that may run it: every combination */
    const char *vmm;  /* "qemu" */
    const unsigned *vcpus;
    size_t vcpu_count;
    const char *const *cpus, *const *features; /* NULL-terminated */
};
struct recipe_machine { /* a virtual machine */
    struct recipe_input kernel, firmware;
    const char *cmdline;
    const char *net; /* "dhcp", "none", "10.0.2.15/24 10.0.2.2" */
    const struct recipe_input *modules;
    size_t module_count;
};
struct recipe_snp {
    struct recipe_machine machine;
    const struct recipe_shape *shapes;
    size_t shape_count;
};
struct recipe_sgx {
    struct recipe_input pal, libos; /* of Gramine */
    const char *enclave_size;       /* as Gramine takes it: "512M" */
    unsigned threads;
    uint16_t isv_prod_id, isv_svn;
    bool edmm;
};
struct recipe_td_shape {
    const char *vmm;        /* "qemu" */
    const uint64_t *memory; /* MiB */
    size_t memory_count;
    const char *pages, *kernel_as, *separator; /* "one-pass,two-pass"; NULL: both */
};
struct recipe_tdx {
    struct recipe_machine machine;
    const struct recipe_td_shape *shapes;
    size_t shape_count;
};
struct recipe {
    bool given;         /* false: there is none, all is default */
    uint8_t sha256[32]; /* of its text */
    const char *dir;    /* paths in it are relative to this */
    const char *name, *version;
    int64_t source_date_epoch;
    const char *const *tees;
    const struct recipe_command *build;
    size_t build_count;
    const struct recipe_file *files;
    size_t file_count;
    const char *const *entrypoint, *const *cmd; /* NULL: not said */
    const char *const *env;                     /* "NAME=value", sorted */
    const char *user, *workdir;                 /* NULL: not said */
    const char *listen, *upstream;              /* serve; NULL: no agent */
    const char *cert, *key;          /* of serve: paths in the image, or NULL */
    struct recipe_input kernel, nsm; /* of a Nitro image */
    const char *cmdline;
    struct recipe_snp snp;
    struct recipe_sgx sgx;
    struct recipe_tdx tdx;
    const char *nsm_for; /* "all", "agent"; NULL: all when there is no agent */
    bool allow_devices, keep_owners, keep_setid, refuse_case_collisions;
    uint64_t memory_mib;
};
void recipe_default(struct recipe *r);
/* USAGE with line and member. `path` is for messages and for `dir`. */
MUST enum selfsame_code recipe_parse(struct selfsame_bytes text, const char *path,
    struct arena *arena, struct recipe *ret, struct selfsame_err *e);

/* ---- sources ---- */

/* What the image runs, as far as the source says. */
struct run_config {
    const char *const *argv; /* NULL-terminated; empty: not said */
    const char *const *env;
    struct oci_user user;
    const char *workdir; /* "/" */
};

struct dir_source;
/* A tree and everything its contents point into. */
struct source {
    struct arena arena;
    struct tree *tree;
    struct spool spool;
    int file; /* the source, when it is a file */
    struct dir_source *dirs;
    struct scratch scratch;
    uint64_t total;
    struct run_config run;
    const char *kind; /* "OCI layout" */
    bool aarch64;
};
MUST enum selfsame_code source_init(struct source *s, struct selfsame_err *e);
void source_free(struct source *s);
#define auto_source __attribute__((cleanup(source_free))) struct source

/* source_dir.c: a directory of this machine. Left out: `name` at the top, one directory anywhere. */
struct dir_skip {
    const char *name; /* NULL: none */
    dev_t dev;
    ino_t ino; /* 0: none */
};
MUST enum selfsame_code source_dir_add(struct source *s, const char *path,
    const struct dir_skip *skip, const struct repro_voice *voice,
    struct selfsame_err *e);
/* One file; mode -1: 0755 or 0644 by its x bits. */
MUST enum selfsame_code source_file_add(struct source *s, struct tree *tree,
    const char *path, const char *to, int mode, struct selfsame_err *e);

/* source_tar.c */
MUST enum selfsame_code source_layer_add(struct source *s, const struct extent *x,
    const uint8_t *diff_id, bool whiteouts, struct selfsame_err *e);
struct bundle_member {
    const char *path, *link; /* link: of a symbolic or hard link, else NULL */
    uint64_t offset, size;
};
struct bundle { /* members by name: of a directory, or of a tar */
    int dir;    /* -1: a tar */
    struct extent tar;
    struct bundle_member *members;
    size_t count, cap;
    bool too_many; /* so it is a root file system, not an image */
    struct arena *arena;
};
MUST enum selfsame_code bundle_index(struct bundle *b, const struct extent *tar,
    struct arena *arena, struct selfsame_err *e);
bool bundle_has(const struct bundle *b, const char *path);
/* `own_fd` is where the file of a directory is opened; the extent points to it. */
MUST enum selfsame_code bundle_find(const struct bundle *b, const char *path,
    int *own_fd, struct extent *ret, struct selfsame_err *e);

/* source_oci.c */
MUST enum selfsame_code source_oci_load(struct source *s, const struct bundle *b,
    const struct oci_choice *want, struct selfsame_err *e);
MUST enum selfsame_code source_docker_load(struct source *s, const struct bundle *b,
    const struct oci_choice *want, struct selfsame_err *e);

/* With the passwd and group files of the tree. */
MUST enum selfsame_code source_user(
    struct source *s, const char *user, struct oci_user *ret, struct selfsame_err *e);

/* source.c: a file, told by its content. */
MUST enum selfsame_code source_file_load(struct source *s, const char *path,
    const struct oci_choice *want, struct selfsame_err *e);
/* source.c: a directory that is an OCI layout. */
/* MALFORMED, UNSUPPORTED: not a static 64-bit program for this architecture. */
MUST enum selfsame_code elf_check_static(
    const struct extent *x, const char *arch, struct selfsame_err *e);
bool source_is_layout(const char *path);
MUST enum selfsame_code source_layout_load(struct source *s, const char *path,
    const struct oci_choice *want, struct selfsame_err *e);

/* ---- copy.c ---- */

/*
 * Modes 0755 and 0644, one time stamp, no sockets nor nodes, no .git at the top:
 * such a copy tells nothing of its original. Faithful: modes, nodes, owners (as
 * far as this user may) stay.
 */
struct copy_rules {
    dev_t skip_dev; /* this directory is left out */
    ino_t skip_ino; /* 0: none */
    int64_t mtime_s;
    bool faithful;
    bool reverse; /* create in reversed order (twice.c) */
    uid_t owner;  /* of everything; 0: as it was, or this user */
};
MUST enum selfsame_code copy_tree(const char *from, const char *to,
    const struct copy_rules *rules, struct selfsame_err *e);

/* ---- sandbox.c ---- */

struct sandbox_job {
    const struct recipe *recipe;
    const char *src, *out, *root; /* directories of our own: copy, result, empty */
    bool verbose, insecure_no_sandbox;
    unsigned timeout_s;
    const struct repro_voice *voice;
};
/*
 * Runs the recipe's commands as uid 0 of a user namespace, in /build/src, with
 * the environment of reproducible-build §2, without network, terminal or the
 * rest of this machine. USAGE when one fails, UNSUPPORTED when this host allows
 * no namespaces.
 */
MUST enum selfsame_code sandbox_run(
    const struct sandbox_job *job, struct arena *arena, struct selfsame_err *e);

/* Can this process make one? Changes the process: ask in a child. */
bool sandbox_possible(void);

/* ---- tool.c: programs of ours that go into every image ---- */

/* `told` by option, or next to this program: installed, and in the build tree. */
MUST enum selfsame_code tool_find(struct arena *arena, const char *told,
    const char *name, const char *folder, const char **ret, struct selfsame_err *e);
MUST enum selfsame_code tool_check(
    const char *path, const char *arch, struct selfsame_err *e);

/* ---- out.c ---- */

/* What stands in an output directory, in the order it is written and compared. */
enum { OUT_FILES = 17, TEES = 4 };
struct out_file {
    const char *name;
    const char *tee; /* NULL: always there; "oci": when asked for */
};
extern const struct out_file out_files[OUT_FILES];
struct repro_tees {
    const char *name[TEES];
    size_t count;
    bool oci; /* and a container image */
};
/* "nitro,snp", or as the recipe says. USAGE: unknown, none, twice; UNSUPPORTED: without an image. */
MUST enum selfsame_code out_tees(const char *told, const char *const *recipe,
    struct arena *arena, struct repro_tees *ret, struct selfsame_err *e);
bool out_has(const struct out_file *f, const struct repro_tees *tees);
/* Files of an earlier build, for a TEE that this one is not for, would not fit the others. */
MUST enum selfsame_code out_remove_stale(
    const char *path, const struct repro_tees *tees, struct selfsame_err *e);
/* Makes it, with its parents. *ret_kept: how much of the path was there before. */
MUST enum selfsame_code out_make(
    const char *path, size_t *ret_kept, struct selfsame_err *e);
/* Takes away the directories that out_make made, as far as they are empty. */
void out_unmake(const char *path, size_t kept);
/* The files as well: an image that proved wrong must not be found later. */
void out_discard(const char *path, size_t kept);

/* ---- build.c ---- */

struct repro_options {
    const char *source, *recipe, *out;
    const char *tees; /* "nitro,…"; NULL: as the recipe says */
    const char *os, *arch, *ref;
    const char *kernel, *cmdline, *nsm, *firmware, *init, *agent;
    char **argv; /* overrides entrypoint and cmd; NULL: no */
    bool verbose, insecure_no_sandbox;
    bool oci; /* a container image as well */
    unsigned timeout_s;
    struct repro_voice voice;
    bool *
        began; /* NULL, or set once options and recipe are good: what fails then is the source */
};
struct repro_file { /* one of an image */
    const char *name;
    uint64_t size;
    uint8_t sha256[32];
};
struct repro_result {
    const char *kind, *name, *version;
    struct repro_tees tees;
    const char *
        lacks; /* "kernel", "firmware", "pal": what keeps an image from starting; or NULL */
    bool sandboxed, keep_owners;
    struct repro_file image[OUT_FILES];
    size_t image_count, file_count;
    uint8_t tree_sha256[32];
    size_t out_kept;          /* of the path of the output: see out_make */
    const char *measurements; /* the text of measurements.json, in the arena */
    const char *statement;    /* and of statement.json */
};
MUST enum selfsame_code repro_build(const struct repro_options *o, struct arena *arena,
    struct repro_result *ret, struct selfsame_err *e);

/* ---- pack.c ---- */

struct image_kind;
struct pack_machine { /* what an image has beside the application */
    const char *tee;
    const struct image_kind *kind;
    struct tree *boot;              /* the first ramdisk */
    struct extent kernel, firmware; /* fd NULL: none, a placeholder */
    int kernel_fd, firmware_fd;
    struct extent pal, libos; /* of Gramine, likewise */
    int pal_fd, libos_fd;
    const char *cmdline;
    bool has_nsm;
};
struct pack_job {
    struct pack_machine machine[TEES];
    size_t machine_count;
    struct tree *app;
    const struct recipe *recipe;
    const struct repro_options *options;
    struct run_config run; /* what it runs */
    const char *kind;
    bool aarch64, has_agent, sandboxed;
};
MUST enum selfsame_code pack_image(const struct pack_job *job, struct arena *arena,
    struct repro_result *ret, struct selfsame_err *e);

/* ---- twice.c ---- */

/* MISMATCH with an explanation through the voice when a byte differs; then `out` is discarded. */
MUST enum selfsame_code repro_again(const struct repro_options *o,
    const struct repro_result *first, struct arena *arena, bool *ret_other_user,
    struct selfsame_err *e);

/* ---- differ.c ---- */

/* One finding; all strings NULL when they do not apply. */
struct repro_finding {
    const char *what; /* "measurement" "section" "file" "member" */
    const char *name; /* "pcr.2", "ramdisk 1", "usr/bin/app" */
    const char *how;  /* "only in A", "mode", "content" */
    const char *a, *b;
    const char *hint; /* what it looks like, and the countermeasure */
};
struct repro_diff {
    void (*found)(void *ctx, const struct repro_finding *f);
    void *ctx;
    size_t differences, compared;
};
/* OK in both cases: look at `differences`. */
MUST enum selfsame_code repro_compare(const char *a, const char *b,
    struct repro_diff *d, struct arena *arena, struct selfsame_err *e);

/* ---- rebuild.c ---- */

/* What a release says beside what is compared; NULL: it does not. */
struct rebuild_claims {
    const char *tees; /* as repro_options has them */
    const char *git_commit, *source_sha256;
    const char *tool_version;
};
/* The payload of a release, or statement.json. MALFORMED, UNSUPPORTED. */
MUST enum selfsame_code rebuild_read(struct selfsame_bytes released,
    struct arena *arena, struct rebuild_claims *ret, struct selfsame_err *e);
/* A: the release, B: the rebuild. OK in both cases: look at `differences`. */
MUST enum selfsame_code rebuild_compare(struct selfsame_bytes released,
    struct selfsame_bytes rebuilt, struct repro_diff *d, struct arena *arena,
    struct selfsame_err *e);
/* The commit that HEAD of a checkout names; NULL: no checkout. */
MUST enum selfsame_code rebuild_commit(
    const char *source, struct arena *arena, const char **ret, struct selfsame_err *e);

struct rebuild_outcome {
    const char *result;             /* "identical", "different", "failed" */
    struct selfsame_bytes released; /* statements */
    struct selfsame_bytes rebuilt;  /* absent: failed */
    uint8_t sha256[32];             /* of the released one */
    bool sandboxed;
};
/* A tee-rebuild/v1 statement, canonical. */
MUST enum selfsame_code rebuild_statement(const struct rebuild_outcome *o,
    struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e);

#endif
