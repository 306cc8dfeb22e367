/* SPDX-License-Identifier: MIT */
/* `federationd --import FILE`: a file into the catalog, told on standard error and output. */
#pragma once

/* file: "-" is standard input. Progress and rows that were refused go to standard error, the sum to standard output. 0, or negative
 * errno (said already): rows that were refused are no failure. */
int import_run(const char *catalog_path, const char *file);
