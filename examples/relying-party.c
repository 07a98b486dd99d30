/* SPDX-License-Identifier: Apache-2.0 */
/* usage: relying-party POLICY EVIDENCE NONCE KEY -- exits with the class of the verdict. */
#include <selfsame/selfsame.h>
#include <stdio.h>
#include <time.h>

static struct selfsame_bytes
file_of(const char *path, uint8_t *buf, size_t cap)
{
    FILE *f = fopen(path, "rb");
    struct selfsame_bytes b = { buf, f != NULL ? fread(buf, 1, cap, f) : 0 };
    return f != NULL && fclose(f) == 0 ? b : (struct selfsame_bytes){ NULL, 0 };
}

int
main(int argc, char **argv)
{
    static uint8_t buf[2][1 << 20], nonce[512], key[4096];
    struct selfsame_verifier *v = NULL;
    struct selfsame_policy *p = NULL;
    struct selfsame_request *q = NULL;
    struct selfsame_result *r = NULL;
    struct selfsame_err e = { .code = SELFSAME_USAGE };
    char *text = NULL, line[1024];

    if (argc == 5 && !selfsame_verifier_new(&v, &e) && !selfsame_request_new(&q, &e) &&
        !selfsame_policy_parse(file_of(argv[1], buf[0], sizeof(buf[0])), &p, &e)) {
        selfsame_request_set_time(q, (int64_t)time(NULL) * 1000);
        selfsame_request_set_nonce(q, file_of(argv[3], nonce, sizeof(nonce)));
        selfsame_request_expect_key(q, file_of(argv[4], key, sizeof(key)));
        e.code = selfsame_verify(
            v, p, q, file_of(argv[2], buf[1], sizeof(buf[1])), &r, &e);
    }
    if (argc != 5) {
        fputs("usage: relying-party POLICY EVIDENCE NONCE KEY\n", stderr);
        return SELFSAME_USAGE;
    }
    if (r == NULL || selfsame_result_text(r, false, &text, &e))
        selfsame_err_print(&e, line, sizeof(line));
    puts(text != NULL ? text : line);
    selfsame_free(text), selfsame_result_free(r), selfsame_request_free(q);
    selfsame_policy_free(p), selfsame_verifier_free(v);
    return (int)e.code;
}
