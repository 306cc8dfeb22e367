/* SPDX-License-Identifier: MIT */
/* federation/fit.c. */
#include "tests/test.h"

#include "federation/fit.h"
#include "federation/work.h"

static Fit fit(const char *question, const char *title, const char *author)
{
        _cleanup_wanted_ Wanted w = {0};
        char *work = work_key(title, author);

        CHECK(work && wanted_make(question, &w) == 0);
        Fit f = fit_of(&w, work, title, author);
        free(work);
        return f;
}

TEST(the_title_that_was_asked_for_fits_best)
{
        CHECK(fit("the time machine", "The Time Machine", "H. G. Wells") == FIT_TITLE);
        CHECK(fit("pride prejudice", "Pride and Prejudice", "Jane Austen") == FIT_TITLE);
        CHECK(fit("time machine wells", "The Time Machine", "H. G. Wells") == FIT_TITLE);
        CHECK(fit("the time machine by h g wells", "Time Machine", "Wells, H. G.") == FIT_TITLE);
        CHECK(fit("beowulf", "Beowulf", "") == FIT_TITLE);
        CHECK(fit("the time", "The Time Machine", "H. G. Wells") == FIT_WORDS);
}

TEST(every_word_in_title_and_author_fits)
{
        CHECK(fit("pride prejudice", "Pride and Prejudice and Zombies", "Jane Austen, Seth Grahame-Smith") ==
              FIT_WORDS);
        CHECK(fit("Time Machine", "The Time Machine: An Invention", "Wells, H.G.") == FIT_WORDS);
        CHECK(fit("harry potter", "Harry Potter: Film Wizardry", "Brian Sibley") == FIT_WORDS);
        CHECK(fit("wells time", "The Time Machine", "Wells, H. G.") == FIT_WORDS);
        CHECK(fit("time mach", "The Time Machine", "H. G. Wells") == FIT_WORDS);
        CHECK(fit("wells the", "The Time Machine", "Wells, H. G.") == FIT_WORDS);
        CHECK(fit("h g wells", "The Time Machine", "H. G. Wells") == FIT_WORDS);
        CHECK(fit("war mir", "Война и мир / War", "Mir") == FIT_WORDS);
        CHECK(fit("dune herbert anderson", "Dune: House Atreides", "Brian Herbert, Kevin J. Anderson") ==
              FIT_WORDS);
        CHECK(fit("foundation book three", "Second Foundation (Foundation, Book Three)", "Asimov") ==
              FIT_WORDS);
        CHECK(fit("紅樓 曹雪芹", "紅樓夢", "曹雪芹") == FIT_WORDS);
        CHECK(fit("beowulf old", "Beowulf, an old poem", "") == FIT_WORDS);
}

TEST(what_is_only_near_is_told)
{
        CHECK(fit("time machine wells", "The Time Traveller", "H. G. Wells") == FIT_NEAR);
        CHECK(fit("tim machine", "The Time Machine", "H. G. Wells") ==
              FIT_NEAR); /* only the last may be begun */
        CHECK(fit("machine ime", "The Time Machine", "H. G. Wells") == FIT_NEAR);
        CHECK(fit("tolkein hobit", "The Hobbit", "J. R. R. Tolkien") == FIT_NEAR);
        CHECK(fit("9780306406157", "The Time Machine", "H. G. Wells") == FIT_NEAR);
        CHECK(fit("!?", "The Time Machine", "H. G. Wells") == FIT_NEAR);
        CHECK(fit("war", "", "") == FIT_NEAR);
}

MAIN()
