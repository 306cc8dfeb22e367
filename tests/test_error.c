/* SPDX-License-Identifier: MIT */
/* Error codes in words. */
#include "base/error.h"
#include "tests/test.h"

TEST(what_strerror_says_in_riddles_is_said_in_words)
{
        CHECK_STR(error_words(-EUCLEAN), "the file system is damaged"); /* "Structure needs cleaning" */
        CHECK_STR(error_words(EBADMSG),
                  "the file system is damaged (a checksum is wrong)"); /* "Bad message" */
        CHECK_STR(error_words(-ENOTCONN), "the program behind this mount has ended");
        CHECK_STR(error_words(-ESTALE), "the network file system does not know it any more (stale handle)");
}

TEST(what_is_plain_stays_as_people_know_it)
{
        CHECK_STR(error_words(-ENOENT), "No such file or directory");
        CHECK_STR(error_words(EACCES), "Permission denied");
        CHECK_STR(error_words(-ETIMEDOUT), "Connection timed out");
}

MAIN()
