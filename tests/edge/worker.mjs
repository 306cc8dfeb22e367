// SPDX-License-Identifier: MIT
// Claims of the Cloudflare Worker, each tried in workerd.
//
// node worker.mjs MODULES FOLDER WRANGLER-JSON NODE API-SOCKET ROUTES
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import http from "node:http";
import path from "node:path";

const [modules, folder, wrangler, node, apiSocket, routes] = process.argv.slice(2);
const { Miniflare, Response, fetch } = createRequire(path.join(path.resolve(modules), "package.json"))("miniflare");
const config = JSON.parse(readFileSync(wrangler, "utf8"));
const fallback = config.vars.FALLBACK;

let failed = 0;
function check(claim, good, seen = "") {
        if (!good) {
                failed++;
                console.log(`not so: ${claim}`, seen);
        }
}
function equal(claim, got, wanted) {
        check(claim, got === wanted, `got ${got}, wanted ${wanted}`);
}
async function until(claim, condition, patience = 15000) {
        for (const end = Date.now() + patience; Date.now() < end; await new Promise((r) => setTimeout(r, 50))) {
                if (await condition()) return;
        }
        check(`${claim} (within ${patience} ms)`, false);
}
function listen(handler) {
        return new Promise((resolve) => {
                const server = http.createServer(handler).listen(0, "127.0.0.1", () => {
                        resolve({ server, url: `http://127.0.0.1:${server.address().port}` });
                });
        });
}

// A worker of its own, so that it has forgotten everything. hosts: where a name leads; without them, it is on the network.
const started = [];
function worker(hosts, vars = {}) {
        const asked = [];
        const mf = new Miniflare({
                modules: true,
                scriptPath: path.join(folder, config.main),
                modulesRoot: folder,
                compatibilityDate: config.compatibility_date,
                bindings: Object.fromEntries(Object.entries({ ...config.vars, ...vars }).filter(([, value]) => value !== undefined)),
                outboundService: hosts && (async (request) => {
                        const url = new URL(request.url);
                        asked.push(`${request.method} ${url.host}${url.pathname}${url.search}`);
                        const to = hosts[url.host];
                        if (typeof to === "function") return to(request, url);
                        return fetch(to + url.pathname + url.search, {
                                method: request.method,
                                headers: request.headers,
                                body: request.body,
                                redirect: "manual",
                                duplex: "half",
                        });
                }),
        });
        started.push(mf);
        const get = (what, init = {}) =>
                mf.dispatchFetch(what.startsWith("/") ? `https://shop.example${what}` : what, { redirect: "manual", ...init });
        return { mf, get, asked, looks: () => asked.filter((a) => a.endsWith("/api/health")).length };
}
const answers = (status, body = "the shop") => () => new Response(body, { status });
const shop = (health, page = answers(200)) => ({
        "shop.example": (request, url) => (url.pathname === "/api/health" ? health(request) : page(request, url)),
});

async function location(response) {
        await response.arrayBuffer();
        return response.status === 307 ? response.headers.get("Location") : response.status;
}
function orderApi(text) {
        return new Promise((resolve, reject) => {
                http.request({ socketPath: apiSocket, method: "POST", path: "/" }, (r) => r.resume().on("end", resolve))
                        .on("error", reject)
                        .end(text);
        });
}

// ---- the real node

async function real() {
        const { get } = worker({ "shop.example": node }, { REMEMBER: 0.2 });
        equal("a shop that is well answers by itself", (await get("/api/health")).status, 200);
        equal("also where it has no page", await location(await get("/books?q=1")), 404);
        await orderApi("status 503");
        await until("buyers are sent away once the payment API is dead", async () => (await get("/books")).status === 307);
        equal("with path and query", await location(await get("/books/a%20b?q=1&q=2&x=%2F")), `${fallback}/books/a%20b?q=1&q=2&x=%2F`);
        const health = await get("/api/health");
        equal("whoever asks for the health itself gets it", health.status, 503);
        equal("in the node's words", (await health.json()).mode, "crypto");
        equal("front ends still ask the node", (await (await get("/api/config")).json()).paymentMode, "crypto");
        equal("the status page is there", (await get("/status/")).status, 200);
        const stream = await get("/events");
        const { value } = await stream.body.getReader().read();
        check("event streams pass", new TextDecoder().decode(value).includes("retry:") || value.length > 0);
        await orderApi("ok");
        await until("buyers are back when it is well", async () => (await get("/books")).status === 404);
}

// ---- what is sent away, and how

async function sentAway() {
        const { get } = worker(shop(answers(503)));
        const response = await get("/x?y");
        equal("307", response.status, 307);
        equal("nobody keeps it", response.headers.get("Cache-Control"), "no-store");
        equal("it says why", response.headers.get("X-Failover"), "HTTP 503");
        for (const method of ["GET", "HEAD", "POST", "PUT", "DELETE"])
                equal(`${method} is sent there, too`, await location(await get("/x", { method })), `${fallback}/x`);
        for (const [asked, told] of [
                ["/", "/"],
                ["//evil.example/x", "//evil.example/x"],
                ["/\\evil.example", "//evil.example"],
                ["/@evil.example", "/@evil.example"],
                ["/.evil.example/", "/.evil.example/"],
                ["/x?next=https://evil.example", "/x?next=https://evil.example"],
                ["/a;b=c?d=e;f", "/a;b=c?d=e;f"],
                ["/%0d%0aSet-Cookie:%20a=b", "/%0d%0aSet-Cookie:%20a=b"],
                [`/${"long".repeat(1500)}`, `/${"long".repeat(1500)}`],
                ["/caf%C3%A9?%E2%82%AC", "/caf%C3%A9?%E2%82%AC"],
        ])
                equal(`${asked.slice(0, 40)} leads to the same place there`, await location(await get(asked)), fallback + told);
        const nested = worker(shop(answers(503)), { FALLBACK: "https://mirror.example/shop/" });
        equal("a fallback below a path", await location(await nested.get("/x?y")), "https://mirror.example/shop/x?y");

        // A browser keeps method and body: seen with a real server at the other end.
        const there = await listen((request, reply) => {
                let body = "";
                request.on("data", (piece) => (body += piece)).on("end", () => reply.end(`${request.method} ${request.url} ${body}`));
        });
        const whole = worker(shop(answers(503)), { FALLBACK: there.url });
        const url = await whole.mf.ready;
        const followed = await fetch(new URL("/cart?id=7", url), {
                method: "POST",
                body: "book=1",
                headers: { "MF-Original-URL": "https://shop.example/cart?id=7" },
        });
        equal("a form arrives whole", await followed.text(), "POST /cart?id=7 book=1");
        there.server.close();
}

// ---- what always reaches the shop

async function passing() {
        const { get, asked } = worker(shop(answers(503, "not well"), (request) => new Response(`${request.method} reached`)), { PASS: "/webhooks/ /admin" });
        for (const path of [...routes.split("\n").filter((route) => route !== "/api/health"), "/metrics", "/status", "/.well-known/acme-challenge/x", "/webhooks/stripe", "/admin"])
                equal(`${path} reaches the shop`, await (await get(path, { method: "POST" })).text(), "POST reached");
        for (const path of ["/apiary", "/eventsource", "/statuses", "/webhook", "/federations", "/Status"])
                equal(`${path} does not`, (await get(path)).status, 307);
        equal("a browser's question before a request", (await get("/x", { method: "OPTIONS" })).status, 200);
        await get("/socket", { headers: { Upgrade: "websocket" } });
        check("a web socket", asked.includes("GET shop.example/socket"));
}

// ---- what counts as not well

async function judged() {
        for (const [status, well] of [[200, true], [204, true], [301, true], [307, true], [401, true], [404, true], [429, true],
                [500, false], [502, false], [503, false], [521, false]]) {
                const { get } = worker(shop(() => new Response(null, { status, headers: { Location: "/moved" } }), (request, url) =>
                        new Response("", { status: url.pathname === "/moved" ? 503 : 200 })));
                equal(`HTTP ${status} is ${well ? "no" : "a"} reason to leave`, (await get("/x")).status, well ? 200 : 307);
        }
        let status = 503;
        const odd = worker(shop(() => new Response(null, { status })), { REMEMBER: 0.05 });
        equal("not well", (await odd.get("/x")).status, 307);
        status = 429;
        for (let i = 0; i < 4; i++) {
                await new Promise((r) => setTimeout(r, 60));
                equal("what says nothing changes nothing", (await odd.get("/x")).status, 307);
        }
        status = 200;
        await until("well again", async () => (await odd.get("/x")).status === 200);

        // On the network, with servers that are gone, reset, or say nothing or not enough.
        const ask = async (server, vars = {}) => {
                const before = Date.now();
                const response = await worker(undefined, { TIMEOUT: 0.4, ...vars }).get(`${server.url}/x`);
                await response.arrayBuffer();
                return { status: response.status, why: response.headers.get("X-Failover"), ms: Date.now() - before };
        };
        const gone = await listen(() => {});
        gone.server.close();
        const resets = await listen((request) => request.socket.resetAndDestroy());
        const silent = await listen(() => {});
        const closes = await listen((request) => request.socket.end("HTTP/1.1 2"));
        for (const [claim, server] of Object.entries({ gone, resets, silent, closes })) {
                const { status, why, ms } = await ask(server);
                equal(`a shop that is or does so: ${claim}`, status, 307);
                equal(`and why: ${claim}`, why, "no answer");
                check(`without much waiting: ${claim}`, ms < 3000, ms);
        }
        const drips = await listen((request, reply) => {
                reply.writeHead(200);
                if (request.url === "/x") reply.end("the shop");
                else reply.write("{");
        });
        equal("a status is enough, whatever becomes of the body", (await ask(drips)).status, 200);
        for (const { server } of [resets, silent, closes, drips]) {
                server.closeAllConnections();
                server.close();
        }
}

// ---- what is mistyped in wrangler.toml

async function mistyped() {
        const wrong = [["TIMEOUT", ["2s", "abc", "-1", "0", "1e12", true]], ["REMEMBER", ["5s", "-1", "Infinity", {}]],
                ["HEALTH", ["shop.example/api/health", "/api/health", "ftp://shop.example/", "https://"]]];
        for (const [name, values] of wrong) {
                for (const value of values) {
                        const { get } = worker(shop(answers(200)), { [name]: value });
                        const response = await get("/x");
                        equal(`${name} = ${value}: buyers reach a shop that is well`, `${response.status} ${await response.text()}`, "200 the shop");
                        check(`${name} = ${value}: what is wrong is seen`, response.headers.get("X-Failover-Mistake")?.startsWith(`${name} is no `));
                }
        }
        const sick = worker(shop(answers(503)), { TIMEOUT: "2s", REMEMBER: "5s" });
        equal("a time that is none keeps nobody in a sick shop", await location(await sick.get("/x")), `${fallback}/x`);
        for (const good of [{ TIMEOUT: "2", REMEMBER: "5" }, { TIMEOUT: 0.4, REMEMBER: 0 }, { TIMEOUT: "", REMEMBER: undefined }, { HEALTH: "https://shop.example/api/health" }]) {
                const { get } = worker(shop(answers(200)), good);
                equal(`nothing is wrong with ${JSON.stringify(good)}`, (await get("/x")).headers.get("X-Failover-Mistake"), null);
        }
        const form = await worker(shop(answers(200), (request) => new Response(request.body, { status: 201, headers: { "X-Kept": "1" } })), { FALLBACK: "backup" })
                .get("/x", { method: "POST", body: "book=1" });
        equal("the shop's answer stays as it is", `${form.status} ${form.headers.get("X-Kept")} ${await form.text()}`, "201 1 book=1");
        check("without a fallback, too", /FALLBACK/.test(form.headers.get("X-Failover-Mistake")));
}

// ---- how often it asks

async function remembering() {
        const { get, looks, asked } = worker(shop(answers(200)), { REMEMBER: 0.6 });
        await get("/x");
        for (let i = 0; i < 50; i++) await get(`/x${i}`);
        equal("an answer holds for a while", looks(), 1);
        equal("and every buyer got through", asked.filter((a) => a.includes("/x")).length, 51);
        await until("then it asks again", async () => (await get("/x")) && looks() === 2);

        const many = worker({ "a.example": answers(200), "b.example": answers(503), ...Object.fromEntries([...Array(40).keys()].map((i) => [`${i}.example`, answers(200)])) });
        for (let i = 0; i < 5; i++) {
                equal("one shop is well", (await many.get("https://a.example/x")).status, 200);
                equal("another at the same worker is not", (await many.get("https://b.example/x")).status, 307);
        }
        equal("each is remembered", many.looks(), 2);
        for (let i = 0; i < 40; i++) equal("any number of hosts", (await many.get(`https://${i}.example/x`)).status, 200);

        let slow = false;
        const busy = worker(
                shop(async () => {
                        if (slow) await new Promise((r) => setTimeout(r, 700));
                        return new Response(null, { status: slow ? 503 : 200 });
                }),
                { REMEMBER: 0.1 },
        );
        await busy.get("/x");
        slow = true;
        await new Promise((r) => setTimeout(r, 150));
        const looked = busy.looks();
        const before = Date.now();
        const crowd = [];
        for (let i = 0; i < 30; i++) crowd.push(busy.get("/x").then((r) => ({ status: r.status, ms: Date.now() - before })));
        const times = await Promise.all(crowd);
        equal("one asks for all", busy.looks() - looked, 1);
        equal("one waits for the answer, and goes by it", times.filter((t) => t.status === 307).length, 1);
        check("the others are not held up", times.filter((t) => t.ms < 600).length === 29, JSON.stringify(times));
}

// ---- no loops

async function circles() {
        const self = worker(shop(answers(503)), { FALLBACK: "https://shop.example/backup" });
        equal("a fallback that is the shop itself", (await self.get("/x")).status, 200);
        const both = worker({ ...shop(answers(503)), "backup.shop.example": answers(200, "the fallback") });
        equal("the fallback behind the same worker", await (await both.get("https://backup.shop.example/x")).text(), "the fallback");
        for (const FALLBACK of ["", "backup.shop.example", "ftp://backup.example", "javascript:alert(1)", undefined]) {
                const none = worker(shop(answers(503)), { FALLBACK });
                equal(`no usable fallback (${FALLBACK})`, (await none.get("/x")).status, 200);
        }

        // Two shops, each the other's fallback, both not well: a browser that keeps cookies, and asks at most 20 times.
        const hosts = { "a.example": answers(503, "a itself"), "b.example": answers(503, "b itself") };
        const shops = {
                "a.example": worker(hosts, { FALLBACK: "https://b.example" }),
                "b.example": worker(hosts, { FALLBACK: "https://a.example" }),
        };
        let url = new URL("https://a.example/books;x/y?z");
        const jar = [];
        let response, hops;
        for (hops = 0; hops < 20; hops++) {
                const mine = jar.filter((c) => c.host === url.host && (url.pathname === c.path || url.pathname.startsWith(c.path)));
                response = await shops[url.host].get(url.href, { headers: mine.length ? { Cookie: `b=1; ${mine[0].pair}` } : {} });
                if (response.status !== 307) break;
                const cookie = response.headers.get("Set-Cookie");
                check("the cookie is for a moment, for this place, and for https", /; Max-Age=5; Path=\/[^;]*; HttpOnly; Secure; SameSite=None$/.test(cookie), cookie);
                jar.push({ host: url.host, pair: cookie.split(";")[0], path: /Path=([^;]*)/.exec(cookie)[1] });
                url = new URL(response.headers.get("Location"));
        }
        equal("a buyer goes there and back once", hops, 2);
        equal("and ends in the shop that he asked for", await response.text(), "a itself");

        const asks = worker(shop(answers(503)));
        for (let i = 0; i < 3; i++) await asks.get("/api/health");
        equal("a look at the health causes no other", asks.looks(), 3);
}

setTimeout(() => {
        console.log("not so: everything ends within a minute");
        process.exit(1);
}, 60000);

async function tell(story) {
        try {
                await story();
        } catch (error) {
                check(`${story.name} runs to its end`, false, error);
        }
}
await Promise.all([real, sentAway, passing, judged, mistyped, circles].map(tell));
await tell(remembering); // alone: it looks at the clock
await Promise.all(started.map((mf) => mf.dispose()));
process.exit(failed ? 1 : 0);
