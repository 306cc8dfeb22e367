/* SPDX-License-Identifier: MIT */
/* When failoverd is ready, and what it tells systemd of the mode. */
#include "supervisor/ready.h"

#include "base/file.h"
#include "base/text.h"
#include "supervisor/publish.h"

/* The action itself may be busy much longer, restarting a unit that waits for us to be ready. */
bool ready_payment_stands(const Manager *m)
{
        _cleanup_free_ char *path = string_printf("%s/payment.env", m->places.runtime_dir), *text = NULL;
        bool wanted = false;

        for (size_t i = 0; i < m->config->n_actions; i++)
                wanted = wanted || streq(m->config->actions[i]->type->name, "payment-mode");
        if (!wanted)
                return true;
        return path && file_read(path, 4096, &text, NULL) >= 0 && strstr(text, engine_change_id(m->engine));
}

void ready_check(Manager *m)
{
        if (m->stopping || !m->engine || service_is_ready(m->service) || !publisher_stands(m->publisher) ||
            !ready_payment_stands(m))
                return;
        service_ready(m->service);
        ready_tell_mode(m);
}

void ready_tell_mode(const Manager *m)
{
        const ModeState *s = engine_state(m->engine);

        service_status(m->service, "mode %s%s%s%s", m->config->modes[s->mode].name,
                       s->pin == MODE_NONE ? "" : ", pinned", s->paused ? ", paused" : "",
                       store_is_durable(m->store) ? "" : ", not durable");
}
