/* SPDX-License-Identifier: MIT */
/* Asking the daemon over its control socket, and telling people why it did not answer. */
#include "base/httpd.h"
#include "ctl/ctl.h"

int ctl_explain_socket(const Invocation *i, int r, Error *e)
{
        char path[256];

        plain_copy(path, sizeof(path), i->socket);
        switch (r) {
        case -ENOENT:
                return error_set(e, r, "no failoverd at %s: not running? (systemctl status failoverd)", path);
        case -ECONNREFUSED:
                return error_set(e, r,
                                 "nobody listens at %s: failoverd has stopped (systemctl status failoverd)",
                                 path);
        case -EACCES:
        case -EPERM:
                return error_set(e, r, "may not open %s: become a member of the group failover, or root",
                                 path);
        case -EAGAIN:
                return error_set(e, r, "failoverd at %s is busy: it has more callers than it takes", path);
        case -ETIMEDOUT:
                return error_set(e, r, "failoverd at %s does not answer in time", path);
        case -ENAMETOOLONG:
                return error_set(e, r, "%s is too long for the path of a socket", path);
        default:
                if (e->text[0] == '\0')
                        return error_set(e, r, "%s: %s", path, strerror(-r));
                return r;
        }
}

/* What a refusal says: the daemon's reason, or its bare status when it gave none. */
static int refusal(unsigned status, const json_t *answer, Error *e)
{
        _cleanup_text_ Text words = {};
        const char *reason = ctl_string(answer, "error");

        if (reason[0] == '\0')
                return error_set(e, -EREMOTEIO, "failoverd answered %u without a reason", status);
        text_add_plain(&words, reason, 0);
        if (words.failed)
                return error_set(e, -ENOMEM, "out of memory");
        return error_set(e, -EREMOTEIO, "%s", words.data);
}

int ctl_ask(const Invocation *i, const char *method, const char *target, json_t *body, uint64_t timeout_usec,
            json_t **ret, Error *e)
{
        _cleanup_json_ json_t *owned = body, *answer = NULL;
        _cleanup_free_ char *sent = NULL, *received = NULL;
        unsigned status = 0;
        Error detail = {};
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
        if (r < 0)
                return ctl_explain_socket(i, r, e);
        r = json_parse(received, strlen(received), &answer, &detail);
        if (status >= 200 && status <= 299 && r < 0)
                return error_set(e, r, "failoverd answered something that is not JSON: %s", detail.text);
        *ret = TAKE_PTR(answer);
        return status >= 200 && status <= 299 ? 0 : refusal(status, *ret, e);
}

int ctl_failed(const Invocation *i, const Error *e)
{
        fprintf(stderr, "failoverctl: %s: %s\n", i->verb->name, e->text);
        return i->verb->failure;
}
