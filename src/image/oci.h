/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_OCI_H
#define SELFSAME_OCI_H

#include "base/base.h"

/*
 * The documents of container images: OCI image-spec 1.1 (index, manifest,
 * config) and the manifest.json of `docker save`. Pure; whoever reads the blobs
 * checks them against the descriptors. Members unknown to us are passed over, as
 * the specification asks of readers.
 */
enum { OCI_LAYERS = 1024, OCI_STRINGS = 4096, OCI_JSON = 4 << 20 };

struct oci_descriptor {
    const char *media_type; /* "" when absent */
    const char *hex;        /* of the digest */
    uint8_t sha256[32];
    uint64_t size;
    bool is_index; /* by media type: choose again inside */
};

/* What the caller wants of an image with several. */
struct oci_choice {
    const char *os, *arch; /* "linux", "amd64" */
    const char *ref; /* org.opencontainers.image.ref.name or repo tag; NULL: any */
};

struct oci_manifest {
    struct oci_descriptor config;
    const struct oci_descriptor *layers;
    size_t layer_count;
};

struct oci_config {
    const char *os, *arch;
    const char *const *entrypoint, *const *cmd, *const *env; /* NULL-terminated */
    const char *user, *workdir;                              /* "" when absent */
    const uint8_t (*diff_ids)[32];
    size_t diff_id_count;
};

struct docker_manifest {
    const char *config; /* path inside the archive */
    const char *const *layers;
    size_t layer_count;
};

/* UNSUPPORTED when no image is for this platform, USAGE when several are. */
MUST enum selfsame_code oci_index_parse(struct selfsame_bytes text,
    const struct oci_choice *want, struct arena *arena, struct oci_descriptor *ret,
    struct selfsame_err *e);
MUST enum selfsame_code oci_manifest_parse(struct selfsame_bytes text,
    struct arena *arena, struct oci_manifest *ret, struct selfsame_err *e);
MUST enum selfsame_code oci_config_parse(struct selfsame_bytes text,
    struct arena *arena, struct oci_config *ret, struct selfsame_err *e);
MUST enum selfsame_code docker_manifest_parse(struct selfsame_bytes text,
    const struct oci_choice *want, struct arena *arena, struct docker_manifest *ret,
    struct selfsame_err *e);

/* "sha256:<64 lower-case hex>"; UNSUPPORTED for another algorithm. */
MUST enum selfsame_code oci_digest_parse(
    const char *text, uint8_t ret[static 32], struct selfsame_err *e);

/*
 * "", "uid", "uid:gid", "name", "name:group" with the image's own passwd and
 * group files (BYTES_NONE: it has none).
 */
struct oci_user {
    uint32_t uid, gid;
};
MUST enum selfsame_code oci_user_resolve(const char *user, struct selfsame_bytes passwd,
    struct selfsame_bytes group, struct oci_user *ret, struct selfsame_err *e);

#endif
