/* SPDX-License-Identifier: MIT */
/* ULIDs and random numbers. */
#include "base/id.h"

#include <pthread.h>
#include <sys/random.h>

static void random_bytes(void *data, size_t size)
{
        uint8_t *p = data;

        while (size > 0) {
                ssize_t n = getrandom(p, size, 0);
                if (n < 0) {
                        assert(errno == EINTR);
                        continue;
                }
                p += n;
                size -= (size_t) n;
        }
}

static const char crockford[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

uint64_t id_usec(const char *id)
{
        uint64_t msec = 0;

        for (int i = 0; i < 10; i++) {
                const char *digit = id[i] ? strchr(crockford, id[i]) : NULL;
                if (!digit)
                        return 0;
                msec = msec << 5 | (uint64_t) (digit - crockford);
        }
        return (msec & UINT64_C(0xffffffffffff)) * USEC_PER_MSEC;
}

char *id_make_from(char buffer[static ID_SIZE], uint64_t wall_usec, const uint8_t random[static 10])
{
        uint64_t msec = wall_usec / USEC_PER_MSEC & UINT64_C(0xffffffffffff);

        for (int i = 9; i >= 0; i--, msec >>= 5)
                buffer[i] = crockford[msec & 31];
        /* 80 bits are twice 40 bits are twice eight characters. */
        for (size_t half = 0; half < 2; half++) {
                uint64_t bits = 0;
                for (size_t i = 0; i < 5; i++)
                        bits = bits << 8 | random[half * 5 + i];
                for (int i = 7; i >= 0; i--, bits >>= 5)
                        buffer[10 + half * 8 + (size_t) i] = crockford[bits & 31];
        }
        buffer[ID_SIZE - 1] = 0;
        return buffer;
}

char *id_make(char buffer[static ID_SIZE], uint64_t wall_usec)
{
        /* What "monotonic within a process" needs to remember. */
        static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
        static uint64_t last_msec;
        static uint8_t last[10];

        pthread_mutex_lock(&lock);
        uint64_t msec = wall_usec / USEC_PER_MSEC;
        if (msec > last_msec) {
                last_msec = msec;
                random_bytes(last, sizeof last);
        } else {
                int i = 9;
                while (i >= 0 && ++last[i] == 0)
                        i--;
                if (i < 0) /* all 80 bits were set */
                        last_msec++;
        }
        id_make_from(buffer, last_msec * USEC_PER_MSEC, last);
        pthread_mutex_unlock(&lock);
        return buffer;
}

uint64_t random_next(uint64_t *state)
{
        assert(state);

        uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        return z ^ z >> 31;
}

double random_fraction(uint64_t *state)
{
        return (double) (random_next(state) >> 11) * 0x1p-53;
}

uint64_t random_seed(void)
{
        uint64_t seed;

        random_bytes(&seed, sizeof seed);
        return seed;
}
