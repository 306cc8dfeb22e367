/* SPDX-License-Identifier: MIT */
/* Reads a registry file in a child: a disk that hangs keeps that one and nobody else. What the child opened is whole, also
 * when somebody renames another file into its place meanwhile. */
#include "base/child.h"
#include "base/clock.h"
#include "base/registry.h"
#include "base/text.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Further reads of a disk that hangs would pile up for hours. */
#define LINGERING_MAX 8

static_assert(REGISTRY_SIZE_MAX == 32 << 20, "TOO_LARGE says so");
#define TOO_LARGE "larger than 32 MiB"

struct RegistryRead {
        char *path;
        Child *child;
        RegistryDone done;
        void *userdata;
};

/* What the child says first. */
typedef struct Header {
        int error; /* positive */
        uint64_t modified_usec;
} Header;

/* In the child: async-signal-safe calls only. */

static bool write_all(int fd, const void *data, size_t size)
{
        const char *p = data;

        while (size > 0) {
                ssize_t n = write(fd, p, size);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return false;
                p += n;
                size -= (size_t) n;
        }
        return true;
}

static int open_regular(const char *path, Header *h)
{
        struct stat st;
        int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY); /* a FIFO does not hold it up */

        if (fd < 0 || fstat(fd, &st) < 0)
                h->error = errno;
        else if (!S_ISREG(st.st_mode))
                h->error = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
        else if (st.st_size > REGISTRY_SIZE_MAX)
                h->error = E2BIG;
        else
                h->modified_usec = (uint64_t) st.st_mtim.tv_sec * USEC_PER_SEC +
                                   (uint64_t) st.st_mtim.tv_nsec / 1000;
        return fd;
}

static int read_child(void *data, int output_fd)
{
        const RegistryRead *read_ = data;
        char buffer[32 * 1024];
        Header h = {0};
        ssize_t n;
        int fd = open_regular(read_->path, &h);

        if (!write_all(output_fd, &h, sizeof(h)) || h.error != 0)
                return 0;
        while ((n = read(fd, buffer, sizeof(buffer))) != 0) {
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return errno & 0xff; /* after the header there is nowhere else to say it */
                if (!write_all(output_fd, buffer, (size_t) n))
                        return EPIPE;
        }
        return 0;
}

/* In the parent. */

static void refuse(const RegistryRead *read, RegistryResult *result, int error, const char *why,
                   char *message, size_t size)
{
        char text[512];

        snprintf(text, sizeof(text), "%.200s: %.250s", read->path, why);
        plain_copy(message, size, text);
        result->error = error;
}

static void take_output(const RegistryRead *read, const ChildResult *child, RegistryResult *result,
                        char *message, size_t size)
{
        Header h;
        Error e;

        if (child->output_size < sizeof(h)) {
                refuse(read, result, -EIO, "the child that reads it ended early", message, size);
                return;
        }
        memcpy(&h, child->output, sizeof(h));
        result->modified_usec = h.modified_usec;
        if (h.error == E2BIG)
                refuse(read, result, -E2BIG, TOO_LARGE, message, size);
        else if (h.error == EINVAL)
                refuse(read, result, -EINVAL, "not a file", message, size);
        else if (h.error != 0)
                refuse(read, result, -h.error, strerror(h.error), message, size);
        else if (child->status != 0)
                refuse(read, result, -child->status, strerror(child->status), message, size);
        else {
                int r = registry_parse(child->output + sizeof(h), child->output_size - sizeof(h),
                                       &result->registry, &e);
                if (r < 0)
                        refuse(read, result, r, e.text, message, size);
        }
}

static void on_child(Child *child, const ChildResult *c, void *userdata)
{
        RegistryRead *read = userdata;
        char message[400] = "";
        RegistryResult result = {.message = message};

        if (c->error < 0)
                refuse(read, &result, c->error, strerror(-c->error), message, sizeof(message));
        else if (c->timed_out)
                refuse(read, &result, -ETIMEDOUT, "the disk does not answer", message, sizeof(message));
        else if (c->code != CLD_EXITED)
                refuse(read, &result, -EIO, "the child that reads it was killed", message, sizeof(message));
        else
                take_output(read, c, &result, message, sizeof(message));
        read->done(read, &result, read->userdata); /* may free the read */
        registry_free(result.registry);
}

int registry_read_start(sd_event *event, const char *path, uint64_t timeout_usec, RegistryDone done,
                        void *userdata, RegistryRead **ret)
{
        _cleanup_(registry_read_freep) RegistryRead *read = calloc(1, sizeof(*read));

        assert(event && path && done && ret);
        if (!read)
                return -ENOMEM;
        if (child_lingering() >= LINGERING_MAX)
                return -EAGAIN;
        *read = (RegistryRead){.path = strdup(path), .done = done, .userdata = userdata};
        if (!read->path)
                return -ENOMEM;
        ChildSpec spec = {.function = read_child,
                          .data = read,
                          .output_max = sizeof(Header) + REGISTRY_SIZE_MAX + 1,
                          .timeout_usec = timeout_usec};
        int r = child_start(event, &spec, on_child, read, &read->child);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(read);
        return 0;
}

RegistryRead *registry_read_free(RegistryRead *read)
{
        if (!read)
                return NULL;
        child_free(read->child);
        free(read->path);
        free(read);
        return NULL;
}
