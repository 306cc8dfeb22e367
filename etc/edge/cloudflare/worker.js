// SPDX-License-Identifier: MIT
// A Cloudflare Worker in front of the shop: buyers go to the fallback (307) while the shop's /api/health is not well, also when
// nothing answers there any more. What it reads is set in wrangler.toml; docs/edge.md has the whole story.

// The shop's interfaces and status page: they answer for themselves, other nodes' signed requests must not be sent elsewhere, and
// what says how the shop is must be asked of the shop.
const PASSES = /^\/(?:api|banner|federation|status|\.well-known)(?:\/|$)|^\/(?:events|failover\.js|metrics|network-registry\.json)\/?$/;

// What this isolate knows, by the address of the health. Others, at other places, ask for themselves.
const known = new Map();
const KNOWN_MAX = 16; // a route may cover any number of hosts

export default {
        async fetch(request, env, ctx) {
                ctx.passThroughOnException(); // whatever is wrong with this script is no outage of the shop
                const url = new URL(request.url);
                const set = settings(env);
                if (!set.fallback || !set.health || passes(request, url, set.fallback, env)) return shop(request, set);
                const health = await look(set.health(url), set);
                return health.well ? shop(request, set) : redirect(url, set.fallback, health.why);
        },
};

// What wrangler.toml says. A mistake in it sends nobody away: what is known goes on, the rest is as if it was not said, or, where
// nothing can be done without it, everybody reaches the shop.
function settings(env) {
        const set = { fallback: parse(env.FALLBACK), health: (url) => `${url.origin}/api/health`, mistakes: [] };
        if (!set.fallback) set.mistakes.push("FALLBACK is no address that begins with https://");
        if (env.HEALTH) {
                const health = parse(env.HEALTH);
                set.health = health && (() => health.href);
                if (!health) set.mistakes.push("HEALTH is no address that begins with https://");
        }
        const seconds = (name, standard, min, max) => {
                const value = env[name];
                if (value === undefined || value === "") return standard;
                const number = typeof value === "string" || typeof value === "number" ? Number(value) : NaN;
                if (number >= min && number <= max) return number;
                set.mistakes.push(`${name} is no number from ${min} to ${max}, so it is ${standard}`);
                return standard;
        };
        set.timeout = 1000 * seconds("TIMEOUT", 2, 0.1, 60);
        set.remember = 1000 * seconds("REMEMBER", 5, 0, 3600);
        set.mistake = set.mistakes.join("; ");
        return set;
}

let told = ""; // what this isolate has logged

// The shop's own answer; with what is wrong with this worker's settings, if anything is: `curl -I` shows it, as does its log.
async function shop(request, { mistake }) {
        if (!mistake) return fetch(request);
        if (told !== mistake) console.error(`wrangler.toml: ${mistake}`);
        told = mistake;
        const answer = await fetch(request);
        if (answer.status === 101) return answer;
        const marked = new Response(answer.body, answer);
        marked.headers.set("X-Failover-Mistake", mistake);
        return marked;
}

function parse(text) {
        try {
                const url = new URL(text);
                return /^https?:$/.test(url.protocol) ? url : null;
        } catch {
                return null;
        }
}

function passes(request, url, fallback, env) {
        const prefixes = (env.PASS || "").split(/\s+/).filter(Boolean);
        return (
                PASSES.test(url.pathname) ||
                prefixes.some((prefix) => url.pathname.startsWith(prefix)) ||
                url.host === fallback.host || // the fallback itself, if a route of this worker covers it
                request.method === "OPTIONS" || // browsers follow no redirect for these two
                request.headers.has("Upgrade") ||
                // Sent away from here a moment ago, and back already: the fallback has sent him back, and the shop is the end of it.
                /(?:^|;)\s*failover=/.test(request.headers.get("Cookie") || "")
        );
}

// Whether the shop is well. One request in each REMEMBER seconds asks, for TIMEOUT seconds at most; those that come meanwhile go by
// the answer before.
async function look(url, { timeout, remember }) {
        if (!known.has(url)) {
                if (known.size >= KNOWN_MAX) known.clear();
                known.set(url, { well: null, why: "", until: 0 });
        }
        const mine = known.get(url);
        if (Date.now() < mine.until) return mine;
        if (mine.well !== null) mine.until = Date.now() + timeout;

        const status = await ask(url, timeout);
        if (status >= 500) Object.assign(mine, { well: false, why: `HTTP ${status}` });
        else if (status === 0) Object.assign(mine, { well: false, why: "no answer" });
        // 2xx: well. Anything else (404, 429, a redirect) is no word on the shop: what was known holds, and nobody is sent away for it.
        else if (status < 300 || mine.well === null) Object.assign(mine, { well: true, why: "" });
        mine.until = Date.now() + remember;
        return mine;
}

async function ask(url, timeout) {
        const question = new Request(url, { // what is wrong with it is no word on the shop, so not in `try`
                redirect: "manual",
                headers: { Accept: "application/json", "Cache-Control": "no-cache" },
                signal: AbortSignal.timeout(timeout),
        });
        try {
                const response = await fetch(question);
                response.body?.cancel().catch(() => {});
                return response.status;
        } catch {
                return 0; // refused, reset, no such name, or the time is up
        }
}

// The path is appended as text: `new URL("//elsewhere", fallback)` would lead elsewhere. Method and body stay the same with 307. The
// cookie is for this very path and for 5 s.
function redirect(url, fallback, why) {
        const base = fallback.origin + fallback.pathname.replace(/\/+$/, "");
        const secure = url.protocol === "https:" ? "; Secure; SameSite=None" : "";
        return new Response(null, {
                status: 307,
                headers: {
                        Location: base + url.pathname + url.search,
                        "Cache-Control": "no-store",
                        "Set-Cookie": `failover=1; Max-Age=5; Path=${url.pathname.replace(/\/[^/]*;.*/, "/")}; HttpOnly${secure}`,
                        "X-Failover": why,
                },
        });
}
