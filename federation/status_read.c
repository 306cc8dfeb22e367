/* SPDX-License-Identifier: MIT */
/* A file of the status folder: opened part by part, so that neither `..` nor a link leads anywhere else. */
#include "federation/status_read.h"

#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

bool status_path_valid(const char *path)
{
        if (strlen(path) > STATUS_PATH_MAX)
                return false;
        for (const char *p = path;; p++) {
                size_t size = strcspn(p, "/");
                if (size == 0 || *p == '.')
                        return false;
                for (size_t i = 0; i < size; i++)
                        if ((unsigned char) p[i] < ' ' || p[i] == 127 || p[i] == '\\')
                                return false;
                p += size;
                if (*p == '\0')
                        return true;
        }
}

const char *status_content_type(const char *path)
{
        static const char *const types[][2] = {
                        {".html", "text/html; charset=utf-8"}, {".json", "application/json"},
                        {".atom", "application/atom+xml"},     {".svg", "image/svg+xml"},
                        {".css", "text/css; charset=utf-8"},   {".txt", "text/plain; charset=utf-8"},
        };
        const char *ending = strrchr(path, '.');

        for (size_t i = 0; ending && i < ELEMENTSOF(types); i++)
                if (streq(ending, types[i][0]))
                        return types[i][1];
        return NULL;
}

/* The file, open; path is valid. */
static int open_below(const char *directory, const char *path, int *ret_fd)
{
        _cleanup_close_ int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);

        while (fd >= 0) {
                char name[STATUS_PATH_MAX + 1];
                size_t size = strcspn(path, "/");
                bool last = path[size] == '\0';

                memcpy(name, path, size);
                name[size] = '\0';
                int next = openat(fd, name,
                                  O_NOFOLLOW | O_CLOEXEC |
                                                  (last ? O_RDONLY | O_NONBLOCK | O_NOCTTY
                                                        : O_PATH | O_DIRECTORY));
                if (next < 0)
                        break;
                close(fd);
                fd = next;
                if (last) {
                        *ret_fd = TAKE_FD(fd);
                        return 0;
                }
                path += size + 1;
        }
        return errno == ENOTDIR || errno == ELOOP ? -ENOENT : -errno;
}

#define POLICY_OPEN   "<meta http-equiv=\"Content-Security-Policy\" content=\""
#define POLICY_WITHIN 1024 /* the head's first lines */
#define POLICY_FIRST  "default-src 'none';"
#define POLICY_ALWAYS "; frame-ancestors 'none'"
#define POLICY_NONE   "default-src 'none'; base-uri 'none'; form-action 'none'"

void status_policy_find(const char *data, size_t size, char ret[static STATUS_POLICY_SIZE])
{
        static const char allowed[] =
                        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'-+/=;: ";
        const char *begin = memmem(data, MIN(size, (size_t) POLICY_WITHIN), POLICY_OPEN, strlen(POLICY_OPEN));
        size_t n = 0;

        strcpy(ret, POLICY_NONE POLICY_ALWAYS);
        if (!begin)
                return;
        begin += strlen(POLICY_OPEN);
        const char *end = data + size;
        while (begin + n < end && begin[n] && strchr(allowed, begin[n]))
                n++;
        if (begin + n < end && begin[n] == '"' && n + sizeof(POLICY_ALWAYS) <= STATUS_POLICY_SIZE &&
            n >= strlen(POLICY_FIRST) && memcmp(begin, POLICY_FIRST, strlen(POLICY_FIRST)) == 0 &&
            !memmem(begin, n, "unsafe", strlen("unsafe")))
                snprintf(ret, STATUS_POLICY_SIZE, "%.*s" POLICY_ALWAYS, (int) n, begin);
}

static int file_take(const char *directory, const char *path, StatusFile *f)
{
        _cleanup_close_ int fd = -EBADF;
        struct stat st;

        int r = open_below(directory, path, &fd);
        if (r < 0)
                return r;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -ENOENT;
        r = fd_read_all(fd, STATUS_FILE_MAX, &f->data, &f->size);
        if (r < 0)
                return r;
        f->modified_sec = st.st_mtime > 0 ? (uint64_t) st.st_mtime : 0;
        http_etag_make(f->etag, f->data, f->size);
        status_policy_find(f->data, f->size, f->policy);
        return 0;
}

void status_file_read(const char *directory, const char *path, StatusFile *ret)
{
        assert(status_path_valid(path));

        *ret = (StatusFile){0};
        ret->error = file_take(directory, path, ret);
}

void status_file_clear(StatusFile *f)
{
        free(f->data);
        *f = (StatusFile){0};
}

static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

char *http_date_format(char buffer[static HTTP_DATE_SIZE], uint64_t sec)
{
        time_t t = (time_t) MIN(sec, UINT64_C(253402300799)); /* the year 9999 */
        struct tm tm;

        gmtime_r(&t, &tm);
        snprintf(buffer, HTTP_DATE_SIZE, "%s, %02u %s %04u %02u:%02u:%02u GMT", days[tm.tm_wday % 7],
                 (unsigned) tm.tm_mday % 100, months[tm.tm_mon % 12], (unsigned) (tm.tm_year + 1900) % 10000,
                 (unsigned) tm.tm_hour % 100, (unsigned) tm.tm_min % 100, (unsigned) tm.tm_sec % 100);
        return buffer;
}

int http_date_parse(const char *text, uint64_t *ret_sec)
{
        char month[4], again[HTTP_DATE_SIZE];
        struct tm tm = {0};

        if (strlen(text) != strlen("Sun, 06 Nov 1994 08:49:37 GMT") ||
            sscanf(text, "%*3s, %2d %3s %4d %2d:%2d:%2d GMT", &tm.tm_mday, month, &tm.tm_year, &tm.tm_hour,
                   &tm.tm_min, &tm.tm_sec) != 6)
                return -EINVAL;
        for (tm.tm_mon = 0; tm.tm_mon < 12 && !streq(month, months[tm.tm_mon]); tm.tm_mon++)
                ;
        tm.tm_year -= 1900;
        time_t t = tm.tm_mon < 12 ? timegm(&tm) : -1;
        if (t < 0 || !streq(http_date_format(again, (uint64_t) t), text))
                return -EINVAL;
        *ret_sec = (uint64_t) t;
        return 0;
}
