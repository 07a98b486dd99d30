/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ordinary HTTP/1.1 service that knows nothing of enclaves: GET / says hello.
 * selfsame serve stands in front of it and speaks attested TLS.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#ifndef MESSAGE
#define MESSAGE "hello from the selfsame code you audited"
#endif

enum { PORT = 8080, HEAD_MAX = 8192, BACKLOG = 64, PATIENCE_S = 10 };

/* Reads up to the empty line; 0 when the peer left, is slow or says too much. */
static size_t
read_head(int fd, char *head, size_t cap)
{
    size_t len = 0;

    while (len + 1 < cap) {
        ssize_t n = recv(fd, head + len, cap - 1 - len, 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return 0;
        len += (size_t)n;
        head[len] = 0;
        if (strstr(head, "\r\n\r\n") != NULL)
            return len;
    }
    return 0;
}

static bool
send_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        text += n;
        len -= (size_t)n;
    }
    return true;
}

static bool
answer(int fd, const char *status, const char *body, bool with_body)
{
    char text[1024];
    int n = snprintf(text, sizeof(text),
        "HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
        status, strlen(body), with_body ? body : "");

    return n > 0 && (size_t)n < sizeof(text) && send_all(fd, text, (size_t)n);
}

static bool
serve(int fd)
{
    char head[HEAD_MAX];

    if (read_head(fd, head, sizeof(head)) == 0)
        return answer(fd, "400 Bad Request", "expected a request\n", true);
    bool is_head = strncmp(head, "HEAD / ", 7) == 0;
    if (strncmp(head, "GET / ", 6) == 0 || is_head)
        return answer(fd, "200 OK", MESSAGE "\n", !is_head);
    if (strncmp(head, "GET ", 4) == 0)
        return answer(fd, "404 Not Found", "there is only /\n", true);
    return answer(fd, "405 Method Not Allowed", "GET is all there is\n", true);
}

static int
listen_here(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
        .sin_port = htons(PORT),
        .sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) } };
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
        bind(fd, (const struct sockaddr *)&at, sizeof(at)) != 0 ||
        listen(fd, BACKLOG) != 0) {
        perror("hello: 127.0.0.1:8080");
        exit(1);
    }
    return fd;
}

int
main(void)
{
    int listener = listen_here();

    /* One child a connection, none of them waited for. */
    (void)signal(SIGCHLD, SIG_IGN);
    (void)printf("hello: listening on 127.0.0.1:%d\n", PORT);
    (void)fflush(stdout);
    for (;;) {
        struct timeval patience = { .tv_sec = PATIENCE_S };
        int fd = accept(listener, NULL, NULL);

        if (fd < 0)
            continue;
        pid_t child = fork();
        if (child == 0) {
            (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
            _exit(serve(fd) ? 0 : 1);
        }
        (void)close(fd);
    }
}
