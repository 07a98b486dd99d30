/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_SGX_IMAGE_H
#define SELFSAME_SGX_IMAGE_H

#include "tee/tee.h"

/*
 * What stands in the directory that `selfsame build --tee sgx` writes, an enclave of
 * Gramine. Parts of the image by the name behind "image.":
 *
 *   image.manifest.sgx  Gramine's manifest, TOML: the program, the sizes, and the
 *                       SHA-256 of every file the enclave may open. A measured page.
 *   image.pal           libpal.so of Gramine, which the enclave is loaded from.
 *                       Measured. Without one (`sgx.pal`) a placeholder that is laid
 *                       out like one and starts nowhere but in the simulator.
 *   image.libos         libsysdb.so of Gramine; the manifest has its digest
 *                       (loader.entrypoint). Else a placeholder as well.
 *   image.rootfs        the file system in one newc archive, as image.initrd of a
 *                       machine: all that any TEE's image has, with /init (selfsame-init)
 *                       and /selfsame/run. The manifest names each file of it as
 *                       "file:rootfs/PATH": unpacked to rootfs/ beside the manifest,
 *                       `gramine-sgx image` starts it.
 *   image.sig           SIGSTRUCT. No build writes it, since none has the author's key:
 *                       `selfsame measure DIR --tee sgx --sgx-key KEY` does.
 *
 * The enclave runs /init (libos.entrypoint) with SELFSAME_LIBOS=1 in its environment:
 * Gramine has mounted everything, there is no machine to bring up. /init starts agent
 * and program as /selfsame/run says; evidence is at /dev/attestation.
 *
 * The measurer takes these parts in this order and refuses a rootfs that has a file
 * which is not as the manifest says: what is measured is then what would run.
 */
#define SGX_PART_MANIFEST "manifest.sgx"
#define SGX_PART_PAL "pal"
#define SGX_PART_LIBOS "libos"
#define SGX_PART_ROOTFS "rootfs"
#define SGX_PART_SIG "sig"
/* A file alone: an SGXS stream, a signed enclave of Intel's SDK, a SIGSTRUCT, a manifest. */
#define SGX_PART_ENCLAVE "enclave"

#endif
