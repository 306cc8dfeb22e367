/* SPDX-License-Identifier: MIT */
/* What the public may know, as one JSON object: the only source of the status page and of all that lies beside it.
 *
 * The supervisor makes it (supervisor/public_status.c) from the config's `components:`, the mode, the verdicts, the history and
 * what the operator wrote; the status-page action renders it and adds nothing from elsewhere, but for the other shops of the
 * registry. So nothing internal can get onto the page: no probe's name or message, no host, path, cause or error.
 * Once made it is never changed, and parts of it are shared with later ones: whoever needs it in another thread holds it by
 * json_incref() (jansson counts atomically) instead of copying it, which takes too long for 500 components, and reads only.
 * Times are ISO 8601 in UTC with milliseconds, as everywhere in JSON; strings are what people wrote, unescaped.
 *
 *  {
 *   "node": {"id", "name", "url"},
 *   "made": time,                        when this was put together
 *   "fresh_for": seconds,                a page that is older than this should be believed no more
 *   "mode": {"name", "first": bool, "payment": "primary|crypto|federated", "message": for buyers or "", "since", "change", "durable": bool},
 *   "selling": "as-usual|backup|elsewhere|hampered|not|unknown"   what it means for a buyer: hampered: a requirement of the
 *                                        running mode is down and another mode may follow; not: … and no mode is healthy
 *   "blind": bool,                       nothing outside can be seen now: what is outside is unknown, not down
 *   "counted_since": time,               the first day of which anything is known
 *   "components": [{                     in the config's order
 *     "id", "name", "description", "group": "" or its heading,
 *     "state": "operational|degraded|partial|down|maintenance|unknown", "since": time,
 *     "days": [{"date": "2026-11-20", "up", "degraded", "down", "maintenance", "unknown": whole seconds}]
 *                                        oldest first, at most 90, the last is today in UTC so far; up to 86,400 in sum; seconds in which the
 *                                        supervisor did not run or could not tell are unknown
 *   }],
 *   "incidents": [{                      newest first, at most 200 and 90 days, open ones whatever their age
 *     "id", "began": time, "resolved": time or null, "mode": the one that the shop ran on (the last, when there were several),
 *     "payment", "impact": "none|minor|major|critical|maintenance", "automatic": bool: written from the modes,
 *     "worst": of an automatic one, the gravest impact by the modes, whatever the operator calls it,
 *     "name": "" or the operator's title, "components": [id…],
 *     "updates": [{"id", "at", "state": "investigating|identified|monitoring|resolved|postmortem", "body": the operator's words,
 *                  "mode": name, "payment", "message", "selling", "automatic": bool}]  newest first; automatic: written by
 *                  a change of mode, to that mode, or by a turn of `selling` within one; body may be "" in any; mode, payment,
 *                  message, selling: as they were then
 *   }],
 *   "maintenances": [{                   not yet ended first (soonest first), then ended ones, newest first; 90 days
 *     "id", "name", "body", "state": "scheduled|active|completed|cancelled", "from": time, "until": time or null,
 *     "began": time or null, "ended": time or null, "components": [id…] (none: the whole shop), "updates": as above, with
 *                  the maintenance's states; automatic: begun or ended in time; here and in incidents, ids may be of components
 *                  that are no longer there: nothing is said of them, and they are not the whole shop
 *   }]
 *  }
 */
#pragma once

#define PUBLIC_STATUS_DAYS      90
#define PUBLIC_STATUS_BULLETINS 200 /* incidents that are over, and maintenances */
#define PUBLIC_STATUS_FRESH_SEC 180 /* "fresh_for": the page is written every minute */
