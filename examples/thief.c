/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thief of the demo: a machine without an enclave that holds the genuine TLS
 * key and certificate of a service. It terminates TLS with them and forwards
 * every byte, the attestation challenge included, to the genuine enclave. To a
 * client that trusts certificates it is the service; to `selfsame connect` its
 * TLS session is not the one that the evidence speaks about.
 *
 *     thief CERT.pem KEY.pem LISTEN_PORT GENUINE_PORT      (loopback only)
 *
 * One connection at a time, plain poll(2); not an example of good server code.
 */
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in
loopback(const char *port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
}

static int
choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
    const unsigned char *in, unsigned in_len, void *ctx)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *picked = NULL;

    (void)ssl, (void)ctx;
    if (SSL_select_next_proto(&picked, out_len, ours, sizeof(ours) - 1, in, in_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = picked;
    return SSL_TLSEXT_ERR_OK;
}

/* Moves what can be read at once; false when the connection ends. */
static bool
move(SSL *from, SSL *to)
{
    unsigned char buf[16384];

    do {
        int n = SSL_read(from, buf, sizeof(buf));

        if (n <= 0)
            return SSL_get_error(from, n) == SSL_ERROR_WANT_READ;
        if (SSL_write(to, buf, n) != n)
            return false;
    } while (SSL_pending(from) > 0);
    return true;
}

static void
relay(SSL *victim, SSL *genuine)
{
    struct pollfd fds[2] = {
        { .fd = SSL_get_fd(victim), .events = POLLIN },
        { .fd = SSL_get_fd(genuine), .events = POLLIN },
    };

    while (poll(fds, 2, 10000) > 0) {
        if (fds[0].revents != 0 && !move(victim, genuine))
            return;
        if (fds[1].revents != 0 && !move(genuine, victim))
            return;
    }
}

static void
serve_one(SSL_CTX *server, SSL_CTX *client, int fd, const char *genuine_port)
{
    static const unsigned char http[] = "\x08http/1.1";
    struct sockaddr_in to = loopback(genuine_port);
    int up = socket(AF_INET, SOCK_STREAM, 0);
    SSL *victim = SSL_new(server), *genuine = SSL_new(client);

    if (up >= 0 && victim != NULL && genuine != NULL && SSL_set_fd(victim, fd) == 1 &&
        connect(up, (const struct sockaddr *)&to, sizeof(to)) == 0 &&
        SSL_set_fd(genuine, up) == 1 &&
        SSL_set_alpn_protos(genuine, http, sizeof(http) - 1) == 0 &&
        SSL_connect(genuine) == 1 && SSL_accept(victim) == 1)
        relay(victim, genuine);
    SSL_free(victim);
    SSL_free(genuine);
    if (up >= 0)
        (void)close(up);
}

int
main(int argc, char **argv)
{
    SSL_CTX *server = SSL_CTX_new(TLS_server_method());
    SSL_CTX *client = SSL_CTX_new(TLS_client_method());
    int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);

    if (argc != 5 || server == NULL || client == NULL || listener < 0) {
        (void)fprintf(
            stderr, "usage: thief CERT.pem KEY.pem LISTEN_PORT GENUINE_PORT\n");
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    struct sockaddr_in at = loopback(argv[3]);
    (void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (SSL_CTX_use_certificate_chain_file(server, argv[1]) != 1 ||
        SSL_CTX_use_PrivateKey_file(server, argv[2], SSL_FILETYPE_PEM) != 1 ||
        bind(listener, (const struct sockaddr *)&at, sizeof(at)) != 0 ||
        listen(listener, 8) != 0) {
        (void)fprintf(stderr, "thief: cannot use the key or the port\n");
        return 3;
    }
    SSL_CTX_set_alpn_select_cb(server, choose_alpn, NULL);
    (void)printf("thief: listening on 127.0.0.1:%s with the stolen key\n", argv[3]);
    (void)fflush(stdout);
    for (;;) {
        int fd = accept(listener, NULL, NULL);

        if (fd < 0)
            return 3;
        serve_one(server, client, fd, argv[4]);
        (void)close(fd);
    }
}
