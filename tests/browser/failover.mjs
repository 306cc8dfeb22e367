// SPDX-License-Identifier: MIT
// A shop's page that follows how it takes payment by failover.js: what buyers see, where they are sent, and what is never done to them.
//
// Arguments: WEB-URL ITS-FOLDER NODE-URL URL-OF-THE-OTHER-SHOP
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { args, axe, browser, deed, loads, open, pictures, prove, say, shows, watched } from './rig.mjs';

const [web, folder, node, other] = args;
const BANNER = '[role=status]', BUY = '[data-failover=checkout]';

const banner = (page) => page.locator(BANNER).innerText();
const says = (page, text) => page.waitForFunction(([where, text]) => new RegExp(text, 's').test(document.querySelector(where)?.innerText ?? ''),
        [BANNER, text], { polling: 20 });
const leads = (page, to) => page.waitForFunction(([where, to]) => document.querySelector(where).href === to, [BUY, to], { polling: 20 });

let pages = 0;

/** A page of a shop with this inside, which never asked failover.js to be easy on it. It is a real file: whoever is not on loopback may not ask there. */
async function page_of(body, options = {}) {
        const name = `plain-${++pages}.html`;
        await writeFile(`${folder}/${name}`, `<!DOCTYPE html><html lang="en"><head><title>Plain</title>
                ${options.head ?? `<script async src="failover.js" data-node="${node}/"></script>`}</head><body>${body}</body></html>`);
        return open(`${web}/${name}`, options);
}

/** A node that says this, whatever it is, and has no stream. */
const lies = (answer) => async (page) => {
        await page.route(`${node}/**`, (route) => route.request().url().endsWith('/api/config') ?
                route.fulfill({ contentType: 'application/json', headers: { 'Access-Control-Allow-Origin': '*' }, body: answer() }) : route.abort());
};

const looks = {
        light: {}, dark: { colorScheme: 'dark' }, wide: { viewport: { width: 1440, height: 900 } },
        phone: { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 },
};
const seen = {};
for (const [name, options] of Object.entries(looks))
        seen[name] = await open(`${web}/book.html`, options);
const desk = seen.light;
const refused = await open(`${web}/book.html`, { before: (page) => page.route('**/events', (route) => route.fulfill({ status: 503, body: '' })) });

const claims = {
        async 'as long as cards are taken a page is as the shop wrote it'() {
                await desk.waitForFunction(() => document.documentElement.dataset.paymentMode === 'primary');
                assert.equal(await desk.locator(BANNER).isVisible(), false);
                await leads(desk, `${web}/checkout.html#card`);
                assert.ok(await desk.getByText('We take all cards').isVisible());
        },

        async 'when the payment API dies every page says so within two seconds of the flip, or some on a busy machine, without a reload'() {
                const before = await Promise.all(Object.values(seen).map(loads));
                await deed('api_fails');
                const at = await Promise.all([...Object.values(seen), refused].map(async (page) => {
                        await says(page, 'Using backup payment system. All books still available.');
                        return Date.now();
                }));
                const { since } = await (await fetch(`${node}/api/config`)).json();
                const took = at.map((ms) => ms - Date.parse(since));
                say(`on four screens ${took.slice(0, -1).join(', ')} ms after the flip; where streams are refused, ${took.at(-1)} ms`);
                assert.ok(took.slice(0, -1).every((ms) => ms < 5000), took.join());
                assert.ok(took.at(-1) < 15000, took.join());
                for (const [i, [name, page]] of Object.entries(seen).entries()) {
                        await leads(page, `${web}/checkout.html#crypto`);
                        assert.equal(await loads(page), before[i] + 1);
                        assert.ok(await page.getByText('We take Bitcoin').isVisible());
                        assert.equal(await page.getByText('We take all cards').isVisible(), false);
                        assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), 0, name);
                        await page.screenshot({ path: `${pictures}/book-${name}.png`, fullPage: true });
                        assert.deepEqual(await axe(page), [], name);
                }
        },

        async 'with the keyboard alone one comes to the checkout that works'() {
                await desk.locator('body').press('Tab');
                for (let i = 0; i < 10 && !await desk.locator(BUY).evaluate((e) => e === document.activeElement); i++)
                        await desk.keyboard.press('Tab');
                await desk.keyboard.press('Enter');
                await desk.waitForURL('**/checkout.html#crypto');
                await desk.getByText('an address and an amount in Bitcoin').waitFor();
                assert.equal(await desk.getByText('ask for your card').isVisible(), false);
                await desk.goBack();
                await says(desk, 'backup payment system');
        },

        async 'a page without any place for it gets the banner at its top, in colours that can be read, day and night'() {
                for (const colorScheme of ['light', 'dark']) {
                        const page = await page_of('<main><h1>Shop</h1><a href="/card">Buy</a></main>', { colorScheme });
                        await says(page, 'backup payment system');
                        assert.equal(await page.evaluate(() => document.body.firstElementChild.getAttribute('role')), 'status');
                        assert.deepEqual(await axe(page), []);
                        await page.screenshot({ path: `${pictures}/plain-${colorScheme}.png` });
                        await page.close();
                }
        },

        async 'without JavaScript a frame says the same, in the reader\'s language, and comes again by itself'() {
                for (const [name, options, text] of [['noscript', {}, 'Using backup payment system'], ['noscript-de', { locale: 'de-AT', colorScheme: 'dark' }, 'Using backup']]) {
                        const page = await open(`${web}/book.html`, { javaScriptEnabled: false, ...options });
                        const frame = page.frameLocator('iframe');
                        await frame.getByText(text).waitFor();
                        await page.screenshot({ path: `${pictures}/book-${name}.png`, fullPage: true });
                        await page.close();
                }
                const alone = await open();
                const answer = await alone.goto(`${node}/banner`);
                assert.equal(answer.headers().refresh, '30');
                assert.deepEqual((await axe(alone)).filter((found) => !/^page-has-heading-one/.test(found)), [], 'a frame needs no heading');
                assert.equal(await alone.evaluate(() => getComputedStyle(document.body).marginTop), '0px', 'its policy lets its style be');
                await alone.close();
        },

        async 'the node gives the file to who cannot serve it'() {
                const page = await page_of('<main><h1>Shop</h1></main>', { head: `<script async src="${node}/failover.js"></script>` });
                await says(page, 'backup');
                await page.close();
        },

        async 'what a shop adds or changes later is led right, too, and back to what the shop said last'() {
                const page = await page_of('<main><h1>Shop</h1><p id="here"></p></main>');
                await says(page, 'backup');
                await page.evaluate(() => { document.getElementById('here').innerHTML = '<a data-failover="checkout" href="/card?v=1" data-crypto-checkout="/coins">Buy</a>'; });
                await page.locator(BUY).hover();
                await leads(page, `${web}/coins`);
                await page.locator(BUY).evaluate((a) => { a.href = '/card?v=2'; });
                await page.locator(BUY).focus();
                await leads(page, `${web}/coins`);
                await deed('api_is_well');
                await leads(page, `${web}/card?v=2`);
                await says(page, '^$');
                await desk.locator(BANNER).waitFor({ state: 'hidden' });
                await leads(desk, `${web}/checkout.html#card`);
                await page.close();
        },

        async 'when this shop cannot sell, buyers are sent to one that can, and what they typed stays here'() {
                await deed('other_shop is_known');
                const page = await page_of(`<main><h1>Shop</h1><a data-failover="checkout" href="/card" data-federated-checkout="/book/9780306406157">Buy</a>
                        <form id="f" method="post" action="/order" data-failover="checkout"><label>Name <input name="name" value="secret"></label><button id="b">Order</button></form>
                        <button id="solo" type="button" data-failover="checkout" data-crypto-checkout="/coins">Buy now</button></main>`);
                await page.evaluate(() => document.getElementById('solo').addEventListener('click', () => { globalThis.sold = true; }));
                await page.locator('#solo').click();
                assert.equal(await page.evaluate(() => globalThis.sold), true, 'a click is the shop\'s own as long as it sells');
                await deed('mode federated');
                await says(page, `We cannot take orders right now. You can buy here instead: ${other.replace('http://', '')}`);
                assert.equal(await page.locator(`${BANNER} a`).getAttribute('href'), other);
                await leads(page, `${other}/book/9780306406157`);
                const posts = [];
                page.on('request', (request) => { if (request.method() !== 'GET' || request.url().includes('secret')) posts.push(request.url()); });
                await page.evaluate(() => { globalThis.sold = false; });
                await page.locator('#b').click();
                await page.waitForURL(`${other}/`);
                await page.goBack();
                await says(page, 'You can buy here instead');
                await page.locator('#solo').click();
                await page.waitForURL(`${other}/`);
                assert.deepEqual(posts, []);
                await page.close();
        },

        async 'when no shop can sell, that is said, and trying again leads on as soon as one can'() {
                await deed('other_shop stops');
                await says(desk, '^Buying is not possible right now. +Try again');
                assert.equal(await desk.evaluate(() => document.documentElement.dataset.paymentMode), 'none');
                await desk.locator(BUY).focus();
                await desk.keyboard.press('Enter');
                assert.equal(desk.url(), `${web}/book.html`);
                assert.equal(await desk.evaluate(() => document.activeElement.textContent), 'Try again');
                await desk.screenshot({ path: `${pictures}/closed.png`, fullPage: true });
                assert.deepEqual(await axe(desk), []);
                await desk.keyboard.press('Enter');
                await says(desk, 'Still not \\(');
                assert.equal(await desk.evaluate(() => document.activeElement.textContent), 'Try again', 'the focus stays');
                await deed('other_shop starts');
                await says(desk, 'You can buy here instead');
                assert.equal(await desk.evaluate(() => document.activeElement.textContent), 'Buy', 'the focus returns to where the buyer was');
                await leads(desk, other.includes('/', 8) ? other : `${other}/`);
        },

        async 'while nothing can be bought that is said, whatever the mode promises, and the shop is left to try'() {
                const page = await page_of('<main><h1>Shop</h1><a data-failover="checkout" href="/card" data-crypto-checkout="/coins">Buy</a></main>');
                await deed('mode crypto');
                await says(page, 'All books still available');
                await deed('coins_fail');
                await says(page, '^Buying is not possible right now. +Try again');
                assert.doesNotMatch(await banner(page), /available/);
                await leads(page, `${web}/coins`);
                await page.getByRole('button').click();
                await says(page, 'Still not \\(');
                assert.deepEqual(await axe(page), []);
                await page.screenshot({ path: `${pictures}/not-selling.png` });
                await deed('coins_are_well');
                await says(page, '^Using backup payment system. All books still available.$');
                await page.close();
        },

        async 'a file that is in a page twice shows one banner, and a path without its slash stays at its shop'() {
                const twice = `<script async src="failover.js" data-node="${node}/"></script>`.repeat(2);
                const answer = { paymentMode: 'federated', healthyNode: other, selling: 'elsewhere' };
                const page = await page_of(`<main><h1>Shop</h1><a data-failover="checkout" href="/card" data-federated-checkout="book/1">Buy</a>
                        <script type="module" src="failover.js"></script></main>`, { head: twice, before: lies(() => JSON.stringify(answer)) });
                await leads(page, `${other}/book/1`);
                assert.equal(await page.locator(BANNER).count(), 1);
                answer.paymentMode = 'primary';
                answer.selling = 'hampered';
                answer.banner = 'All is well';
                await page.reload();
                await says(page, '^Buying may fail right now.$');
                await page.close();
        },

        async 'a page outlives the node: it keeps the last mode that it knew, and says that it may be old'() {
                await deed('mode crypto');
                await says(desk, 'backup');
                assert.doesNotMatch(await banner(desk), /out of date/);
                await deed('node stops');
                await says(desk, 'backup.*This may be out of date \\(\\d');
                await leads(desk, `${web}/checkout.html#crypto`);
                const next = await open(`${web}/book.html`, { context: desk.context() });
                await says(next, 'backup.*This may be out of date \\(\\d');
                await leads(next, `${web}/checkout.html#crypto`);
                const stranger = await open(`${web}/book.html`);
                await stranger.waitForTimeout(1500); // nothing is to happen: the shop's own checkout is all that a page without a past knows
                assert.equal(await stranger.locator(BANNER).isVisible(), false);
                await leads(stranger, `${web}/checkout.html#card`);
                await next.evaluate(() => {
                        const key = Object.keys(localStorage)[0], [config] = JSON.parse(localStorage[key]);
                        localStorage[key] = JSON.stringify([config, Date.now() - 25 * 3600 * 1000]);
                });
                await next.reload();
                await next.waitForTimeout(1500);
                assert.equal(await next.locator(BANNER).isVisible(), false, 'what was so yesterday is not told');
                await deed('node starts');
                const began = performance.now();
                await Promise.all([desk, next, stranger].map((page) => says(page, 'backup[^]*available.$')));
                say(`no longer out of date ${Math.round(performance.now() - began)} ms after the node was back`);
                await next.close();
                await stranger.close();
        },

        async 'a node that takes connections and says nothing holds up no page'() {
                await deed('node hangs');
                const began = performance.now();
                const page = await open(`${web}/book.html`);
                await page.waitForLoadState('load');
                const took = Math.round(performance.now() - began);
                say(`loaded in ${took} ms beside a node that hangs`);
                assert.ok(took < 10000, `${took} ms`);
                await leads(page, `${web}/checkout.html#card`);
                await deed('node goes_on');
                await says(page, 'backup');
                await page.close();
        },

        async 'a page that nobody looks at holds no connection, and knows at once when it is looked at again'() {
                const page = await open(`${web}/book.html`, { before: watched });
                await says(page, 'backup');
                await page.waitForFunction(() => streams.length === 1 && streams[0].readyState === 1);
                await page.evaluate(() => look(false));
                assert.deepEqual(await page.evaluate(() => streams.map((s) => s.readyState)), [2]);
                await deed('mode auto');
                await desk.locator(BANNER).waitFor({ state: 'hidden' });
                assert.ok(await page.locator(BANNER).isVisible());
                await page.evaluate(() => look(true));
                await page.locator(BANNER).waitFor({ state: 'hidden' });
                assert.equal(await page.evaluate(() => streams.length), 2);
                await page.close();
        },

        async 'whatever a node says, nothing of it runs, nothing breaks, and what is no answer changes nothing'() {
                let answer = '{"paymentMode":"primary"}';
                const page = await page_of('<main><h1>Shop</h1><a data-failover="checkout" href="/card">Buy</a></main>', { before: lies(() => answer) });
                const again = () => page.evaluate(() => { document.dispatchEvent(new Event('visibilitychange')); });
                await page.waitForFunction(() => document.documentElement.dataset.paymentMode);
                for (const text of ['<script>executed=1</script>', '<img src=x onerror=executed=1>', '"><svg onload=executed=1>', '{{executed=1}}', '\u202etxet', '<iframe src=//evil>']) {
                        answer = JSON.stringify({ paymentMode: 'crypto', checkoutRoute: text, banner: `${text} end`, healthyNode: text });
                        await page.reload();
                        await says(page, 'end$');
                        assert.ok((await banner(page)).includes(text.slice(0, 10)));
                        assert.equal(await page.locator(`${BANNER} *:not(bdi)`).count(), 0);
                        await leads(page, `${web}/card`);
                }
                for (const to of ['javascript:executed=1', 'data:text/html,x', ' javascript:executed=1', '//evil', '', 7, [], { href: 'javascript:1' }]) {
                        answer = JSON.stringify({ paymentMode: 'federated', healthyNode: to });
                        await page.reload();
                        await says(page, 'Buying is not possible');
                        await page.locator(BUY).click();
                        assert.match(page.url(), /plain-\d+.html(#failover-banner)?$/);
                }
                await page.evaluate(() => localStorage.clear());
                for (const text of ['', '{', 'null', '[]', '7', '"x"', '{}', '{"paymentMode":null}', '{"paymentMode":{}}', '\u0000', 'x'.repeat(100000)]) {
                        answer = text;
                        await page.reload();
                        await again();
                        await page.waitForFunction(() => document.documentElement.dataset.paymentMode === 'primary');
                        await leads(page, `${web}/card`);
                }
                for (const kept of ['', '{', 'null', '{}', '[]', '[null,9e15]', '[{"banner":{}},9e15]']) {
                        await page.evaluate(([key, kept]) => { localStorage[key] = kept; }, [`failover ${node}`, kept]);
                        await page.reload();
                        await leads(page, `${web}/card`);
                }
                assert.equal(await page.evaluate(() => globalThis.executed), undefined);
                await page.close();
        },
};

await prove(claims);
