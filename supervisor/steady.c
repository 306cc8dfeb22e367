/* SPDX-License-Identifier: MIT */
/* The steady clock: CLOCK_BOOTTIME on a scale near wall time that never steps. */
#include "supervisor/steady.h"

#include "base/clock.h"

#include <systemd/sd-id128.h>

/* Empty when a sandbox hides it (ProcSubset=pid): then every start counts as a new boot. */
static void read_boot_id(char ret[static 40])
{
        sd_id128_t id;

        ret[0] = 0;
        if (sd_id128_get_boot(&id) >= 0)
                sd_id128_to_string(id, ret);
}

void steady_begin(Steady *s, const json_t *stored)
{
        uint64_t boot = clock_boot_usec(), start = clock_wall_usec();
        const char *id = json_string_value(json_object_get(stored, "boot_id"));
        json_int_t offset = json_integer_value(json_object_get(stored, "offset"));
        json_int_t last = json_integer_value(json_object_get(stored, "now"));

        read_boot_id(s->boot_id);
        if (id && id[0] && streq(id, s->boot_id) && offset > 0) {
                s->offset = (uint64_t) offset;
                return;
        }
        if (last > 0)
                start = MAX(start, (uint64_t) last);
        s->offset = start > boot ? start - boot : 0;
}

uint64_t steady_now(const Steady *s)
{
#ifdef FAILOVERD_BUG_WALL_CLOCK
        return clock_wall_usec();
#endif
        return clock_boot_usec() + s->offset;
}

uint64_t steady_to_boot(const Steady *s, uint64_t steady)
{
        if (steady == USEC_NEVER)
                return USEC_NEVER;
        return steady > s->offset ? steady - s->offset : 0;
}

uint64_t steady_to_wall(const Steady *s, uint64_t steady)
{
        if (steady == 0 || steady == USEC_NEVER)
                return 0;
        return clock_wall_usec() + steady - steady_now(s);
}

json_t *steady_to_json(const Steady *s)
{
        return json_pack("{s:s, s:I, s:I}", "boot_id", s->boot_id, "offset", (json_int_t) s->offset, "now",
                         (json_int_t) steady_now(s));
}
