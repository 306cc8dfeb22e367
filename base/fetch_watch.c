/* SPDX-License-Identifier: MIT */
/* curl's sockets on an epoll of their own, which is one source of the loop: a turn takes many events, not one, and a kept
 * connection stays watched between two transfers.
 *
 * Each is watched through a descriptor of our own: curl 7.88 closes a socket that was still connecting without a word (and says
 * only later that it need not be watched). While a child, just forked, has a copy of it, epoll would go on to tell of it, and
 * nobody could stop that any more. */
#include "base/fetch_private.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#define EVENTS_MAX 32 /* of one turn */

typedef struct Watch {
        int own; /* the same socket */
        ino_t inode;
        uint32_t events;
        bool idle; /* curl keeps it for later */
} Watch;

struct FetchWatches {
        sd_event_source *source;
        int poller;
        void (*fn)(int fd, int action, void *userdata);
        void *userdata;
        Watch **watches; /* by curl's descriptor */
        size_t n_watches;
        struct epoll_event events[EVENTS_MAX]; /* of this turn; data: curl's descriptor */
        int n_events;
};

static Watch *watch_at(const FetchWatches *ws, int fd)
{
        return (size_t) fd < ws->n_watches ? ws->watches[fd] : NULL;
}

static void watch_drop(FetchWatches *ws, int fd)
{
        Watch *w = watch_at(ws, fd);

        if (!w)
                return;
        if (w->own >= 0) {
                (void) epoll_ctl(ws->poller, EPOLL_CTL_DEL, w->own, NULL);
                (void) close(w->own);
        }
        free(w);
        ws->watches[fd] = NULL;
        for (int i = 0; i < ws->n_events; i++) /* those of this turn that are still to come */
                if (ws->events[i].data.fd == fd)
                        ws->events[i].data.fd = -1;
}

static int watch_bind(FetchWatches *ws, int fd, Watch *w)
{
        struct epoll_event event = {.events = w->events, .data.fd = fd};
        struct stat st;

        w->own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (w->own < 0 || fstat(w->own, &st) < 0)
                return -errno;
        w->inode = st.st_ino;
        return epoll_ctl(ws->poller, EPOLL_CTL_ADD, w->own, &event) < 0 ? -errno : 0;
}

static int table_reach(FetchWatches *ws, int fd)
{
        size_t n = MAX((size_t) fd + 1, ws->n_watches * 2);
        Watch **longer;

        if ((size_t) fd < ws->n_watches)
                return 0;
        longer = reallocarray(ws->watches, n, sizeof(*longer));
        if (!longer)
                return -ENOMEM;
        memset(longer + ws->n_watches, 0, (n - ws->n_watches) * sizeof(*longer));
        ws->watches = longer;
        ws->n_watches = n;
        return 0;
}

static int watch_new(FetchWatches *ws, int fd, uint32_t events)
{
        int r = table_reach(ws, fd);

        if (r < 0)
                return r;
        ws->watches[fd] = calloc(1, sizeof(Watch));
        if (!ws->watches[fd])
                return -ENOMEM;
        ws->watches[fd]->own = -1;
        ws->watches[fd]->events = events;
        r = watch_bind(ws, fd, ws->watches[fd]);
        if (r < 0)
                watch_drop(ws, fd);
        return r;
}

/* Whether curl has not closed it without telling us (the number may be somebody else's by now). */
static bool is_open(const Watch *w, int fd)
{
        struct stat st;

        return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode) && st.st_ino == w->inode;
}

int fetch_watch_set(FetchWatches *ws, int fd, uint32_t events)
{
        Watch *w = watch_at(ws, fd);
        struct epoll_event event = {.events = events, .data.fd = fd};

        if (!w)
                return watch_new(ws, fd, events);
        w->idle = false;
        if (w->events == events)
                return 0;
        if (epoll_ctl(ws->poller, EPOLL_CTL_MOD, w->own, &event) < 0)
                return -errno;
        w->events = events;
        return 0;
}

void fetch_watch_end(FetchWatches *ws, int fd)
{
        Watch *w = watch_at(ws, fd);

        if (w && w->events == EPOLLIN && is_open(w, fd))
                w->idle = true;
        else
                watch_drop(ws, fd);
}

int fetch_watch_opened(FetchWatches *ws, int fd)
{
        Watch *w = watch_at(ws, fd);

        if (!w)
                return 0;
        if (w->idle) {
                watch_drop(ws, fd);
                return 0;
        }
        /* The one of this number is gone, and curl, which watches numbers, will not tell of the new one. */
        (void) epoll_ctl(ws->poller, EPOLL_CTL_DEL, w->own, NULL);
        (void) close(w->own);
        return watch_bind(ws, fd, w);
}

void fetch_watch_closing(FetchWatches *ws, int fd)
{
        watch_drop(ws, fd);
}

static int on_events(sd_event_source *s, int poller, uint32_t revents, void *userdata)
{
        FetchWatches *ws = userdata;

        ws->n_events = epoll_wait(poller, ws->events, EVENTS_MAX, 0);
        for (int i = 0; i < ws->n_events; i++) {
                int fd = ws->events[i].data.fd, action = 0;
                uint32_t events = ws->events[i].events;

                if (fd < 0)
                        continue;
                if (watch_at(ws, fd)->idle) { /* closed by the other end, or a word that nobody asked for */
                        watch_drop(ws, fd);
                        continue;
                }
                if (events & (EPOLLIN | EPOLLHUP))
                        action |= CURL_CSELECT_IN;
                if (events & EPOLLOUT)
                        action |= CURL_CSELECT_OUT;
                if (events & EPOLLERR)
                        action |= CURL_CSELECT_ERR;
                ws->fn(fd, action, ws->userdata);
        }
        ws->n_events = 0;
        return 0;
}

int fetch_watches_new(sd_event *event, void (*fn)(int fd, int action, void *userdata), void *userdata,
                      FetchWatches **ret)
{
        FetchWatches *ws = calloc(1, sizeof(*ws));
        int r;

        if (!ws)
                return -ENOMEM;
        ws->fn = fn;
        ws->userdata = userdata;
        ws->poller = epoll_create1(EPOLL_CLOEXEC);
        r = ws->poller < 0 ? -errno
                           : loop_add_io(event, "fetch-sockets", ws->poller, EPOLLIN, on_events, ws,
                                         &ws->source);
        if (r < 0) {
                fetch_watches_free(ws);
                return r;
        }
        *ret = ws;
        return 0;
}

int fetch_watches_priority(FetchWatches *ws, int64_t priority)
{
        return sd_event_source_set_priority(ws->source, priority);
}

void fetch_watches_clear(FetchWatches *ws)
{
        for (size_t fd = 0; fd < ws->n_watches; fd++)
                watch_drop(ws, (int) fd);
}

FetchWatches *fetch_watches_free(FetchWatches *ws)
{
        if (!ws)
                return NULL;
        fetch_watches_clear(ws);
        loop_source_free(ws->source);
        if (ws->poller >= 0)
                (void) close(ws->poller);
        free(ws->watches);
        free(ws);
        return NULL;
}
