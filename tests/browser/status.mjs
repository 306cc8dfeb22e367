// SPDX-License-Identifier: MIT
// The status page as readers have it before them through an outage.
//
// Arguments: NODE-URL
import assert from 'node:assert/strict';
import { mark, payloads } from './hostile.mjs';
import { args, axe, browser, deed, loads, open, pictures, prove, say, watched } from './rig.mjs';

const [node] = args, url = `${node}/status/`;
const headline = (page, text) => page.waitForFunction((text) => new RegExp(text).test(document.querySelector('h1').textContent), text, { polling: 20 });
const asked = new Set();
const seen = {};
for (const [name, options] of Object.entries({ light: {}, dark: { colorScheme: 'dark' }, wide: { viewport: { width: 1440, height: 900 } }, phone: { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 } }))
        seen[name] = await open(url, { ...options, before: (page) => page.on('request', (request) => asked.add(new URL(request.url()).origin)) });
const desk = seen.light;
const part = (page, name) => page.locator('.parts > li', { hasText: name });

/** With a clock of its own, so that minutes pass at once. */
const clocked = (options = {}) => open(url, { ...options, before: async (page) => { await page.clock.install({ time: Date.now() + (options.ahead ?? 0) }); await options.before?.(page); } });

/** Asks twice, and hears nothing: for as long as it waits, other claims are proved. */
const unanswered = await clocked();
await unanswered.route(url, () => {});
for (let i = 0; i < 2; i++)
        await unanswered.clock.fastForward(10000);

/** As by a reader who comes back to the page now and then, until this is on it. */
const looks = (page, text) => page.waitForFunction((text) => {
        document.dispatchEvent(new Event('visibilitychange'));
        return document.body.textContent.includes(text);
}, text, { polling: 300 });

/** What is under the keys is seen: an outline, or a place where nothing was. */
const focus = (page) => page.evaluate(() => ({ what: document.activeElement.className || document.activeElement.localName, text: document.activeElement.textContent.trim().slice(0, 60),
        seen: getComputedStyle(document.activeElement).outlineStyle !== 'none' || getComputedStyle(document.activeElement).boxShadow !== 'none' }));

const claims = {
        async 'all is well, and each part has its state in words'() {
                await headline(desk, 'Everything works');
                assert.match(await part(desk, 'Card payments').innerText(), /Working/);
                assert.match(await part(desk, 'Books & more <b>now</b>').innerText(), /Working/);
                assert.equal(await desk.locator('#stale').isVisible(), false);
                await desk.screenshot({ path: `${pictures}/live-well.png`, fullPage: true });
                assert.deepEqual(await axe(desk), []);
        },

        async 'the other shops of the network are named, and nothing that they wrote runs'() {
                assert.ok(await desk.getByRole('link', { name: 'Harbour Books' }).isVisible());
                const names = await desk.locator('.shops').innerText(), lost = payloads.filter((_, i) => i % 5 === 0 && !names.includes(mark(i)));
                assert.deepEqual(lost.filter((text) => !/\p{Cc}/u.test(text) && text.length < 200), [], 'all but those that are no name'); // of one line
                assert.deepEqual([...new Set(await desk.locator('.shops *').evaluateAll((all) => all.map((e) => e.localName)))].sort(), ['a', 'bdi', 'li', 'p', 'span', 'svg', 'use']);
                assert.ok((await desk.locator('.shops a').evaluateAll((all) => all.map((a) => a.href))).every((href) => /^https:\/\/(harbour|x\d+)\.example\/$/.test(href)));
                assert.match(names, /In its fallback\nSells nothing/);
                assert.equal(await desk.evaluate(() => globalThis.executed), undefined);
        },

        async 'when the payment API dies the page says so within two seconds of the flip, or some on a busy machine, without a reload'() {
                const before = await Promise.all(Object.values(seen).map(loads));
                await desk.locator('.bar').first().focus();
                await deed('api_fails');
                const at = await Promise.all(Object.values(seen).map(async (page) => { await headline(page, 'pay with crypto'); return Date.now(); }));
                const { since } = await (await fetch(`${node}/api/config`)).json(), took = at.map((ms) => ms - Date.parse(since));
                say(`the status page on four screens ${took.join(', ')} ms after the flip`);
                assert.ok(took.every((ms) => ms < 5000), took.join());
                for (const [i, [name, page]] of Object.entries(seen).entries()) {
                        assert.equal(await loads(page), before[i] + 1);
                        assert.ok(await page.getByText('Using backup payment system. All books still available.').first().isVisible());
                        await part(page, 'Card payments').getByText('Not working', { exact: true }).waitFor();
                        assert.ok(await page.getByRole('heading', { name: 'Going on now' }).isVisible());
                        assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), 0, name);
                        await page.screenshot({ path: `${pictures}/live-${name}.png`, fullPage: true });
                        assert.deepEqual(await axe(page), [], name);
                }
                assert.match(await desk.locator('[role=status]').textContent(), /status has changed.*pay with crypto/);
                assert.ok(await desk.evaluate(() => document.activeElement.classList.contains('bar')), 'who was reading a bar still is');
        },

        async 'with the keyboard alone everything can be read'() {
                const page = await open(url);
                await page.keyboard.press('Tab');
                assert.match((await focus(page)).text, /Skip/);
                await page.keyboard.press('Enter');
                const stops = [];
                for (let i = 0; i < 140; i++) {
                        await page.keyboard.press('Tab');
                        const now = await focus(page);
                        if (now.what === 'body')
                                break;
                        assert.ok(now.seen, `nobody sees that the focus is on ${now.what} ${now.text}`);
                        stops.push(now);
                        if (now.what === 'bar' && stops.filter((stop) => stop.what === 'bar').length === 1) {
                                const words = () => page.evaluate(() => document.activeElement.getAttribute('aria-valuetext'));
                                const today = await words();
                                assert.match(today, /20\d\d: /);
                                await page.keyboard.press('ArrowLeft');
                                assert.notEqual(await words(), today);
                                assert.equal(await page.locator('#tip').innerText(), await words());
                                await page.keyboard.press('Home');
                                assert.match(await words(), /Not known/);
                                await page.keyboard.press('End');
                                assert.equal(await words(), today);
                                await page.keyboard.press('Escape');
                                assert.equal(await page.locator('#tip').isVisible(), false);
                        }
                        if (now.what === 'summary') {
                                const closed = await page.evaluate(() => !document.activeElement.parentNode.open);
                                await page.keyboard.press('Enter');
                                assert.equal(await page.evaluate(() => document.activeElement.parentNode.open), closed);
                        }
                }
                assert.ok(stops.filter((stop) => stop.what === 'bar').length === 3 && stops.some((stop) => /History|Incidents/.test(stop.text)), JSON.stringify(stops));
                await page.close();
        },

        async 'the pointer shows each day'() {
                const bar = desk.locator('.bar').first(), box = await bar.boundingBox();
                await bar.scrollIntoViewIfNeeded();
                const now = await bar.boundingBox();
                await desk.mouse.move(now.x + now.width - 2, now.y + now.height / 2);
                const today = await desk.locator('#tip').innerText();
                assert.match(today, /^\d+ \w+ 20\d\d: /);
                await desk.mouse.move(now.x + 2, now.y + now.height / 2);
                assert.match(await desk.locator('#tip').innerText(), /^\d+ \w+ 20\d\d: Not known/);
                const tip = await desk.locator('#tip').boundingBox();
                assert.ok(tip.x >= 0 && tip.x + tip.width <= 1100 && box);
                await desk.mouse.move(0, 0);
                assert.equal(await desk.locator('#tip').isVisible(), false);
                await part(seen.phone, 'Cryptocurrency').locator('.bar').tap();
                const touched = await seen.phone.locator('#tip').innerText();
                assert.match(touched, /20\d\d: /, `a finger shows it, too: ${touched}`);
                await seen.phone.locator('h1').tap();
                assert.equal(await seen.phone.locator('#tip').isVisible(), false);
        },

        async 'without JavaScript the page is right as it was written'() {
                for (const [name, options] of [['phone', { viewport: { width: 360, height: 740 } }], ['desk', {}]]) {
                        const page = await open(url, { ...options, javaScriptEnabled: false });
                        assert.match(await page.locator('h1').innerText(), /pay with crypto/);
                        assert.match(await page.locator('.now').innerText(), /This page was made .*Load this page again/);
                        assert.equal(await page.locator('.days summary').count() > 0, true, 'the days can be read in words');
                        await page.screenshot({ path: `${pictures}/live-plain-${name}.png`, fullPage: true });
                        await page.close();
                }
        },

        async 'the operator\'s own words are on the page, in order, and as he wrote them'() {
                await deed('operator incident update --state monitoring Our_bank_says:_<b>wait</b>_&_see');
                await deed('operator maintenance schedule --name A_new_disk --from 2h --for 30m --components shelf It_may_be_slow.');
                await looks(desk, 'Our bank says: <b>wait</b> & see');
                await looks(desk, 'Planned maintenance');
                assert.equal((await desk.locator('article', { hasText: 'A new disk' }).first().innerText()).split('It may be slow.').length, 2, 'once is enough');
                const course = await desk.locator('article', { hasText: 'Our bank' }).first().locator('li').allInnerTexts();
                assert.match(course[0], /Monitoring[^]*Our bank/);
                assert.match(course.at(-1), /backup payment system/i);
                assert.deepEqual(await axe(desk), []);
                await desk.screenshot({ path: `${pictures}/live-words.png`, fullPage: true });
        },

        async 'where streams are refused the page asks instead'() {
                const page = await clocked({ before: (page) => page.route('**/events', (route) => route.fulfill({ status: 503, body: '' })) });
                await headline(page, 'pay with crypto');
                await deed('api_is_well');
                await headline(desk, 'Everything works');
                await page.clock.fastForward(15000);
                await headline(page, 'Everything works');
                await page.getByText('Past incidents').waitFor();
                assert.match(await page.locator('article', { hasText: 'Our bank' }).first().innerText(), /Resolved/);
                await page.close();
        },

        async 'in more tabs than a browser has connections it can be opened, and who comes back to one sees what is'() {
                const context = await browser.newContext(), tabs = [];
                for (let i = 0; i < 7; i++) {
                        tabs.push(await open(url, { context, before: watched }));
                        await tabs[i].waitForFunction(() => streams[0]?.readyState === 1);
                        await tabs[i].evaluate(() => look(false));
                }
                await deed('api_fails');
                await headline(desk, 'pay with crypto');
                await tabs[0].evaluate(() => look(true));
                await headline(tabs[0], 'pay with crypto');
                await tabs[0].waitForFunction(() => streams.length === 2 && streams[1].readyState === 1);
                await deed('api_is_well');
                await headline(tabs[0], 'Everything works');
                await context.close();
        },

        async 'a reader whose clock is fast is not told that the page is old'() {
                const page = await clocked({ ahead: 3600000 });
                assert.equal(await page.locator('#stale').isVisible(), false);
                assert.match(await page.title(), /working/);
                await page.close();
        },

        async 'a page that is too old says so, and so does one that gets no answer; both end'() {
                await unanswered.locator('#stale', { hasText: 'does not answer' }).waitFor();
                await unanswered.close();
                const page = await clocked();
                await headline(page, 'Everything works');
                assert.equal(await page.locator('#stale').isVisible(), false);
                await deed('shop_node stops');
                await page.clock.fastForward(15000);
                await page.clock.runFor(15000);
                await page.locator('#stale', { hasText: 'does not answer' }).waitFor();
                await page.clock.fastForward(10 * 60000);
                await page.locator('#stale', { hasText: 'out of date' }).waitFor();
                assert.equal(await page.title(), 'My Shop: out of date');
                assert.match(await page.locator('link[rel="icon"]').getAttribute('href'), /%235b6470/);
                await page.screenshot({ path: `${pictures}/live-old.png`, fullPage: true });
                assert.deepEqual(await axe(page), []);
                await page.emulateMedia({ media: 'print' });
                assert.ok(await page.locator('#stale').isVisible(), 'on paper, too');
                await page.emulateMedia({ media: null });
                await deed('shop_node starts');
                await page.clock.setFixedTime(Date.now());
                await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
                await page.locator('#stale').waitFor({ state: 'hidden' });
                assert.equal(await page.title(), 'My Shop: working');
                await page.close();
        },

        async 'nobody else was asked for anything'() {
                assert.deepEqual([...asked], [node]);
        },
};

await prove(claims);
