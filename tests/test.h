/* SPDX-License-Identifier: MIT */
/* The unit tests' frame: TEST(name) { ... } registers itself, MAIN() runs all of them or those named. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct TestCase {
        const char *name;
        void (*run)(void);
        struct TestCase *next;
} TestCase;

extern TestCase *test_first, **test_last;

#define TEST(id)                                                     \
        static void test_##id(void);                                 \
        static TestCase case_##id = {#id, test_##id, NULL};          \
        __attribute__((constructor)) static void register_##id(void) \
        {                                                            \
                *test_last = &case_##id;                             \
                test_last = &case_##id.next;                         \
        }                                                            \
        static void test_##id(void)

#define CHECK(condition)                                                                          \
        do {                                                                                      \
                if (!(condition)) {                                                               \
                        fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
                        exit(1);                                                                  \
                }                                                                                 \
        } while (0)

#define CHECK_INT(got, wanted)                                                                           \
        do {                                                                                             \
                long long got_ = (long long) (got), wanted_ = (long long) (wanted);                      \
                if (got_ != wanted_) {                                                                   \
                        fprintf(stderr, "%s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, #got, got_, \
                                wanted_);                                                                \
                        exit(1);                                                                         \
                }                                                                                        \
        } while (0)

#define CHECK_STR(got, wanted)                                                                     \
        do {                                                                                       \
                const char *got_ = (got), *wanted_ = (wanted);                                     \
                if (!got_ || strcmp(got_, wanted_) != 0) {                                         \
                        fprintf(stderr, "%s:%d: %s is:\n%s\nnot:\n%s\n", __FILE__, __LINE__, #got, \
                                got_ ? got_ : "(null)", wanted_);                                  \
                        exit(1);                                                                   \
                }                                                                                  \
        } while (0)

#define MAIN()                                                              \
        TestCase *test_first, **test_last = &test_first;                    \
        __attribute__((constructor(101))) static void test_list_begin(void) \
        {                                                                   \
                test_last = &test_first;                                    \
        }                                                                   \
        int main(int argc, char **argv)                                     \
        {                                                                   \
                int run = 0;                                                \
                for (TestCase *t = test_first; t; t = t->next) {            \
                        if (argc > 1 && strcmp(argv[1], t->name) != 0)      \
                                continue;                                   \
                        fprintf(stderr, "%s\n", t->name);                   \
                        t->run();                                           \
                        run++;                                              \
                }                                                           \
                printf("%d run, all as claimed\n", run);                    \
                return run > 0 ? 0 : 1;                                     \
        }
