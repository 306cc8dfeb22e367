/* SPDX-License-Identifier: MIT */
/* To be preloaded: a heap that refuses what the file $SCARCE_MEMORY says. The file is shared memory: orders go in, counts
 * come out, while the program runs. Each refusal is written to stderr with the calls that led to it. */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define DEPTH  12    /* calls by which one place is told from another */
#define PLACES 65536 /* a power of two */
#define TOLD   40    /* refusals of a drought that are written down: the rest are like them */

typedef struct Orders {
        uint64_t asked;       /* allocations since this was set to 0 */
        uint64_t first, last; /* those from first to last are refused; 0: none */
        uint64_t fresh; /* 1: the next one that comes from a place never seen before is refused, and this is 0 */
        uint64_t refused;   /* since this was set to 0 */
        uint64_t low, high; /* unless 0: only what code between these addresses has caused is counted at all */
        uint64_t place[PLACES]; /* what has been seen: hashes of their calls */
} Orders;

/* AddressSanitizer's allocator is below us when the program has it; else it is glibc's. */
extern void *__interceptor_malloc(size_t) __attribute__((weak));
extern void *__interceptor_calloc(size_t, size_t) __attribute__((weak));
extern void *__interceptor_realloc(void *, size_t) __attribute__((weak));
extern void *__interceptor_memalign(size_t, size_t) __attribute__((weak));
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static Orders *orders;
static __thread bool inside; /* finding out where we are may allocate, too */

__attribute__((constructor)) static void scarce_begin(void)
{
        const char *path = getenv("SCARCE_MEMORY");
        int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
        void *frames[1];

        if (fd < 0)
                return;
        inside = true;
        backtrace(frames, 1); /* the first call loads a library */
        void *p = mmap(NULL, sizeof(Orders), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        close(fd);
        inside = false;
        if (p != MAP_FAILED)
                orders = p;
}

/* True the first time. */
static bool is_new_place(void **frames, int n)
{
        uint64_t hash = 14695981039346656037U;

        for (int i = 0; i < n; i++)
                hash = (hash ^ (uintptr_t) frames[i]) * 1099511628211U;
        hash |= 1;
        for (uint64_t i = hash >> 16, end = i + 64; i < end; i++) {
                uint64_t expected = 0;

                if (__atomic_compare_exchange_n(&orders->place[i % PLACES], &expected, hash, false,
                                                __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
                        return true;
                if (expected == hash)
                        return false;
        }
        return false; /* full here: as if seen */
}

static void tell(void **frames, int n, uint64_t k)
{
        char line[64];
        int size = snprintf(line, sizeof line, "scarce-memory: allocation %llu is refused\n",
                            (unsigned long long) k);

        (void) !write(STDERR_FILENO, line, (size_t) size);
        backtrace_symbols_fd(frames, n, STDERR_FILENO);
}

static bool is_within(void **frames, int n)
{
        for (int i = 0; i < n; i++)
                if ((uintptr_t) frames[i] >= orders->low && (uintptr_t) frames[i] < orders->high)
                        return true;
        return false;
}

/* Is this allocation to be refused? */
static bool refuse(void)
{
        void *frames[DEPTH + 2];
        bool no = false;
        int n = 0;

        if (!orders || inside)
                return false;
        inside = true;
        if (orders->high > 0 && !is_within(frames, n = backtrace(frames, DEPTH + 2))) {
                inside = false;
                return false;
        }
        uint64_t k = __atomic_add_fetch(&orders->asked, 1, __ATOMIC_SEQ_CST);
        uint64_t first = __atomic_load_n(&orders->first, __ATOMIC_SEQ_CST);

        if (first > 0 && k >= first && k <= __atomic_load_n(&orders->last, __ATOMIC_SEQ_CST))
                no = true;
        if (!no && __atomic_load_n(&orders->fresh, __ATOMIC_SEQ_CST)) {
                uint64_t one = 1;

                n = n ? n : backtrace(frames, DEPTH + 2);
                no = is_new_place(frames, n) &&
                     __atomic_compare_exchange_n(&orders->fresh, &one, 0, false, __ATOMIC_SEQ_CST,
                                                 __ATOMIC_SEQ_CST);
        }
        if (no) {
                if (__atomic_add_fetch(&orders->refused, 1, __ATOMIC_SEQ_CST) <= TOLD)
                        tell(frames, n ? n : backtrace(frames, DEPTH + 2), k);
                errno = ENOMEM;
        }
        inside = false;
        return no;
}

void *malloc(size_t size)
{
        return refuse() ? NULL : __interceptor_malloc ? __interceptor_malloc(size) : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
        return refuse()               ? NULL
               : __interceptor_calloc ? __interceptor_calloc(n, size)
                                      : __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
        return refuse()                ? NULL
               : __interceptor_realloc ? __interceptor_realloc(p, size)
                                       : __libc_realloc(p, size);
}

void *reallocarray(void *p, size_t n, size_t size)
{
        size_t total;

        if (__builtin_mul_overflow(n, size, &total)) {
                errno = ENOMEM;
                return NULL;
        }
        return realloc(p, total);
}

void *memalign(size_t alignment, size_t size)
{
        return refuse()                 ? NULL
               : __interceptor_memalign ? __interceptor_memalign(alignment, size)
                                        : __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
        return memalign(alignment, size);
}

int posix_memalign(void **ret, size_t alignment, size_t size)
{
        void *p = memalign(alignment, size);

        if (!p)
                return ENOMEM;
        *ret = p;
        return 0;
}

/* AddressSanitizer asks for this in every new thread, and ends us when it gets no answer. */
int pthread_getattr_np(pthread_t thread, pthread_attr_t *ret)
{
        static __typeof__(pthread_getattr_np) *real;
        bool was = inside;

        inside = true;
        if (!real)
                real = (__typeof__(pthread_getattr_np) *) dlsym(RTLD_NEXT, "pthread_getattr_np");
        int r = real(thread, ret);
        inside = was;
        return r;
}

/* AddressSanitizer's own of these two do not come by malloc(). */

char *strndup(const char *s, size_t max)
{
        size_t size = strnlen(s, max);
        char *copy = malloc(size + 1);

        if (!copy)
                return NULL;
        memcpy(copy, s, size);
        copy[size] = '\0';
        return copy;
}

char *strdup(const char *s)
{
        return strndup(s, strlen(s));
}
