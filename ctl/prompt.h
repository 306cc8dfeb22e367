/* SPDX-License-Identifier: MIT */
/* Asking somebody at the terminal. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

bool prompt_possible(void); /* stdin and stdout are a terminal */
/* A paragraph, broken at the terminal's width, with an empty line before it. */
void prompt_say(const char *text);
/* "what [fallback]: "; an empty answer is the fallback ("" or NULL: none). Blanks around an answer are cut off. -ECANCELED: the end of
 * the input; -ENOMEM. */
int prompt_line(const char *what, const char *fallback, char **ret);
/* The same without an echo and a fallback; free with secret_free(). */
int prompt_secret(const char *what, char **ret);
int prompt_yes(const char *what, bool fallback, bool *ret);
