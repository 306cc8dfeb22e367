/* SPDX-License-Identifier: MIT */
/* The control socket of a running supervisor: the input is all that one client sends before it has said everything. */
#include "tests/fuzz/shop.h"

#include <errno.h>
#include <jansson.h>
#include <sys/socket.h>
#include <sys/un.h>

static Manager *shop;
static unsigned n_inputs;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        shop_make();
        shop = shop_open();
        SHOP_UNTIL(shop, shop->engine);
        return 0;
}

static int connect_control(void)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        FUZZ_CHECK(fd >= 0);
        FUZZ_CHECK(snprintf(address.sun_path, sizeof(address.sun_path), "%s/control.sock", shop_run) <
                   (int) sizeof(address.sun_path));
        FUZZ_CHECK(connect(fd, (struct sockaddr *) &address, sizeof(address)) == 0);
        return fd;
}

/* How many bytes came, or -1 while there may be more. */
static ssize_t receive(int fd, char *answer, size_t size, size_t *length)
{
        for (;;) {
                char rest[4096];
                bool fits = *length + 1 < size;
                ssize_t n = fits ? recv(fd, answer + *length, size - 1 - *length, 0)
                                 : recv(fd, rest, sizeof(rest), 0);

                if (n < 0 && errno == EAGAIN)
                        return -1;
                if (n <= 0)
                        return (ssize_t) *length;
                *length += fits ? (size_t) n : 0;
        }
}

/* Whatever was sent, the next one is answered. */
static void check_alive(void)
{
        static const char ask[] = "GET /v1/status HTTP/1.1\r\nHost: failoverd\r\nConnection: close\r\n\r\n";
        static char answer[1 << 16];
        size_t length = 0;
        int fd = connect_control();

        FUZZ_CHECK(send(fd, ask, strlen(ask), MSG_NOSIGNAL) == (ssize_t) strlen(ask));
        SHOP_UNTIL(shop, receive(fd, answer, sizeof(answer), &length) >= 0);
        close(fd);
        FUZZ_CHECK(strncmp(answer, "HTTP/1.1 200", 12) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static char answer[1 << 16];
        size_t length = 0, sent = 0;
        int fd = connect_control();

        while (sent < size) {
                ssize_t n = send(fd, data + sent, size - sent, MSG_NOSIGNAL);

                if (n < 0 && errno != EAGAIN)
                        break;
                sent += n > 0 ? (size_t) n : 0;
                FUZZ_CHECK(sd_event_run(shop->event, 0) >= 0);
                (void) receive(fd, answer, sizeof(answer), &length);
        }
        shutdown(fd, SHUT_WR);
        for (int i = 0; i < 10 && receive(fd, answer, sizeof(answer), &length) < 0; i++)
                FUZZ_CHECK(sd_event_run(shop->event, USEC_PER_MSEC) >= 0);
        close(fd);
        if (++n_inputs % 32 == 0)
                check_alive();
        answer[length] = '\0';
        FUZZ_CHECK(length == 0 || strncmp(answer, "HTTP/1.", 7) == 0);
        FUZZ_CHECK(strncmp(answer, "HTTP/1.1 500", 12) != 0);
        return 0;
}
