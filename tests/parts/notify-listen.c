/* SPDX-License-Identifier: MIT */
/* The service manager's end of sd_notify(): prints what a service says, a line each, as it comes.
 *
 * notify-listen SOCKET */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        char message[4096];
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        if (argc != 2 || strlen(argv[1]) >= sizeof address.sun_path) {
                fputs("usage: notify-listen SOCKET\n", stderr);
                return 2;
        }
        memcpy(address.sun_path, argv[1], strlen(argv[1]) + 1);
        unlink(argv[1]);
        if (fd < 0 || bind(fd, (struct sockaddr *) &address, sizeof address) < 0) {
                perror(argv[1]);
                return 1;
        }
        for (ssize_t n; (n = recv(fd, message, sizeof message, 0)) >= 0;) {
                printf("%.*s\n", (int) n, message);
                fflush(stdout);
        }
        return 1;
}
