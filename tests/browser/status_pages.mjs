// SPDX-License-Identifier: MIT
// Status pages made of what somebody may have written, and of very much, in a real browser: nothing is executed, nothing is lost, all of it is
// valid, and a large one is there at once.
//
// Arguments: PROGRAM-THAT-WRITES-A-PAGE NODE-URL STATUS-FOLDER WEB-URL ITS-FOLDER
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { mark, payloads } from './hostile.mjs';
import { args, axe, load, open, pictures, prove, say } from './rig.mjs';
import { declarations, wrongIn } from './shape.mjs';

const [print, node, folder, web, web_folder] = args, work = folder + '/..';
const { HtmlValidate } = load('html-validate');
const Parser = load('rss-parser');
const known = declarations(load.resolve('statuspage.io/dist/interfaces/Result.d.ts'));
const impacts = [...known.IncidentImpact.values], states = [...known.IncidentStatus.values]; // of incidents
known.IncidentImpact.values.push('maintenance'); // what Statuspage itself says of maintenances and their updates
known.IncidentStatus.values.push(...known.MaintenanceStatus.values);
const DAY = 86400000, now = Date.now();
const time = (ms) => new Date(ms).toISOString();
const DOCUMENTS = { 'summary.json': 'Summary', 'status.json': 'Status', 'components.json': 'Components', 'incidents.json': 'Incidents', 'incidents/unresolved.json': 'Incidents',
        'scheduled-maintenances.json': 'ScheduledMaintenances', 'scheduled-maintenances/upcoming.json': 'ScheduledMaintenances', 'scheduled-maintenances/active.json': 'ScheduledMaintenances' };

// ---- documents as in actions/public_status.h

const today = Math.floor(now / DAY) * DAY;
function days(seed) {
        return Array.from({ length: 90 }, (_, i) => {
                const date = time(today - (89 - i) * DAY).slice(0, 10), kind = (seed * 7 + i * 13) % 61;
                const of = (key, seconds) => ({ date, up: 86400 - seconds, degraded: 0, down: 0, maintenance: 0, unknown: 0, [key]: seconds });
                return kind === 0 ? of('down', 600 + 60 * i) : kind === 1 ? of('degraded', 900) : kind === 2 ? of('unknown', 40000) : kind === 3 ? of('maintenance', 3600) : of('down', 0);
        });
}
const STATES = ['operational', 'degraded', 'partial', 'down', 'maintenance', 'unknown'];
const component = (i, words = {}) => ({ id: `c${i}`, name: `Component ${i}`, description: i % 3 ? '' : 'What it is for.', group: i % 5 ? `Group ${Math.floor(i / 20)}` : '', state: STATES[i % 23 ? 0 : i % 6],
        since: time(now - 3 * DAY), days: days(i), ...words });
const update = (i, at, state, words = {}) => ({ id: `u${i}-${state}`, at: time(at), state, body: '', mode: 'crypto', payment: 'crypto', message: 'Using backup payment system.', selling: 'backup', ...words });
function incident(i, words = {}) {
        const began = now - (i + 1) * 10 * 3600000, open = i < 2;
        return { id: `i${i}`, began: time(began), resolved: open ? null : time(began + 1800000), mode: 'crypto', payment: 'crypto', impact: ['minor', 'major', 'critical', 'none', 'maintenance'][i % 5], automatic: true, name: '', components: [`c${i % 7}`],
                updates: [...open ? [] : [update(i, began + 1800000, 'resolved')], update(i, began + 600000, 'monitoring', { body: 'We are watching it.\nSo far, so good.' }), update(i, began, 'identified')], ...words };
}
const maintenance = (i, words = {}) => ({ id: `m${i}`, name: `Work ${i}`, body: 'It may be slow.', state: ['active', 'scheduled', 'completed', 'cancelled'][i % 4], from: time(now + (i % 4 === 1 ? 1 : -1) * 7200000), until: time(now + 10800000),
        began: i % 4 === 1 ? null : time(now - 7000000), ended: i % 4 < 2 ? null : time(now - 6000000), components: [], updates: [], ...words });
function document(words = {}) {
        return { node: { id: 'my-shop', name: 'My Shop', url: 'https://shop.example' }, made: time(now), fresh_for: 240,
                mode: { name: 'crypto', first: false, payment: 'crypto', message: 'Using backup payment system. All books still available.', since: time(now - 3600000), change: '01JCHANGE0000000000000000A', durable: true },
                selling: 'backup', blind: false, counted_since: time(today - 89 * DAY), components: [], incidents: [], maintenances: [], ...words };
}

let written = 0;
/** Writes it and opens it, as soon as the node serves this one. */
async function publish(what, language = 'en') {
        const change = `01JCHANGE${String(++written).padStart(17, '0')}`, path = `${work}/document.json`;
        what.mode.change = change;
        await writeFile(path, JSON.stringify(what));
        execFileSync(print, [language, path, folder], { stdio: ['ignore', 'ignore', 'inherit'] });
        for (let left = 100; left > 0; left--) {
                const text = await fetch(`${node}/status/`).then((answer) => answer.text(), () => ''); // a kept connection may just be ending
                if (text.includes(change))
                        return text;
                await new Promise((done) => setTimeout(done, 20));
        }
        throw new Error(`the node does not serve page ${written}`);
}
const file = (name) => readFile(`${folder}/${name}`, 'utf8');

async function valid(text, hostile = false) {
        const report = await new HtmlValidate({ extends: ['html-validate:recommended'], rules: { 'long-title': hostile ? 'off' : 'error' } }).validateString(text);
        return report.results.flatMap((result) => result.messages.map((m) => `${m.line}:${m.column} ${m.ruleId}: ${m.message}`));
}

/** What the API says, held against the declarations of somebody else's client. */
async function shapes() {
        const wrong = [];
        for (const [name, type] of Object.entries(DOCUMENTS)) {
                const all = JSON.parse(await file(`api/v2/${name}`));
                wrong.push(...wrongIn(all, { parts: [type], members: {} }, known, name));
                for (const { impact, status, incident_updates: updates } of all.incidents ?? [])
                        if (!impacts.includes(impact) || ![status, ...updates.map((update) => update.status)].every((state) => states.includes(state)))
                                wrong.push(`${name}: an incident with ${impact}, ${status}`);
        }
        return wrong;
}

// ---- what is claimed

const ELEMENTS = new Set(('a article bdi body details div footer h1 h2 h3 head header html li link main meta noscript ol p path script section span strong style summary svg symbol time title ul use').split(' '));
/** Elements and attributes that no template of ours has, links that lead elsewhere than they may, ids that stand twice. */
const foreign = (page) => page.evaluate((allowed) => {
        const wrong = [], ids = new Set();
        for (const e of document.querySelectorAll('*')) {
                if (!allowed.includes(e.localName))
                        wrong.push(`<${e.localName}>`);
                for (const { name, value } of e.attributes) {
                        if (/^on|^srcdoc$|^src$|^formaction$/.test(name) || (/^(xlink:)?href$/.test(name) && !/^(https?:\/\/|[a-z#]|data:image\/svg\+xml,%3Csvg)/.test(value)) || /script:|evil/i.test(/href/.test(name) ? value : ''))
                                wrong.push(`${e.localName} ${name}=${value}`);
                        if (name === 'id' && ids.size === ids.add(value).size)
                                wrong.push(`id ${value} twice`);
                }
        }
        return wrong;
}, [...ELEMENTS]);
const opened = (page) => page.evaluate(() => { document.querySelectorAll('details').forEach((d) => { d.open = true; }); return document.body.innerText; });

const looks = await open();
const SIZE = 36; // payloads on a page
const STEP = process.env.FULL ? 1 : 3; // every third page; what is left out is in the corpus of test_action_status_page_foreign, too

const claims = {
        async 'a page of an ordinary shop is small, valid, and reads well in every look'() {
                const ordinary = document({ components: Array.from({ length: 8 }, (_, i) => component(i, { group: i < 5 ? 'Checkout' : 'Shop' })), incidents: Array.from({ length: 12 }, (_, i) => incident(i)),
                        maintenances: [maintenance(0), maintenance(1), maintenance(2)] });
                for (const language of ['de', 'en']) {
                        const text = await publish(ordinary, language);
                        assert.deepEqual(await valid(text), [], language);
                        say(`an ordinary page (${language}) has ${Buffer.byteLength(text)} bytes`);
                        assert.ok(Buffer.byteLength(text) < 60000);
                        const all = Object.entries({ phone: { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true }, light: {}, dark: { colorScheme: 'dark' }, wide: { viewport: { width: 1440, height: 900 } },
                                plain: { javaScriptEnabled: false }, contrast: { forcedColors: 'active' }, still: { reducedMotion: 'reduce' } });
                        for (const [name, options] of language === 'en' ? all : all.slice(0, 1)) {
                                const page = await open(`${node}/status/`, options);
                                await page.getByRole('heading', { level: 1 }).waitFor();
                                await page.screenshot({ path: `${pictures}/status-${language}-${name}.png`, fullPage: true });
                                if (name !== 'plain') {
                                        if (['light', 'dark', 'phone'].includes(name))
                                                assert.deepEqual(await axe(page), [], name);
                                        assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), 0, `${name} scrolls sideways`);
                                        if (name === 'still')
                                                assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
                                }
                                assert.deepEqual(await foreign(page), []);
                                await page.close();
                        }
                }
                await looks.goto(`${node}/status/`);
                await looks.emulateMedia({ media: 'print' });
                await looks.pdf({ path: `${pictures}/status-print.pdf`, format: 'A4' });
                await looks.screenshot({ path: `${pictures}/status-print.png`, fullPage: true });
                assert.equal(await looks.evaluate(() => getComputedStyle(document.querySelector('.button')).display), 'none', 'no buttons on paper');
                await looks.emulateMedia({ media: null });
        },

        async 'somebody else\'s statuspage client finds every member it declares, and a feed reader every entry'() {
                assert.deepEqual(await shapes(), []);
                const client = new (load('statuspage.io').Statuspage)('of-nobody');
                client.setApiUrl(`${node}/status`);
                const { status, components, incidents, scheduled_maintenances: ahead } = await client.api.getSummary();
                assert.equal(status.indicator, 'major');
                assert.deepEqual([components.filter((c) => !c.group).length, incidents.length, ahead.length], [8, 2, 2]);
                assert.equal((await client.api.getStatus()).status.description, status.description);
                assert.equal((await client.api.getComponents()).components.length, components.length);
                assert.equal((await client.api.incidents.getAll()).incidents.length, 12);
                assert.deepEqual((await client.api.incidents.getUnresolved()).incidents.map((i) => i.id), incidents.map((i) => i.id));
                assert.deepEqual((await client.api.scheduledMaintenances.getUpcoming()).scheduled_maintenances.map((m) => m.status), ['scheduled']);
                for (const [name, states] of [['', ['completed', 'in_progress', 'scheduled']], ['/active', ['in_progress']]]) // of which that client asks for the upcoming ones
                        assert.deepEqual((await (await fetch(`${node}/status/api/v2/scheduled-maintenances${name}.json`)).json()).scheduled_maintenances.map((m) => m.status).sort(), states);
                const feed = await new Parser().parseString(await file('history.atom'));
                assert.ok(feed.title.includes('My Shop'));
                assert.equal(feed.items.length, 15);
                for (const item of feed.items) {
                        assert.ok(item.title && item.id && new URL(item.link, `${node}/status/history.atom`).href === `${node}/status/` && !Number.isNaN(Date.parse(item.isoDate)), JSON.stringify(item));
                        assert.ok(item.content || item.summary, JSON.stringify(item));
                }
                assert.equal(new Set(feed.items.map((item) => item.id)).size, 15);
        },

        async 'the badge is an image'() {
                await writeFile(`${web_folder}/badge.html`, `<!DOCTYPE html><title>A shop</title><img src="${node}/status/badge.svg" alt="status">`);
                const page = await open(`${web}/badge.html`);
                const [width, height] = await page.evaluate(async () => {
                        const image = document.querySelector('img');
                        await image.decode();
                        return [image.naturalWidth, image.naturalHeight];
                });
                assert.ok(width > 60 && width < 300 && height >= 18 && height <= 24, `${width} x ${height}`);
                await page.screenshot({ path: `${pictures}/badge.png`, clip: { x: 0, y: 0, width: 240, height: 40 } });
                await page.goto(`${node}/status/badge.svg`);
                assert.equal(await page.evaluate(() => document.querySelector('title')?.textContent.length > 0), true, 'it has a name for who does not see it');
                await page.close();
        },

        async [`${Math.ceil(payloads.length / STEP)} payloads in every field are text: nothing is executed, nothing is lost, everything is valid`]() {
                const page = await open();
                let fields = 0;
                for (let first = 0; first < payloads.length; first += SIZE * STEP) {
                        const some = payloads.slice(first, first + SIZE), n = some.length, at = (i) => some[i % n];
                        const text = await publish(document({
                                node: { id: at(0), name: some.join(' '), url: at(1) },
                                mode: { ...document().mode, name: at(2), message: some.join(' ') },
                                components: some.map((_, i) => component(i, { id: at(i), name: at(i + 1), description: at(i + 2), group: at(i + 3) })),
                                incidents: some.map((_, i) => incident(i, { id: at(i), name: at(i + 4), components: [at(i)], mode: at(i), payment: at(i + 1), updates: [update(i, now - i * 1000, 'monitoring', { id: at(i), body: at(i + 5), mode: at(i), payment: at(i) }),
                                        update(i + 1, now - i * 2000, 'identified', { message: at(i + 6) })] })),
                                maintenances: some.map((_, i) => maintenance(i, { id: at(i), name: at(i + 7), body: at(i + 8), components: [at(i)], updates: [update(i, now, 'monitoring', { body: at(i + 9) })] })),
                        }));
                        fields += n * 14 + 5;
                        assert.deepEqual(await valid(text, true), [], `from ${first}`);
                        await page.goto(`${node}/status/`);
                        let seen = await opened(page);
                        await page.mouse.move(300, 300);
                        assert.deepEqual(await foreign(page), [], `from ${first}`);
                        await page.goto(`${node}/status/history.html`); // what did not fit
                        seen += await opened(page);
                        assert.deepEqual(await valid(await file('history.html'), true), [], `history, from ${first}`);
                        assert.deepEqual(await foreign(page), [], `history, from ${first}`);
                        const lost = some.map((_, i) => mark(first + i)).filter((word) => seen.split(word).length < 5);
                        assert.deepEqual(lost, [], `from ${first}`);
                        assert.equal(await page.evaluate(() => globalThis.executed), undefined);
                        assert.deepEqual(page.wrong, [], `from ${first}`);
                        assert.ok(!/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\u202a-\u202e\u2066-\u2069]/.test(seen), `from ${first}: control or turning characters`);
                        assert.deepEqual(await shapes(), [], `from ${first}`);
                        const feed = await new Parser().parseString(await file('history.atom')), told = JSON.stringify(feed.items);
                        assert.deepEqual(some.map((_, i) => mark(first + i)).filter((word) => !told.includes(word)), [], `the feed, from ${first}`);
                        const badge = await page.evaluate((svg) => [...new DOMParser().parseFromString(svg, 'image/svg+xml').querySelectorAll('*')].map((e) => e.localName), await file('badge.svg'));
                        assert.deepEqual(badge.filter((name) => /parsererror|script|foreignObject|image|use/.test(name)), []);
                }
                say(`${fields} fields`);
                await page.close();
        },

        async 'names from right to left turn nothing around them'() {
                await publish(document({ node: { id: 'my-shop', name: 'חנות הספרים', url: 'https://shop.example' }, components: [component(1, { name: 'سداد بالبطاقة (Visa)' }), component(2, { name: 'תשלום 123' })],
                        incidents: [incident(0, { name: 'الدفع متوقف!' })] }));
                const page = await open(`${node}/status/`, { viewport: { width: 360, height: 740 } });
                const [name, state] = await page.evaluate(() => [...document.querySelector('.parts .row').children].map((e) => e.getBoundingClientRect().left));
                assert.ok(name < state, `${name} ${state}`);
                await page.screenshot({ path: `${pictures}/status-right-to-left.png`, fullPage: true });
                await page.close();
        },

        async 'a quiet renewal leaves the focus where it was, and a worse headline is announced without a change of mode'() {
                const parts = { components: Array.from({ length: 3 }, (_, i) => component(i)), incidents: Array.from({ length: 14 }, (_, i) => incident(i)) };
                await publish(document(parts));
                const page = await open(`${node}/status/`), focused = () => page.evaluate(() => document.activeElement.closest('[id]')?.id + ' ' + document.activeElement.localName);
                const renewed = async (what) => {
                        await publish(what);
                        const made = await page.evaluate(() => { document.dispatchEvent(new Event('visibilitychange')); return document.getElementById('main').dataset.made; });
                        await page.waitForFunction((old) => document.getElementById('main').dataset.made !== old, made);
                };
                for (const [part, wanted] of [['#how summary', 'how summary'], ['#older summary', 'older summary'], ['.bar', 'c1-bar div'], ['footer a >> nth=1', 'main a']]) {
                        await page.locator(part).first().focus();
                        await renewed(document(parts));
                        assert.equal(await focused(), wanted, part);
                }
                assert.match(await page.evaluate(() => document.activeElement.textContent), /For programs/);
                assert.equal(await page.locator('#told').textContent(), '');
                const what = document({ ...parts, selling: 'not' });
                await renewed(what);
                assert.match(await page.locator('#told').textContent(), /Checkout is not working right now/);
                await page.close();
        },

        async 'a page that nobody writes any more says so, though its server is well'() {
                await publish(document({ fresh_for: 1 }));
                const page = await open(`${node}/status/`);
                await page.waitForFunction(() => {
                        document.dispatchEvent(new Event('visibilitychange'));
                        return /out of date/.test(document.getElementById('stale').textContent);
                }, null, { polling: 300 });
                await publish(document());
                await page.waitForFunction(() => {
                        document.dispatchEvent(new Event('visibilitychange'));
                        return document.getElementById('stale').hidden;
                }, null, { polling: 300 });
                await page.close();
        },

        async 'after an upgrade an open page is loaded anew, when its style or its script is another one'() {
                await looks.goto('about:blank'); // else it, too, reads pages that its own policy would not let be, and says so
                for (const name of ['style', 'script']) {
                        const text = (await publish(document())).replace(new RegExp(`(?<=<${name}>).*?(?=</${name}>)`, 's'), (old) => `${old}\n`)
                                .replace(/data-made="[^"]*"/, `data-made="${time(Date.now())}"`);
                        const inner = new RegExp(`<${name}>(.*?)</${name}>`, 's').exec(text)[1], hash = createHash('sha256').update(inner).digest('base64');
                        const page = await open(`${node}/status/`);
                        page.removeAllListeners('console'); // as this one does, some time
                        await writeFile(`${folder}/index.html`, text.replace(new RegExp(`${name}-src '[^']*'`), `${name}-src 'sha256-${hash}'`));
                        await page.waitForFunction(([name, inner]) => {
                                document.dispatchEvent(new Event('visibilitychange'));
                                return document.querySelector(name).textContent === inner;
                        }, [name, inner], { polling: 300 });
                        await page.close();
                }
        },

        async '500 components and 200 incidents are there in under a second'() {
                const text = await publish(document({ components: Array.from({ length: 500 }, (_, i) => component(i)), incidents: Array.from({ length: 200 }, (_, i) => incident(i)) }));
                const took = [];
                for (let i = 0; i < 3; i++) {
                        const page = await open(`${node}/status/`);
                        await page.waitForLoadState('load');
                        took.push(Math.round(await page.evaluate(() => new Promise((done) => {
                                new PerformanceObserver((list) => done(Math.max(list.getEntries()[0].startTime, performance.getEntriesByType('navigation')[0].loadEventEnd))).observe({ type: 'paint', buffered: true });
                        }))));
                        await page.close();
                }
                say(`500 components and 200 incidents: ${Buffer.byteLength(text)} bytes, loaded and painted after ${took.join(', ')} ms`);
                assert.ok(Math.min(...took) < 1000, took.join());
                const page = await open(`${node}/status/`);
                const began = performance.now();
                await page.keyboard.press('End');
                await page.mouse.move(400, 400);
                await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
                assert.ok(performance.now() - began < 2000);
                assert.deepEqual(await shapes(), []);
                await page.close();
        },
};

await prove(claims);
