/* SPDX-License-Identifier: MIT */
/* Asking the daemon over its control socket, and telling people why it did not answer. */
#include "base/httpd.h"
#include "ctl/ctl.h"

const char *ctl_daemon(const Invocation *i)
{
        return i->verb && i->verb->network ? "federationd" : "failoverd";
}

int ctl_explain_socket(const Invocation *i, int r, Error *e)
{
        const char *daemon = ctl_daemon(i);
        char path[256];

        plain_copy(path, sizeof(path), i->socket);
        switch (r) {
        case -ENOENT:
                return error_set(e, r, "no %s at %s: not running? (systemctl status %s)", daemon, path,
                                 daemon);
        case -ECONNREFUSED:
                return error_set(e, r, "nobody listens at %s: %s has stopped (systemctl status %s)", path,
                                 daemon, daemon);
        case -EACCES:
        case -EPERM:
                return error_set(e, r, "may not open %s: become a member of the group failover, or root",
                                 path);
        case -EAGAIN:
                return error_set(e, r, "%s at %s is busy: it has more callers than it takes", daemon, path);
        case -ETIMEDOUT:
                return error_set(e, r, "%s at %s does not answer in time", daemon, path);
        case -ENAMETOOLONG:
                return error_set(e, r, "%s is too long for the path of a socket", path);
        default:
                if (e->text[0] == '\0')
                        return error_set(e, r, "%s: %s", path, strerror(-r));
                return r;
        }
}

/* What a refusal says: the daemon's reason, or its bare status when it gave none. */
static int refusal(const Invocation *i, unsigned status, const json_t *answer, Error *e)
{
        _cleanup_text_ Text words = {};
        const char *reason = ctl_string(answer, "error");

        if (reason[0] == '\0')
                return error_set(e, -EREMOTEIO, "%s answered %u without a reason", ctl_daemon(i), status);
        text_add_plain(&words, reason, 0);
        if (words.failed)
                return error_set(e, -ENOMEM, "out of memory");
        return error_set(e, -EREMOTEIO, "%s", words.data);
}

/* r, status and received (may be NULL) of http_ask_unix…(). */
static int take_answer(const Invocation *i, int r, unsigned status, const char *received, json_t **ret,
                       Error *e)
{
        _cleanup_json_ json_t *answer = NULL;
        Error detail = {};

        if (r < 0)
                return ctl_explain_socket(i, r, e);
        r = json_parse(received, strlen(received), &answer, &detail);
        if (status >= 200 && status <= 299 && r < 0)
                return error_set(e, r, "%s answered something that is not JSON: %s", ctl_daemon(i),
                                 detail.text);
        *ret = TAKE_PTR(answer);
        return status >= 200 && status <= 299 ? 0 : refusal(i, status, *ret, e);
}

int ctl_ask(const Invocation *i, const char *method, const char *target, json_t *body, uint64_t timeout_usec,
            json_t **ret, Error *e)
{
        _cleanup_json_ json_t *owned = body;
        _cleanup_free_ char *sent = NULL, *received = NULL;
        unsigned status = 0;
        int r;

        assert(i);
        assert(ret);
        assert(e);

        if (owned) {
                r = json_print(owned, &sent);
                if (r < 0)
                        return error_set(e, r, "%s", strerror(-r));
        }
        e->text[0] = '\0';
        r = http_ask_unix(i->socket, method, target, sent, timeout_usec, &status, &received, e);
        return take_answer(i, r, status, received, ret, e);
}

int ctl_send(const Invocation *i, const char *target, const void *data, size_t size, uint64_t timeout_usec,
             json_t **ret, Error *e)
{
        _cleanup_free_ char *received = NULL;
        unsigned status = 0;

        assert(i);
        assert(ret);
        assert(e);

        e->text[0] = '\0';
        int r = http_ask_unix_data(i->socket, target, data, size, timeout_usec, &status, &received, e);
        return take_answer(i, r, status, received, ret, e);
}

int ctl_failed(const Invocation *i, const Error *e)
{
        fprintf(stderr, "failoverctl: %s: %s\n", i->verb->name, e->text);
        return i->verb->failure;
}
