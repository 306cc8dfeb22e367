/* SPDX-License-Identifier: MIT */
/* The one cleanup function of macro.h that needs the kernel. */
#include "base/macro.h"

#include <unistd.h>

void fd_closep(int *fd)
{
        assert(fd);

        if (*fd < 0)
                return;
        int saved = errno;
        (void) close(*fd);
        errno = saved;
        *fd = -EBADF;
}
