/* SPDX-License-Identifier: MIT */
/* The store's last job: what waits is written, and the database closed, in the worker's thread. For store.c only. */
#pragma once

#include "base/worker.h"
#include "supervisor/store_db.h"
#include "supervisor/store_queue.h"

typedef struct StoreClosing StoreClosing;

/* Made when the store is: at the end there may be no memory for it. */
StoreClosing *store_closing_new(void);
StoreClosing *store_closing_free(StoreClosing *c);

/* Consumes c, db and what is in the queue (its first batch may be in the thread right now), and waits for at most patience.
 * Nobody is called back. What a thread that is stuck in the kernel may still use is never freed. False: it could not even be
 * begun. */
bool store_close(StoreClosing *c, Worker *worker, StoreDb *db, StoreQueue *queue, uint64_t patience_usec);
