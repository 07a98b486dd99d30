/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/sgx/gramine.h"

#include "image/elf.h"
#include "image/sgxs.h"

#include <inttypes.h>

enum {
    RW = SGX_REG | SGX_R | SGX_W,
    RWX = SGX_REG | SGX_R | SGX_W | SGX_X,
    GPR = 184, /* what the processor saves at the end of an SSA frame */
};
/* Offsets in the page of thread-local data (struct pal_enclave_tcb behind PAL_TCB). */
enum tls_at {
    TLS_SELF = 0,
    TLS_CANARY = 8,
    TLS_ENCLAVE_SIZE = 272,
    TLS_TCS_OFFSET = 280,
    TLS_STACK = 288,
    TLS_SIGSTACK_LOW = 304,
    TLS_SIGSTACK_HIGH = 312,
    TLS_SSA = 328,
    TLS_GPR = 336,
    TLS_MANIFEST_SIZE = 416,
    TLS_HEAP_MIN = 424,
    TLS_HEAP_MAX = 432,
};
#define CANARY UINT64_C(0xbadbadbadbad)
/* No measurement without end: 8 GiB to hash for the heap, 1 GiB for libpal. */
#define HEAP_MAX (UINT64_C(1) << 39)
enum { PAL_PAGES_MAX = 1 << 18 };

/* From the end of the enclave downwards; its base is 0, so offsets are addresses. */
struct layout {
    uint64_t manifest, manifest_size /* with its NUL */, ssa, tcs, tls, stacks,
        sigstacks, pal, pal_pages;
};

static uint64_t
pages_of(uint64_t size)
{
    return (size + SGX_PAGE - 1) / SGX_PAGE;
}

static bool
place(uint64_t *top, uint64_t pages, uint64_t *ret)
{
    if (pages > (*top - GRAMINE_HEAP_MIN) / SGX_PAGE)
        return false;
    *top -= pages * SGX_PAGE;
    *ret = *top;
    return true;
}

static enum selfsame_code
lay_out(const struct gramine_manifest *m, const struct elf *pal, struct layout *ret,
    struct selfsame_err *e)
{
    const struct elf_segment *last = &pal->segment[pal->segment_count - 1];
    struct layout l = { .manifest_size = m->raw.len + 1 };
    uint64_t top = m->enclave_size, n = m->max_threads;

    if (pal->type != ELF_SHARED || elf_page_down(pal->segment[0].vaddr) != 0)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "libpal: expected a shared object that is linked to address 0, got other");
    l.pal_pages = pages_of(last->vaddr + last->mem_size);
    if (top < GRAMINE_HEAP_MIN ||
        !place(&top, pages_of(l.manifest_size), &l.manifest) ||
        !place(&top, n * GRAMINE_SSA_FRAME_PAGES * GRAMINE_SSA_FRAMES, &l.ssa) ||
        !place(&top, n, &l.tcs) || !place(&top, n, &l.tls) ||
        !place(&top, n * GRAMINE_STACK_PAGES, &l.stacks) ||
        !place(&top, n * GRAMINE_SIGSTACK_PAGES, &l.sigstacks) ||
        !place(&top, l.pal_pages, &l.pal))
        FAIL(e, SELFSAME_USAGE,
            "enclave_size: expected room for %u threads, manifest and libpal, got "
            "%" PRIu64 " bytes",
            m->max_threads, m->enclave_size);
    if (l.pal_pages > PAL_PAGES_MAX || (!m->edmm && l.pal > HEAP_MAX))
        FAIL(e, SELFSAME_UNSUPPORTED,
            "expected a libpal of at most 1 GiB, and without 'sgx.edmm_enable' a heap "
            "of "
            "at most 512 GiB, got more");
    *ret = l;
    return SELFSAME_OK;
}

/* ---- contents ---- */

static void
set(uint8_t *page, size_t at, uint64_t v, size_t size)
{
    for (size_t i = 0; i < size; i++)
        page[at + i] = (uint8_t)(v >> (8 * i));
}

/* Stacks are added from the top: the first thread's is the highest. */
static uint64_t
stack_of(uint64_t lowest, unsigned thread, unsigned threads, uint64_t pages)
{
    return lowest + (uint64_t)(threads - 1 - thread) * pages * SGX_PAGE;
}

static uint64_t
ssa_of(const struct layout *l, unsigned thread)
{
    return l->ssa +
           (uint64_t)thread * GRAMINE_SSA_FRAME_PAGES * GRAMINE_SSA_FRAMES * SGX_PAGE;
}

/* TCS: Intel SDM volume 3D §38.8. */
static void
tcs_page(const struct layout *l, unsigned thread, uint64_t entry,
    uint8_t ret[static SGX_PAGE])
{
    memset(ret, 0, SGX_PAGE);
    set(ret, 16, ssa_of(l, thread), 8);
    set(ret, 28, GRAMINE_SSA_FRAMES, 4);
    set(ret, 32, l->pal + entry, 8);
    set(ret, 56, l->tls + (uint64_t)thread * SGX_PAGE, 8);
    set(ret, 64, 0xfff, 4);
    set(ret, 68, 0xfff, 4);
}

static void
tls_page(const struct gramine_manifest *m, const struct layout *l, unsigned thread,
    uint8_t ret[static SGX_PAGE])
{
    const uint64_t ssa = ssa_of(l, thread), page = (uint64_t)thread * SGX_PAGE;
    const uint64_t stack = stack_of(
        l->stacks, thread, m->max_threads, GRAMINE_STACK_PAGES);
    const uint64_t sigstack = stack_of(
        l->sigstacks, thread, m->max_threads, GRAMINE_SIGSTACK_PAGES);

    memset(ret, 0, SGX_PAGE);
    set(ret, TLS_SELF, l->tls + page, 8);
    set(ret, TLS_CANARY, CANARY, 8);
    set(ret, TLS_ENCLAVE_SIZE, m->enclave_size, 8);
    set(ret, TLS_TCS_OFFSET, l->tcs + page, 8);
    set(ret, TLS_STACK, stack + GRAMINE_STACK_PAGES * SGX_PAGE, 8);
    set(ret, TLS_SIGSTACK_LOW, sigstack, 8);
    set(ret, TLS_SIGSTACK_HIGH, sigstack + GRAMINE_SIGSTACK_PAGES * SGX_PAGE, 8);
    set(ret, TLS_SSA, ssa, 8);
    set(ret, TLS_GPR, ssa + GRAMINE_SSA_FRAME_PAGES * SGX_PAGE - GPR, 8);
    set(ret, TLS_MANIFEST_SIZE, l->manifest_size, 8);
    set(ret, TLS_HEAP_MIN, GRAMINE_HEAP_MIN, 8);
    set(ret, TLS_HEAP_MAX, l->pal, 8);
}

/* ---- in the order in which the loader adds it ---- */

static void
add_manifest(
    struct mrenclave *to, const struct gramine_manifest *m, const struct layout *l)
{
    uint8_t page[SGX_PAGE] = { 0 };
    const size_t whole = m->raw.len / SGX_PAGE, rest = m->raw.len % SGX_PAGE;

    mrenclave_add(to, l->manifest, whole, SGX_REG | SGX_R, m->raw.ptr, true);
    if (rest > 0)
        memcpy(page, m->raw.ptr + whole * SGX_PAGE, rest);
    /* The NUL behind it is on a page of its own when the text fills the others. */
    mrenclave_add(to, l->manifest + whole * SGX_PAGE, 1, SGX_REG | SGX_R, page, true);
}

static void
add_threads(struct mrenclave *to, const struct gramine_manifest *m,
    const struct layout *l, uint64_t entry)
{
    const unsigned n = m->max_threads;
    uint8_t page[SGX_PAGE];

    mrenclave_add(to, l->ssa,
        (uint64_t)n * GRAMINE_SSA_FRAME_PAGES * GRAMINE_SSA_FRAMES, RW, NULL, true);
    for (unsigned t = 0; t < n; t++) {
        tcs_page(l, t, entry, page);
        mrenclave_add(to, l->tcs + (uint64_t)t * SGX_PAGE, 1, SGX_TCS, page, true);
    }
    for (unsigned t = 0; t < n; t++) {
        tls_page(m, l, t, page);
        mrenclave_add(to, l->tls + (uint64_t)t * SGX_PAGE, 1, RW, page, true);
    }
    for (unsigned t = 0; t < n; t++)
        mrenclave_add(to, stack_of(l->stacks, t, n, GRAMINE_STACK_PAGES),
            GRAMINE_STACK_PAGES, RW, NULL, true);
    for (unsigned t = 0; t < n; t++)
        mrenclave_add(to, stack_of(l->sigstacks, t, n, GRAMINE_SIGSTACK_PAGES),
            GRAMINE_SIGSTACK_PAGES, RW, NULL, true);
}

static void
add_pal(struct mrenclave *to, const struct elf *pal, const struct layout *l)
{
    uint8_t page[SGX_PAGE];

    for (size_t i = 0; i < pal->segment_count; i++) {
        const struct elf_segment *s = &pal->segment[i];
        const uint64_t end = elf_page_up(s->vaddr + s->mem_size);
        const uint64_t flags = SGX_REG | ((s->flags & ELF_R) != 0 ? SGX_R : 0) |
                               ((s->flags & ELF_W) != 0 ? SGX_W : 0) |
                               ((s->flags & ELF_X) != 0 ? SGX_X : 0);

        for (uint64_t at = elf_page_down(s->vaddr); at < end; at += SGX_PAGE) {
            elf_page(pal, s, at, page);
            mrenclave_add(to, l->pal + at, 1, flags, page, true);
        }
    }
}

enum selfsame_code
gramine_mrenclave(const struct gramine_manifest *m, struct selfsame_bytes libpal,
    uint8_t ret[static 32], struct selfsame_err *e)
{
    auto_mrenclave to = { 0 };
    struct elf pal;
    struct layout l = { 0 };

    TRY_WHILE(e, elf_parse(libpal, &pal, e), "libpal");
    TRY(lay_out(m, &pal, &l, e));
    TRY(mrenclave_begin(&to, GRAMINE_SSA_FRAME_PAGES, m->enclave_size, e));
    add_manifest(&to, m, &l);
    add_threads(&to, m, &l, pal.entry);
    add_pal(&to, &pal, &l);
    /* The heap: zeroed by the enclave itself, so only that it is there is measured. */
    if (!m->edmm)
        mrenclave_add(&to, GRAMINE_HEAP_MIN, (l.pal - GRAMINE_HEAP_MIN) / SGX_PAGE, RWX,
            NULL, false);
    mrenclave_end(&to, ret);
    return SELFSAME_OK;
}

void
gramine_sigstruct(const struct gramine_manifest *m, struct sigstruct *ret)
{
    *ret = (struct sigstruct){ .misc_select = m->exinfo,
        .misc_mask = UINT32_MAX,
        .flags = SGX_FLAG_MODE64BIT | (m->debug ? (uint64_t)SGX_FLAG_DEBUG : 0),
        .flags_mask = UINT64_MAX,
        .xfrm = m->xfrm,
        .xfrm_mask = m->xfrm_mask,
        .isv_prod_id = m->isv_prod_id,
        .isv_svn = m->isv_svn };
}
