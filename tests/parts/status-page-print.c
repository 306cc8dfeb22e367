/* SPDX-License-Identifier: MIT */
/* Writes the status page from a document as in actions/public_status.h: status-page-print [LANGUAGE] DOCUMENT FOLDER. */
#include "actions/action.h"
#include "base/file.h"

#include <stdio.h>

extern const ActionType action_status_page;

static const char *member(const json_t *j, const char *name, const char *otherwise)
{
        const char *s = json_string_value(json_object_get(j, name));
        return s ? s : otherwise;
}

static void on_done(Action *a, ActionResult result, const char *message, void *userdata)
{
        fprintf(stderr, "%s\n", message);
        *(int *) userdata = result == ACTION_DONE ? 0 : 1;
}

static int write_page(const json_t *document, const char *language, const char *folder, const char *registry)
{
        /* As the action's settings begin; the others are NULL. */
        struct {
                const char *registry, *language, *texts, *more[8];
        } conf = {.registry = registry, .language = language};
        const json_t *node = json_object_get(document, "node"), *mode = json_object_get(document, "mode");
        ActionFacts facts = {.kind = ACTION_REFRESH,
                             .id = "",
                             .node_id = member(node, "id", "shop"),
                             .node_name = member(node, "name", ""),
                             .node_url = member(node, "url", ""),
                             .fallback_url = "",
                             .change = member(mode, "change", ""),
                             .follows = "",
                             .mode = member(mode, "name", "primary"),
                             .from = "",
                             .payment = member(mode, "payment", "primary"),
                             .checkout = "",
                             .message = member(mode, "message", ""),
                             .cause = "",
                             .first = json_is_true(json_object_get(mode, "first")),
                             .durable = json_is_true(json_object_get(mode, "durable")),
                             .alert = "",
                             .summary = "",
                             .details = "",
                             .severity = "",
                             .public_status = (json_t *) (uintptr_t) document};
        ActionContext context = {.node_id = facts.node_id, .status_dir = folder};
        int status = -1;
        Action *a;

        if (sd_event_new(&context.event) < 0 || worker_new(context.event, "disk", &context.disk) < 0)
                return 1;
        if (action_start(&context, &action_status_page, &conf, &facts, false, on_done, &status, &a) < 0)
                return 1;
        while (status < 0)
                if (sd_event_run(context.event, UINT64_MAX) < 0)
                        return 1;
        action_free(a);
        worker_free(context.disk, USEC_PER_SEC);
        sd_event_unref(context.event);
        return status;
}

int main(int argc, char *argv[])
{
        const char *language = argc == 4 ? argv[1] : "en";
        _cleanup_free_ char *text = NULL;
        json_t *document = NULL;
        size_t size;
        Error e = {0};

        if (argc != 3 && argc != 4)
                return 2;
        if (file_read(argv[argc - 2], 64 * 1024 * 1024, &text, &size) < 0 ||
            json_parse(text, size, &document, &e) < 0) {
                fprintf(stderr, "%s: %s\n", argv[argc - 2], e.text);
                return 1;
        }
        int status = write_page(document, language, argv[argc - 1], NULL);
        json_decref(document);
        return status;
}
