/* SPDX-License-Identifier: MIT */
/* What ledger_db.c and ledger_report.c share. */
#pragma once

#include "federation/ledger_db.h"

#define LEDGER_COLUMNS                                                                                   \
        "side, id, peer, book, price_minor, currency, pct, state, url, reason, settled, refunded, due, " \
        "until, attempts, told"
int ledger_read_row(sqlite3_stmt *stmt, LedgerRow *ret); /* LEDGER_COLUMNS; -EUCLEAN */
