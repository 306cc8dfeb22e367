/* SPDX-License-Identifier: MIT */
/* The client's side of a Unix control socket, for command lines: no loop, one request, or a stream of events. */
#include "base/httpd.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

#include <curl/curl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_MAX    (16 * 1024 * 1024)
#define LINE_MAX_SIZE (1024 * 1024)
#define CONNECT_USEC  (5 * USEC_PER_SEC)
#define KNOCK_USEC    (20 * USEC_PER_MSEC)
#define SILENCE_USEC  (45 * USEC_PER_SEC) /* a stream says something every 15 s */

static void curl_cleanupp(CURL **curl)
{
        curl_easy_cleanup(*curl);
}

static void slist_freep(struct curl_slist **list)
{
        curl_slist_free_all(*list);
}

typedef struct Ask {
        Text answer;
        bool too_large;
} Ask;

static size_t on_answer(char *data, size_t size, size_t n, void *userdata)
{
        Ask *ask = userdata;

        if (ask->answer.size + size * n > ANSWER_MAX) {
                ask->too_large = true;
                return 0;
        }
        text_add_bytes(&ask->answer, data, size * n);
        return ask->answer.failed ? 0 : size * n;
}

/* Would a connection be taken? 0, or why not: -EAGAIN its queue is full. */
static int knock(const char *path)
{
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (strlen(path) >= sizeof(a.sun_path))
                return -ENAMETOOLONG;
        strcpy(a.sun_path, path);
        return fd < 0 || connect(fd, (struct sockaddr *) &a, sizeof(a)) < 0 ? -errno : 0;
}

/* Performs the transfer, and waits while the server has more callers than it takes, which curl cannot tell from one that
 * is gone. *ret_error: why it could not be connected to. */
static CURLcode transfer_perform(CURL *curl, const char *socket_path, uint64_t timeout_usec, int *ret_error)
{
        uint64_t end = clock_boot_usec() + MIN(timeout_usec, CONNECT_USEC);
        CURLcode code;

        *ret_error = 0;
        while ((code = curl_easy_perform(curl)) == CURLE_COULDNT_CONNECT) {
                *ret_error = knock(socket_path);
                if ((*ret_error < 0 && *ret_error != -EAGAIN) || clock_boot_usec() >= end)
                        break;
                if (*ret_error == -EAGAIN)
                        (void) usleep(KNOCK_USEC);
        }
        return code;
}

/* curl's codes as errno, with text. connect_error: of transfer_perform(). */
static int transfer_error(CURLcode code, int connect_error, const char *socket_path, Error *e)
{
        switch (code) {
        case CURLE_OK:
                return 0;
        case CURLE_COULDNT_CONNECT:
                connect_error = connect_error < 0 ? connect_error : -EAGAIN;
                return error_set(e, connect_error, "%s: %s", socket_path, strerror(-connect_error));
        case CURLE_OPERATION_TIMEDOUT:
        case CURLE_ABORTED_BY_CALLBACK:
                return error_set(e, -ETIMEDOUT, "%s: no answer in time", socket_path);
        case CURLE_OUT_OF_MEMORY:
                return error_set(e, -ENOMEM, "out of memory");
        case CURLE_GOT_NOTHING:
        case CURLE_RECV_ERROR:
        case CURLE_SEND_ERROR:
        case CURLE_PARTIAL_FILE:
                return error_set(e, -ECONNRESET, "%s: closed before the answer was complete", socket_path);
        default:
                return error_set(e, -EIO, "%s: %s", socket_path, curl_easy_strerror(code));
        }
}

static int transfer_new(const char *socket_path, const char *target, CURL **ret)
{
        char url[4096];

        if (snprintf(url, sizeof(url), "http://localhost%s", target) >= (int) sizeof(url))
                return -ENAMETOOLONG;
        _cleanup_(curl_cleanupp) CURL *curl = curl_easy_init();
        if (!curl)
                return -ENOMEM;
        if (curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket_path) != CURLE_OK ||
            curl_easy_setopt(curl, CURLOPT_URL, url) != CURLE_OK ||
            curl_easy_setopt(curl, CURLOPT_PROXY, "") != CURLE_OK)
                return -ENOMEM;
        curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long) (CONNECT_USEC / USEC_PER_MSEC));
        *ret = TAKE_PTR(curl);
        return 0;
}

static int method_set(CURL *curl, const char *method, const char *type, const void *body, size_t size,
                      struct curl_slist **ret_headers)
{
        if (body || streq(method, "POST")) {
                *ret_headers = curl_slist_append(NULL, type);
                struct curl_slist *both = *ret_headers ? curl_slist_append(*ret_headers, "Expect:") : NULL;
                if (!both)
                        return -ENOMEM;
                *ret_headers = both;
                curl_easy_setopt(curl, CURLOPT_HTTPHEADER, *ret_headers);
                curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body ?: "");
                curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) size);
        }
        if (streq(method, "HEAD"))
                curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
        else if (curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method) != CURLE_OK)
                return -ENOMEM;
        return 0;
}

static int ask_unix(const char *socket_path, const char *method, const char *target, const char *type,
                    const void *body, size_t size, uint64_t timeout_usec, unsigned *ret_status,
                    char **ret_body, Error *e)
{
        _cleanup_(curl_cleanupp) CURL *curl = NULL;
        _cleanup_(slist_freep) struct curl_slist *headers = NULL;
        Ask ask = {0};
        long status = 0;

        assert(socket_path && method && target);
        assert(ret_status && ret_body);

        int r = transfer_new(socket_path, target, &curl);
        if (r == 0)
                r = method_set(curl, method, type, body, size, &headers);
        if (r < 0)
                return error_set(e, r, "%s: %s", socket_path, strerror(-r));
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long) MAX(timeout_usec / USEC_PER_MSEC, UINT64_C(1)));
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_answer);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, &ask);
        int connect_error;
        CURLcode code = transfer_perform(curl, socket_path, timeout_usec, &connect_error);
        if (ask.too_large)
                r = error_set(e, -EFBIG, "%s: the answer is too large", socket_path);
        else if (ask.answer.failed)
                r = error_set(e, -ENOMEM, "out of memory");
        else
                r = transfer_error(code, connect_error, socket_path, e);
        if (r == 0)
                r = text_take(&ask.answer, ret_body);
        text_clear(&ask.answer);
        if (r < 0)
                return r;
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        *ret_status = (unsigned) status;
        return 0;
}

int http_ask_unix(const char *socket_path, const char *method, const char *target, const char *body,
                  uint64_t timeout_usec, unsigned *ret_status, char **ret_body, Error *e)
{
        return ask_unix(socket_path, method, target, "Content-Type: application/json", body,
                        strlen(body ?: ""), timeout_usec, ret_status, ret_body, e);
}

int http_ask_unix_data(const char *socket_path, const char *target, const void *data, size_t size,
                       uint64_t timeout_usec, unsigned *ret_status, char **ret_body, Error *e)
{
        assert(data || size == 0);

        return ask_unix(socket_path, "POST", target, "Content-Type: application/octet-stream", data ?: "",
                        size, timeout_usec, ret_status, ret_body, e);
}

typedef struct Follow {
        CURL *curl;
        int (*fn)(const char *event, const char *data, void *userdata);
        void *userdata;
        Text line, event, data;
        Text refusal; /* the body of an answer that is no stream */
        int result;   /* of fn, or our own error */
        uint64_t heard_usec;
} Follow;

static void follow_dispatch(Follow *f)
{
        if (f->data.size > 0)
                f->result = f->fn(f->event.data ?: "message", f->data.data, f->userdata);
        text_clear(&f->event);
        text_clear(&f->data);
}

static void follow_line(Follow *f)
{
        const char *line = f->line.data ?: "";

        if (!*line)
                follow_dispatch(f);
        else if (strncmp(line, "event:", 6) == 0) {
                text_clear(&f->event);
                text_add_string(&f->event, line + 6 + (line[6] == ' '));
        } else if (strncmp(line, "data:", 5) == 0) {
                if (f->data.size > 0)
                        text_add_string(&f->data, "\n");
                text_add_string(&f->data, line + 5 + (line[5] == ' '));
        }
        /* Anything else is a comment or a field that we do not need. */
        text_clear(&f->line);
}

static size_t on_events(char *data, size_t size, size_t n, void *userdata)
{
        Follow *f = userdata;
        long status = 0;

        f->heard_usec = clock_boot_usec();
        curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &status);
        for (size_t i = 0; i < size * n && f->result == 0; i++) {
                Text *to = status == 200 ? &f->line : &f->refusal;
                if (status == 200 && data[i] == '\n')
                        follow_line(f);
                else if (data[i] != '\r')
                        text_add_bytes(to, &data[i], 1);
                if (f->line.failed || f->event.failed || f->data.failed || f->refusal.failed)
                        f->result = -ENOMEM;
                else if (to->size > LINE_MAX_SIZE || f->data.size > LINE_MAX_SIZE)
                        f->result = -EFBIG;
        }
        return f->result == 0 ? size * n : 0;
}

/* Called about once a second. curl's own low-speed limit takes a comment every 15 s for silence. */
static int on_progress(void *userdata, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                       curl_off_t up)
{
        const Follow *f = userdata;
        return clock_boot_usec() - f->heard_usec > SILENCE_USEC;
}

/* The reason that a refusal gives, else its status. */
static int refusal_error(const Follow *f, long status, Error *e)
{
        _cleanup_json_ json_t *j = NULL;

        if (f->refusal.size > 0 && json_parse(f->refusal.data, f->refusal.size, &j, NULL) == 0) {
                const char *text = json_string_value(json_at(j, "error"));
                if (text)
                        return error_set(e, -EPROTO, "%s", text);
        }
        return error_set(e, -EPROTO, "refused with HTTP status %ld", status);
}

int http_follow_unix(const char *socket_path, const char *target,
                     int (*fn)(const char *event, const char *data, void *userdata), void *userdata, Error *e)
{
        _cleanup_(curl_cleanupp) CURL *curl = NULL;
        Follow f = {.fn = fn, .userdata = userdata};
        long status = 0;

        assert(socket_path && target);
        assert(fn);

        int r = transfer_new(socket_path, target, &curl);
        if (r < 0)
                return error_set(e, r, "%s: %s", socket_path, strerror(-r));
        f.curl = curl;
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_events);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, &f);
        curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
        curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &f);
        curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
        f.heard_usec = clock_boot_usec();
        int connect_error;
        CURLcode code = transfer_perform(curl, socket_path, CONNECT_USEC, &connect_error);
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        if (f.result != 0)
                r = f.result;
        else if (code == CURLE_OK && status != 200)
                r = refusal_error(&f, status, e);
        else
                r = transfer_error(code, connect_error, socket_path, e);
        text_clear(&f.line);
        text_clear(&f.event);
        text_clear(&f.data);
        text_clear(&f.refusal);
        return r;
}
