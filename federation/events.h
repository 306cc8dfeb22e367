/* SPDX-License-Identifier: MIT */
/* GET /events: who listens is told of changes of mode and of peers. A listener who comes gets what holds now first, so that
 * nothing is missed between two connections. */
#pragma once

#include "base/httpd.h"
#include "base/json.h"

typedef struct Events Events;
int events_new(Events **ret);
Events *events_free(Events *e); /* closes the streams */
DEFINE_CLEANUP(Events, events_free)
/* Takes the request over; a stream that would be one too many is refused 503: more than most (0: no limit but the server's). */
void events_join(Events *e, HttpRequest *r, unsigned most);
/* Kept as what holds now for later listeners, by event and key ("" when there is but one of it), who are told in the order
 * in which the keys first came; data is consumed. Sent only when it differs from the last. data NULL: it holds no more. */
void events_state(Events *e, const char *event, const char *key, json_t *data);
void events_forget(Events *e, const char *event); /* none of it holds any more */
/* Told once, to who listens now. */
void events_tell(Events *e, const char *event, json_t *data);
size_t events_listeners(const Events *e);
