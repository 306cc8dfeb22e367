/* SPDX-License-Identifier: MIT */
/* dns, provider rfc2136: one signed update message through nsupdate (Debian package bind9-dnsutils), then a look at the
 * server whether it is so. A server that takes an update may still leave a record out of it without a word, such as an
 * address beside an alias (RFC 2136, section 3.4.2.2). */
#include "actions/dns.h"

#include "base/child.h"
#include "base/file.h"
#include "base/text.h"

#include <ctype.h>
#include <signal.h>

#define NSUPDATE         "nsupdate"
#define NSUPDATE_PACKAGE "is not installed (Debian package bind9-dnsutils)"
#define TRY_SECONDS      "4" /* then the datagram is sent again */
#define TRIES_MORE       "2"
#define UPDATE_SECONDS   "13"
#define UPDATE_USEC      (20 * USEC_PER_SEC) /* it keeps to its own times; this is for when it hangs */
#define LOOK_USEC        (8 * USEC_PER_SEC)
#define KEY_NAME_MAX     255

typedef struct Update {
        const DnsSets *sets; /* the attempt's */
        char *server;        /* "192.0.2.1:53" */
        Child *child;
        DnsLook *look;
        char key_name[KEY_NAME_MAX + 1];
} Update;

static Update *update_free(Update *u)
{
        if (!u)
                return NULL;
        child_free(u->child);
        dns_look_free(u->look);
        free(u->server);
        free(u);
        return NULL;
}
DEFINE_CLEANUP(Update, update_free)

/* The key's name in `key "NAME" { … }`, for messages and to see that it is a key at all; and the other form that nsupdate
 * reads, K*.private of dnssec-keygen, which does not hold the name. -EINVAL: neither. */
static int key_name(const char *text, char ret[static KEY_NAME_MAX + 1])
{
        const char *at = text, *end;

        if (strncmp(text, "Private-key-format:", strlen("Private-key-format:")) == 0) {
                *ret = '\0';
                return 0;
        }
        while (*at == '#' || strncmp(at, "//", 2) == 0 || isspace((unsigned char) *at))
                at += isspace((unsigned char) *at) ? 1 : strcspn(at, "\n");
        if (strncmp(at, "key", 3) != 0 || !(isspace((unsigned char) at[3]) || at[3] == '"'))
                return -EINVAL;
        at += 3;
        at += strspn(at, " \t\r\n\"");
        end = at + strcspn(at, " \t\r\n\"{;");
        if (end == at || end - at > KEY_NAME_MAX || !strchr(end, '{') || !strstr(end, "secret"))
                return -EINVAL;
        memcpy(ret, at, (size_t) (end - at));
        ret[end - at] = '\0';
        return 0;
}

static int key_refuse(const char *name, Error *e)
{
        return error_set(e, -EINVAL,
                         "%s is not a TSIG key: key \"NAME\" { algorithm hmac-sha256; secret \"…\"; };, as "
                         "tsig-keygen writes it",
                         name);
}

/* "192.0.2.1:53" from what the operator wrote. */
static int server_make(const DnsActionConf *c, char **ret)
{
        struct sockaddr_storage address;
        char text[ADDRESS_SIZE];

        int r = address_parse(c->server, 53, &address, NULL);
        if (r < 0)
                return r;
        *ret = strdup(address_format(text, &address));
        return *ret ? 0 : -ENOMEM;
}

static void add_name(Text *t, const char *name)
{
        text_add(t, "%s%s", name, streq(name, ".") ? "" : ".");
}

/* nsupdate's commands. Everything in them was parsed, and is written in our own canonical form. All deletions come first:
 * an address is not added where an alias still stands. */
static int script_make(const DnsActionConf *c, const char *zone, const DnsSets *sets, char **ret)
{
        struct sockaddr_storage address;
        char host[ADDRESS_SIZE];
        _cleanup_text_ Text t = {0};
        unsigned port;

        int r = address_parse(c->server, 53, &address, NULL);
        if (r < 0)
                return r;
        /* The port stands at one place in both families. */
        port = ntohs(((struct sockaddr_in *) &address)->sin_port);
        ((struct sockaddr_in *) &address)->sin_port = 0;
        text_add(&t, "server %s %u\nzone ", address_format(host, &address), port);
        add_name(&t, zone);
        for (size_t i = 0; i < sets->count; i++) {
                text_add_string(&t, "\nupdate delete ");
                add_name(&t, sets->sets[i].name);
                text_add(&t, " %s", sets->sets[i].type);
        }
        for (size_t i = 0; i < sets->count; i++)
                for (size_t k = 0; k < sets->sets[i].count; k++) {
                        const DnsSet *set = &sets->sets[i];

                        text_add_string(&t, "\nupdate add ");
                        add_name(&t, set->name);
                        text_add(&t, " %u %s %s", set->ttl, set->type, set->records[k]->rdata);
                }
        text_add_string(&t, "\nsend\n");
        return text_take(&t, ret);
}

/* What nsupdate says of a refusal, and what it means to an operator. The first that is found counts. */
static const struct {
        const char *said, *means;
} refusals[] = {
                {"NOTAUTH(BADKEY)",
                 "the server does not know the key `%s`, or it is not allowed to change these records"},
                {"NOTAUTH(BADSIG)", "the secret of key `%s` is not the one that the server has"},
                {"NOTAUTH(BADTIME)", "the clocks of this host and of the server differ: key `%s` is refused"},
                {"NOTAUTH(BADTRUNC)", "the server wants longer signatures than key `%s` makes"},
                {"REFUSED", "the server refuses the update: key `%s` is not allowed to change these records"},
                {"NOTAUTH", "the server is not the primary of this zone"},
                {"NOTZONE", "the server says that these names are not in this zone"},
                {"NOTIMP", "the server takes no updates"},
                {"SERVFAIL", "the server failed: its log says why"},
                {"FORMERR", "the server did not understand the update"},
                {"connection refused", "connection refused: no name server is running there"},
                /* What it says of a refused connection when the update is so long that it goes by TCP. */
                {"operation canceled", "no connection: no name server is running there, or it takes no TCP"},
                {"timed out", "no answer"},
                {"network unreachable", "the network is unreachable"},
                {"host unreachable", "the host is unreachable"},
};

/* The last line, which is the complaint, cut to size. */
static void complaint(Text *t, const char *errors)
{
        size_t end = strlen(errors);

        while (end > 0 && isspace((unsigned char) errors[end - 1]))
                end--;
        size_t start = end;
        while (start > 0 && errors[start - 1] != '\n')
                start--;
        start += strspn(errors + start, "; "); /* nsupdate marks its own words so */
        start = MIN(start, end);
        _cleanup_free_ char *line = strndup(errors + start, end - start);
        text_add_plain(t, line && *line ? line : "nsupdate failed without a word", 200);
}

static void report_refusal(Action *a, const char *errors)
{
        DnsState *s = a->state;
        Update *u = s->own;
        const char *key = *u->key_name ? u->key_name : ((const DnsActionConf *) a->conf)->key_file;
        _cleanup_text_ Text t = {0};

        for (size_t i = 0; i < ELEMENTSOF(refusals) && t.size == 0; i++) {
                const char *means = refusals[i].means, *mark = strstr(means, "%s");

                if (!strstr(errors, refusals[i].said))
                        continue;
                text_add_bytes(&t, means, mark ? (size_t) (mark - means) : strlen(means));
                if (mark) {
                        text_add_plain(&t, key, 80);
                        text_add_string(&t, mark + 2);
                }
        }
        if (t.size == 0)
                complaint(&t, errors);
        action_report(a, ACTION_RETRY, "%s", t.failed ? strerror(ENOMEM) : t.data);
}

static void on_updated_look(DnsLook *look, DnsSeen seen, const char *message, void *userdata)
{
        Action *a = userdata;
        DnsState *s = a->state;
        Update *u = s->own;
        char count[DNS_COUNT_SIZE];

        dns_count_format(count, u->sets->count);
        if (seen == DNS_SEEN_SO)
                action_report(a, ACTION_DONE, "the server has %s as %s wants", count, a->facts->mode);
        else if (seen == DNS_SEEN_NOTHING)
                action_report(a, ACTION_DONE, "the server took %s; it was not seen afterwards: %s", count,
                              message);
        else
                action_report(a, ACTION_RETRY, "the server took the update, but answers otherwise: %s",
                              message);
}

static void on_child(Child *child, const ChildResult *result, void *userdata)
{
        Action *a = userdata;
        DnsState *s = a->state;
        Update *u = s->own;
        char count[DNS_COUNT_SIZE];

        if (result->error == -ENOENT)
                action_report(a, ACTION_RETRY, NSUPDATE " " NSUPDATE_PACKAGE);
        else if (result->error < 0)
                action_report(a, ACTION_RETRY, NSUPDATE " cannot be started: %s", strerror(-result->error));
        else if (result->timed_out)
                action_report(a, ACTION_RETRY, "no answer");
        else if (result->code != CLD_EXITED)
                action_report(a, ACTION_RETRY, NSUPDATE " was killed by signal %d", result->status);
        else if (result->status != 0)
                report_refusal(a, result->errors ? result->errors : "");
        else if (!((const DnsActionConf *) a->conf)->verify)
                action_report(a, ACTION_DONE, "the server took %s", dns_count_format(count, u->sets->count));
        else {
                int r = dns_look_start(a->context->resolver, u->server, s->zone, u->sets, LOOK_USEC,
                                       on_updated_look, a, &u->look);
                if (r < 0)
                        action_report(a, ACTION_DONE, "the server took %s; it was not seen afterwards: %s",
                                      dns_count_format(count, u->sets->count), strerror(-r));
        }
}

static int update_new(Action *a, const DnsSets *sets, Update **ret)
{
        _cleanup_(update_freep) Update *u = calloc(1, sizeof(*u));

        if (!u)
                return -ENOMEM;
        u->sets = sets;
        int r = server_make(a->conf, &u->server);
        if (r == 0)
                *ret = TAKE_PTR(u);
        return r;
}

/* The same checks as of every secret, before another program reads the file. */
static int key_check(Action *a, Update *u, Error *e)
{
        const DnsActionConf *c = a->conf;
        const char *key;

        int r = action_secret(a, c->key_file, &key, e);
        if (r < 0)
                return r;
        return key_name(key, u->key_name) < 0 ? key_refuse(c->key_file, e) : 0;
}

static int update_start(Action *a, Update *u)
{
        const DnsActionConf *c = a->conf;
        const DnsState *s = a->state;
        _cleanup_free_ char *path = NULL, *script = NULL;

        int r = secret_path(c->key_file, a->context->config_dir, &path);
        if (r == 0)
                r = script_make(c, s->zone, u->sets, &script);
        if (r < 0)
                return r;
        const char *argv[] = {NSUPDATE, "-t",       UPDATE_SECONDS, "-u", TRY_SECONDS,
                              "-r",     TRIES_MORE, "-k",           path, NULL};
        ChildSpec spec = {.argv = argv, .input = script, .timeout_usec = UPDATE_USEC};

        return child_start(a->context->event, &spec, on_child, a, &u->child);
}

static void rfc2136_apply(Action *a, const DnsSets *sets)
{
        DnsState *s = a->state;
        Update *u = NULL;
        Error e = {0};

        int r = update_new(a, sets, &u);
        s->own = u;
        if (r == 0)
                r = key_check(a, u, &e);
        if (r == 0)
                r = update_start(a, u);
        if (r < 0)
                action_report(a, ACTION_RETRY, "not updated: %s", *e.text ? e.text : strerror(-r));
}

static void on_look(DnsLook *look, DnsSeen seen, const char *message, void *userdata)
{
        Action *a = userdata;
        DnsState *s = a->state;
        Update *u = s->own;
        char count[DNS_COUNT_SIZE];

        /* A server that does not answer us may still take an update, which does no harm when it is so already. */
        if (seen == DNS_SEEN_SO)
                action_report(a, ACTION_DONE, "the server has %s as %s wants",
                              dns_count_format(count, u->sets->count), a->facts->mode);
        else
                action_report(a, ACTION_MISSING, "%s", message);
}

static void rfc2136_query(Action *a, const DnsSets *sets)
{
        const DnsActionConf *c = a->conf;
        DnsState *s = a->state;
        Update *u = NULL;

        if (!c->verify) {
                action_report(a, ACTION_MISSING, "the server is not asked (verify: false)");
                return;
        }
        int r = update_new(a, sets, &u);
        s->own = u;
        if (r == 0)
                r = dns_look_start(a->context->resolver, u->server, s->zone, sets, LOOK_USEC, on_look, a,
                                   &u->look);
        if (r < 0)
                action_report(a, ACTION_RETRY, "%s", strerror(-r));
}

static void rfc2136_stop(Action *a)
{
        DnsState *s = a->state;
        s->own = update_free(s->own);
}

static int rfc2136_check(const DnsActionConf *c, const ConfNode *node, Error *e)
{
        struct sockaddr_storage address;
        socklen_t size;

        if (address_parse(c->server, 53, &address, &size) < 0)
                return conf_error(conf_get(node, "server"), e,
                                  "server: \"%s\" is not an IP address, IP:port or [IPv6]:port; a name could "
                                  "not be looked up while the zone is ill",
                                  c->server);
        return 0;
}

static int rfc2136_verify(const DnsActionConf *c, const char *config_dir, Error *e)
{
        _cleanup_(secret_freep) char *key = NULL;
        char name[KEY_NAME_MAX + 1];

        int r = secret_read(c->key_file, config_dir, &key, NULL, e);
        if (r < 0)
                return error_prefix(e, r, "key_file");
        if (key_name(key, name) < 0)
                return error_prefix(e, key_refuse(c->key_file, e), "key_file");
        r = child_find(NSUPDATE);
        if (r == -ENOENT)
                return error_set(e, r, NSUPDATE " " NSUPDATE_PACKAGE);
        return r < 0 ? error_set(e, r, "cannot run " NSUPDATE ": %s", strerror(-r)) : 0;
}

static int rfc2136_target(const DnsActionConf *c, char **ret)
{
        *ret = string_printf("%s at %s", c->zone, c->server);
        return *ret ? 0 : -ENOMEM;
}

static size_t rfc2136_files(const DnsActionConf *c, ReadingFile *ret)
{
        ret[0] = (ReadingFile){.name = c->key_file};
        return 1;
}

const DnsProvider dns_provider_rfc2136 = {
                .keys = (const char *const[]){"server", "key_file", "verify", NULL},
                .n_required = 2,
                .check = rfc2136_check,
                .verify = rfc2136_verify,
                .target = rfc2136_target,
                .files = rfc2136_files,
                .apply = rfc2136_apply,
                .query = rfc2136_query,
                .stop = rfc2136_stop,
};
