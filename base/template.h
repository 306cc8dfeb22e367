/* SPDX-License-Identifier: MIT */
/* Pages from a template and a JSON document. The only way in which data gets into one is text_add_html(): a template cannot ask
 * for text as it is, so what people or other shops wrote is never markup, whatever the template says.
 *
 *  {{name}}            the value, escaped; looked for in the innermost item first, then outwards. Absent: nothing
 *  {{=name}}           the same, isolated: text in <bdi>, a moment in <time>
 *  {{_key}} {{=_key}}  a text of the language, with its {name}s filled in; also escaped
 *  {{#name}}…{{/name}} for each item of a list; once inside of an object; once for true, a number but 0, a text but ""
 *  {{^name}}…{{/name}} when it would not be shown
 *  {{>name}}           a part of the program's own, as it is
 *  {{+name}}           a part that is itself a template, with all that can be seen from here
 *
 * A moment is an object {"at": ISO 8601, "text"}. A list's plain items are {{.}}. White space at the beginning of a line is left
 * out, and so is a line with nothing but the beginning or end of a section, or a part that is a template. */
#pragma once

#include "base/json.h"
#include "base/text.h"

/* NULL: there is none. */
typedef const char *(*TemplateFind)(const char *name, void *userdata);

/* -EINVAL: the template is none, or asks for a text or part that does not exist. */
int template_render(Text *t, const char *template, const json_t *data, TemplateFind words, TemplateFind parts,
                    void *userdata);
/* "{n} min" with {"n": 5}: plain text, not escaped. */
void template_fill(Text *t, const char *pattern, const json_t *data);
