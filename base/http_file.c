/* SPDX-License-Identifier: MIT */
/* Answers larger than memory: a file, read piece by piece by a thread, since a disk may be slow, and only as fast as the client
 * takes it. */
#include "base/httpd_private.h"

#include <fcntl.h>
#include <unistd.h>

#define PIECE_SIZE ((size_t) 256 * 1024)
#define BLOCK_SIZE ((size_t) 128 * 1024) /* libmicrohttpd's own copy */
#define HELD_SIZE  (2 * PIECE_SIZE + BLOCK_SIZE)

typedef struct Piece {
        size_t begin, end; /* not yet handed over */
        char data[PIECE_SIZE];
} Piece;

struct HttpFile {
        HttpRequest *request; /* NULL: completed */
        Worker *worker;       /* the server's */
        int fd;
        uint64_t offset, size; /* the next read; where to stop */
        unsigned current;      /* piece that is handed over; the other one is read into */
        bool reading;
        bool broken; /* ends now */
        bool gone;   /* libmicrohttpd needs it no longer */
        size_t wanted;
        ssize_t got;
        void (*ended)(void *userdata);
        void *userdata;
        Piece pieces[2];
};

static void file_free(HttpFile *f)
{
        close(f->fd);
        free(f);
}

/* --- in the thread --- */

static int run_read(void *job)
{
        HttpFile *f = job;
        Piece *p = &f->pieces[!f->current];

        do
                f->got = pread(f->fd, p->data, f->wanted, (off_t) f->offset);
        while (f->got < 0 && errno == EINTR);
        return f->got < 0 ? -errno : f->got == 0 ? -EIO : 0; /* shorter than it was */
}

/* --- on the loop --- */

static void file_wake(HttpFile *f)
{
        if (f->request)
                http_request_wake(f->request);
}

static void on_piece(int r, void *job);

static void read_next(HttpFile *f)
{
        f->wanted = (size_t) MIN(f->size - f->offset, (uint64_t) PIECE_SIZE);
        if (f->wanted == 0 || f->reading || f->broken)
                return;
        if (worker_submit(f->worker, run_read, on_piece, f) < 0)
                f->broken = true;
        else
                f->reading = true;
}

static void on_piece(int r, void *job)
{
        HttpFile *f = job;

        f->reading = false;
        if (f->gone) {
                file_free(f);
                return;
        }
        if (r < 0)
                f->broken = true;
        else {
                f->pieces[!f->current].begin = 0;
                f->pieces[!f->current].end = (size_t) f->got;
                f->offset += (uint64_t) f->got;
        }
        file_wake(f);
}

/* Which has something; the other one is filled meanwhile. NULL: wait. */
static Piece *piece_with_data(HttpFile *f)
{
        Piece *p = &f->pieces[f->current], *other = &f->pieces[!f->current];

        if (p->begin < p->end)
                return p;
        if (f->reading || other->begin == other->end)
                return NULL;
        f->current = !f->current;
        p->begin = p->end = 0;
        read_next(f);
        return other;
}

static ssize_t on_read(void *userdata, uint64_t position, char *buffer, size_t max)
{
        HttpFile *f = userdata;
        Piece *p = piece_with_data(f);

        if (p) {
                size_t size = MIN(p->end - p->begin, max);

                memcpy(buffer, p->data + p->begin, size);
                p->begin += size;
                return (ssize_t) size;
        }
        if (f->broken)
                return MHD_CONTENT_READER_END_WITH_ERROR;
        http_request_suspend(f->request);
        return 0;
}

static void on_released(void *userdata)
{
        HttpFile *f = userdata;

        if (f->ended)
                f->ended(f->userdata);
        f->gone = true;
        if (f->request)
                f->request->file = NULL;
        f->request = NULL;
        if (!f->reading)
                file_free(f);
}

void http_file_completed(HttpFile *f)
{
        f->request = NULL;
}

void http_file_break(HttpFile *f)
{
        assert(f);

        f->broken = true;
        if (!f->request || !f->request->connection)
                return;
        shutdown(f->request->connection->fd, SHUT_RDWR);
        file_wake(f);
}

static int worker_of(HttpServer *s, Worker **ret)
{
        int r = s->files ? 0 : worker_new(s->event, "http-files", &s->files);

        if (r >= 0)
                *ret = s->files;
        return r;
}

/* Nothing is cleared that will be read into. */
static HttpFile *file_new(HttpRequest *r, Worker *worker, int fd, uint64_t size)
{
        HttpFile *f = malloc(sizeof(*f));

        if (!f)
                return NULL;
        memset(f, 0, offsetof(HttpFile, pieces));
        for (size_t i = 0; i < ELEMENTSOF(f->pieces); i++)
                f->pieces[i].begin = f->pieces[i].end = 0;
        f->request = r;
        f->worker = worker;
        f->size = size;
        f->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (f->fd >= 0)
                return f;
        free(f);
        return NULL;
}

static struct MHD_Response *response_new(HttpFile *f, const char *content_type)
{
        struct MHD_Response *response =
                        MHD_create_response_from_callback(f->size, BLOCK_SIZE, on_read, f, on_released);

        if (response && MHD_add_response_header(response, "Content-Type", content_type) != MHD_YES) {
                MHD_destroy_response(response); /* which frees f */
                return NULL;
        }
        if (!response)
                file_free(f);
        return response;
}

int http_reply_file(HttpRequest *r, const char *content_type, int fd, uint64_t size,
                    void (*ended)(void *userdata), void *userdata, HttpFile **ret)
{
        Worker *worker;
        HttpFile *f;

        assert(r && r->state == HTTP_HANDLED);
        assert(content_type && fd >= 0 && ret);

        if (!r->connection)
                return -EPIPE;
        int error = worker_of(r->connection->server, &worker);
        if (error < 0)
                return error;
        f = file_new(r, worker, fd, size);
        struct MHD_Response *response = f ? response_new(f, content_type) : NULL;
        if (!response)
                return -ENOMEM;
        f->ended = ended;
        f->userdata = userdata;
        r->file = *ret = f;
        if (!streq(r->method, "HEAD"))
                read_next(f);
        http_request_answer_held(r, MHD_HTTP_OK, response, size, HELD_SIZE);
        return 0;
}
