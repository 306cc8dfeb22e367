/* SPDX-License-Identifier: MIT */
/* `nodes`: who belongs to the network, and the operator's word on it. */
#include "base/clock.h"
#include "ctl/page.h"

typedef struct NodeColumns {
        unsigned id, type, state, status, proven, age, url; /* url 0: on a line of its own */
} NodeColumns;

static Style style_of(const json_t *node)
{
        const char *state = ctl_string(node, "state"), *status = ctl_string(node, "status");

        if (streq(state, "pending"))
                return STYLE_WARN;
        if (streq(state, "banned"))
                return STYLE_DIM;
        return streq(status, "active") ? STYLE_GOOD : streq(status, "failed") ? STYLE_BAD : STYLE_WARN;
}

static const char *status_of(const json_t *node)
{
        const char *state = ctl_string(node, "state"), *status = ctl_string(node, "status");

        return streq(state, status) ? "-" : status; /* nobody asks it */
}

static void show_row(Page *p, const json_t *node, const NodeColumns *c, uint64_t now_usec)
{
        const char *trouble = ctl_string(node, "trouble");
        char age[32];

        ctl_short_age(age, sizeof(age), ctl_time(node, "registered"), now_usec);
        page_put(p, STYLE_PLAIN, "  ");
        page_cell(p, STYLE_BOLD, ctl_string(node, "id"), c->id);
        page_cell(p, STYLE_PLAIN, ctl_string(node, "type"), c->type);
        page_cell(p, style_of(node), ctl_string(node, "state"), c->state);
        page_cell(p, style_of(node), status_of(node), c->status);
        page_cell(p, STYLE_PLAIN, json_is_true(json_object_get(node, "proven")) ? "yes" : "no", c->proven);
        page_cell_right(p, STYLE_PLAIN, age, c->age);
        if (c->url > 0)
                page_cell(p, STYLE_PLAIN, ctl_string(node, "url"), c->url);
        page_end(p);
        if (c->url == 0)
                page_paragraph(p, STYLE_PLAIN, "      ", 6, STYLE_PLAIN, ctl_string(node, "url"));
        if (*trouble)
                page_paragraph(p, STYLE_PLAIN, "      ", 6, STYLE_WARN, trouble);
}

/* Where the table has no room for an id, which people must be able to type. */
static void show_block(Page *p, const json_t *node, uint64_t now_usec)
{
        const char *trouble = ctl_string(node, "trouble"), *state = ctl_string(node, "state"),
                   *status = status_of(node);
        uint64_t at_usec = ctl_time(node, "registered");
        char age[32];
        _cleanup_text_ Text words = {};

        page_put(p, STYLE_BOLD, ctl_string(node, "id"));
        page_end(p);
        page_paragraph(p, STYLE_PLAIN, "  ", 2, STYLE_PLAIN, ctl_string(node, "url"));
        text_add(&words, "%s, %s%s%s, %s", ctl_string(node, "type"), state, streq(status, "-") ? "" : ", ",
                 streq(status, "-") ? "" : status,
                 json_is_true(json_object_get(node, "proven")) ? "proven" : "not proven");
        if (at_usec > 0)
                text_add(&words, ", registered %s ago", ctl_short_age(age, sizeof(age), at_usec, now_usec));
        p->text.failed |= words.failed;
        if (words.data)
                page_paragraph(p, STYLE_PLAIN, "  ", 2, style_of(node), words.data);
        if (*trouble)
                page_paragraph(p, STYLE_PLAIN, "  ", 2, STYLE_WARN, trouble);
}

static void show_table(Page *p, const json_t *nodes, uint64_t now_usec)
{
        NodeColumns c = {.type = 9, .state = 10, .status = 8, .proven = 6, .age = 10};
        unsigned others = 2 + c.type + c.state + c.status + c.proven + c.age + 5 * 2;
        const json_t *node;
        size_t k;

        c.id = page_widest(nodes, "id", 2, 128);
        c.url = page_widest(nodes, "url", 3, 512);
        if (p->width > 0 && others + c.id > p->width) {
                json_array_foreach(nodes, k, node) show_block(p, node, now_usec);
                return;
        }
        if (p->width > 0 && others + c.id + 2 + c.url > p->width)
                c.url = 0;
        page_put(p, STYLE_DIM, "  ");
        page_cell(p, STYLE_DIM, "id", c.id);
        page_cell(p, STYLE_DIM, "type", c.type);
        page_cell(p, STYLE_DIM, "state", c.state);
        page_cell(p, STYLE_DIM, "status", c.status);
        page_cell(p, STYLE_DIM, "proven", c.proven);
        page_cell_right(p, STYLE_DIM, "registered", c.age);
        page_put(p, STYLE_DIM, c.url > 0 ? "url" : "");
        page_end(p);
        json_array_foreach(nodes, k, node) show_row(p, node, &c, now_usec);
}

static void show_sum(Page *p, const json_t *nodes)
{
        const json_t *node;
        size_t k, waiting = 0;
        char text[200];

        json_array_foreach(nodes, k, node) waiting += streq(ctl_string(node, "state"), "pending");
        if (waiting == 0)
                return;
        snprintf(text, sizeof(text), "%zu %s: `failoverctl nodes accept ID`, or ban, or forget.", waiting,
                 waiting == 1 ? "waits for your word" : "wait for your word");
        page_end(p);
        page_paragraph(p, STYLE_PLAIN, "", 0, STYLE_PLAIN, text);
}

static void show_unread(Page *p, const char *trouble)
{
        _cleanup_text_ Text t = {};

        text_add(&t,
                 "The registry has not been read%s%s: only configured nodes are known, and nothing of it is "
                 "published.",
                 *trouble ? ", since " : "", trouble);
        p->text.failed |= t.failed;
        if (t.data)
                page_paragraph(p, STYLE_PLAIN, "", 0, STYLE_BAD, t.data);
}

static int list(const Invocation *i)
{
        _cleanup_json_ json_t *answer = NULL;
        Page p = {.width = ctl_columns(), .colour = ctl_colour()};
        const json_t *nodes;
        Error e = {};
        bool unread;
        int r;

        if (ctl_ask(i, "GET", "/v1/nodes", NULL, CTL_ANSWER_USEC, &answer, &e) < 0)
                return ctl_failed(i, &e);
        unread = json_is_false(json_object_get(answer, "ready"));
        if (i->given[OPTION_JSON]) {
                ctl_print_json(answer);
                return unread ? CTL_REFUSED : CTL_DONE;
        }
        nodes = json_object_get(answer, "nodes");
        if (json_array_size(nodes) == 0)
                page_paragraph(&p, STYLE_PLAIN, "", 0, STYLE_PLAIN,
                               "No other nodes: network.peers names none, and none has registered.");
        else {
                show_table(&p, nodes, clock_wall_usec());
                show_sum(&p, nodes);
        }
        if (unread)
                show_unread(&p, ctl_string(answer, "trouble"));
        r = ctl_print_page(i, &p);
        return r == CTL_DONE && unread ? CTL_REFUSED : r;
}

static int change(const Invocation *i, const char *verb, const char *id)
{
        _cleanup_json_ json_t *answer = NULL;
        _cleanup_text_ Text target = {};
        json_t *body = NULL;
        Error e = {};

        text_add_string(&target, "/v1/nodes/");
        ctl_add_encoded(&target, id);
        text_add(&target, "/%s", verb);
        if (i->given[OPTION_KEY])
                body = json_pack("{s:s}", "key", i->value[OPTION_KEY]);
        if (target.failed || (i->given[OPTION_KEY] && !body)) {
                json_decref(body);
                return ctl_failed(i, (error_set(&e, -ENOMEM, "out of memory"), &e));
        }
        if (ctl_ask(i, "POST", target.data, body, CTL_ANSWER_USEC, &answer, &e) < 0)
                return ctl_failed(i, &e);
        if (i->given[OPTION_JSON])
                ctl_print_json(answer);
        else
                return ctl_print_paragraph(i, ctl_string(answer, "text"));
        return CTL_DONE;
}

int verb_nodes(const Invocation *i)
{
        static const char *const verbs[] = {"accept", "ban", "forget", "rekey"};
        const char *verb = i->arguments[0];
        bool known = false;

        if (i->given[OPTION_KEY] && (!verb || !streq(verb, "rekey")))
                return ctl_usage(i, "--key belongs to `nodes rekey ID`");
        if (!verb)
                return list(i);
        for (size_t k = 0; k < ELEMENTSOF(verbs); k++)
                known = known || streq(verb, verbs[k]);
        if (!known)
                return ctl_usage(i, "expected accept, ban, forget or rekey, and the id of a node");
        if (!i->arguments[1])
                return ctl_usage(i, "say which node: `nodes %s ID`", verb);
        return change(i, verb, i->arguments[1]);
}
