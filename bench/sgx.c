/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MRENCLAVE of an enclave with 64 MiB of measured pages, as a ratio measured in the same
 * run to SHA-256 over the very bytes that it hashes: of an SGXS stream, and of pages that
 * are laid out on the way, as those of Gramine are. Rounds are interleaved; each figure
 * is the median round. MRENCLAVE of contents that are zero stands beside them.
 */
#include "bench.h"
#include "image/sgxs.h"

enum { PAGES = 16384, ROUNDS = 9, PIECE = 256 * 1024 };
#define SIZE ((uint64_t)PAGES * 2 * SGX_PAGE)

static uint8_t *stream, *pages;
static const size_t stream_size = SGX_RECORD + (size_t)PAGES * SGXS_PAGE;

static void
make(void)
{
    stream = malloc(stream_size);
    pages = malloc((size_t)PAGES * SGX_PAGE);
    NEED(stream != NULL && pages != NULL);
    for (size_t i = 0; i < (size_t)PAGES * SGX_PAGE; i++)
        pages[i] = (uint8_t)(i * 31 + (i >> 12));
    sgxs_ecreate(stream, 1, SIZE);
    for (size_t i = 0; i < PAGES; i++)
        sgxs_page(stream + SGX_RECORD + i * SGXS_PAGE, i * SGX_PAGE,
            i == 0 ? SGX_TCS : SGX_REG | SGX_R | SGX_X, pages + i * SGX_PAGE);
}

static double
bare(uint8_t ret[static 32])
{
    struct hash h = { 0 };
    uint8_t sum[HASH_MAX];
    double t = processor_us();

    NEED(hash_init(&h, HASH_SHA256));
    for (size_t at = 0; at < stream_size; at += PIECE)
        hash_update(&h,
            BYTES(stream + at, stream_size - at < PIECE ? stream_size - at : PIECE));
    hash_final(&h, sum);
    t = processor_us() - t;
    hash_free(&h);
    memcpy(ret, sum, 32);
    return t;
}

static double
streamed(uint8_t ret[static 32])
{
    struct sgxs_reader r;
    struct sgxs_info info;
    double t = processor_us();

    NEED_OK(sgxs_reader_init(&r, &e));
    for (size_t at = 0; at < stream_size; at += PIECE)
        NEED_OK(sgxs_reader_push(&r,
            BYTES(stream + at, stream_size - at < PIECE ? stream_size - at : PIECE),
            &e));
    NEED_OK(sgxs_reader_end(&r, ret, &info, &e));
    t = processor_us() - t;
    sgxs_reader_free(&r);
    return t;
}

static double
laid_out(bool zeros, uint8_t ret[static 32])
{
    struct mrenclave m;
    double t = processor_us();

    NEED_OK(mrenclave_begin(&m, 1, SIZE, &e));
    mrenclave_add(&m, 0, 1, SGX_TCS, zeros ? NULL : pages, true);
    mrenclave_add(&m, SGX_PAGE, PAGES - 1, SGX_REG | SGX_R | SGX_X,
        zeros ? NULL : pages + SGX_PAGE, true);
    mrenclave_end(&m, ret);
    t = processor_us() - t;
    mrenclave_free(&m);
    return t;
}

int
main(void)
{
    double us[4][ROUNDS];
    uint8_t a[32], b[32], c[32], z[32];

    make();
    for (int i = 0; i < ROUNDS; i++) {
        us[0][i] = bare(a);
        us[1][i] = streamed(b);
        us[2][i] = laid_out(false, c);
        us[3][i] = laid_out(true, z);
        NEED(bytes_eq(BYTES_ARR(a), BYTES_ARR(b)) &&
             bytes_eq(BYTES_ARR(a), BYTES_ARR(c)));
    }
    double base = median(us[0], ROUNDS);
    printf(
        "MRENCLAVE of 64 MiB: SHA-256 of the bytes it hashes %.0f ms; times that, an "
        "SGXS stream %.2f, pages laid out %.2f, pages of zeros %.2f\n",
        base / 1000, median(us[1], ROUNDS) / base, median(us[2], ROUNDS) / base,
        median(us[3], ROUNDS) / base);
    free(stream);
    free(pages);
    return 0;
}
