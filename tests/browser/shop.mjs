// SPDX-License-Identifier: MIT
// A buyer's browser on the shop's page: what is on the screen, and what is not executed.
//
// Arguments: PAGE-URL STATUS-URL
import assert from 'node:assert/strict';
import { args, deed, loads, open, pictures, prove, say, shows, watched } from './rig.mjs';

const [page_url, status_url] = args;

async function ask(page, words) {
        await page.getByLabel('Title, author or ISBN').fill(words);
        await page.keyboard.press('Enter');
}


const claims = {
        async 'the payment mode is on the screen'() {
                await shows(desk, 'payment', 'by card');
                assert.equal(await desk.locator('#banner').isVisible(), false);
                await shows(desk, 'shop-name', 'Shop alpha');
        },

        async 'a search shows this shop at once, peers as they answer, and all of them at the end'() {
                await ask(desk, 'common');
                await shows(desk, 'state', 'asking the others');
                const early = await desk.locator('#results > li').allTextContents();
                assert.ok(early.some((text) => text.includes('The Common Book of alpha')), early.join());
                await desk.locator('#results', { hasText: 'The Common Book of beta' }).waitFor();
                assert.match(await desk.locator('#state').textContent(), /asking the others/);
                await shows(desk, 'state', 'from \\d shops; not every shop answered');
                const both = desk.locator('#results > li', { hasText: 'The Common Book of all' });
                assert.equal(await both.count(), 1);
                assert.deepEqual((await both.locator('.sellers li').allTextContents()).sort(), ['Shop alpha$12.00Buy', 'Shop beta€11.50Buy']);
                await desk.locator('#missing summary').click();
                assert.match(await desk.locator('#missing').textContent(), /1 shop could not be searched.*Shop silent did not answer in time/s);
                await desk.screenshot({ path: `${pictures}/desk.png`, fullPage: true });
        },

        async 'what shops write is text'() {
                await ask(desk, 'hostile');
                await desk.locator('#results', { hasText: 'onerror' }).waitFor();
                await shows(desk, 'state', 'from \\d shops');
                const inside = await desk.evaluate(() => [...document.querySelectorAll('#results *')].map((e) => e.localName));
                assert.deepEqual([...new Set(inside)].filter((name) => !['a', 'bdi', 'button', 'h2', 'li', 'p', 'span', 'ul'].includes(name)), []);
                const links = await desk.locator('#results a').evaluateAll((all) => all.map((a) => a.protocol));
                assert.ok(links.every((protocol) => protocol === 'http:'), links.join());
                assert.equal(await desk.evaluate(() => globalThis.executed), undefined);
                // Directions that a title turns around are isolated: no price moves.
                const text = await desk.locator('#results').textContent();
                assert.ok(!/[\u0000-\u0008\u000b-\u001f\u007f]/.test(text), JSON.stringify(text));
                await desk.screenshot({ path: `${pictures}/hostile.png`, fullPage: true });
        },

        async 'a search has an address, to which one returns'() {
                await desk.locator('#max-price').fill('1');
                await ask(desk, 'common');
                await shows(desk, 'state', '^0 books');
                await desk.locator('#max-price').fill('');
                await desk.goBack();
                await shows(desk, 'state', 'book');
                assert.equal(await desk.locator('#q').inputValue(), 'hostile');
        },

        async 'a change of mode is on the screen within a second, on every page, without a reload'() {
                const before = await loads(desk);
                const began = performance.now();
                await deed('mode crypto');
                await shows(desk, 'payment', 'by crypto');
                const took = Math.round(performance.now() - began);
                await shows(desk, 'banner', 'Using backup payment system');
                assert.ok(await desk.locator('#banner').isVisible());
                assert.equal(await loads(desk), before + 1);
                say(`mode change on the screen ${took} ms after failoverctl was started`);
                assert.ok(took < 10000, `${took} ms`);
                await shows(phone, 'payment', 'by crypto');
                await shows(refused, 'payment', 'by crypto');
        },

        async 'the status page says so, too, within its own policy'() {
                const status = await open(status_url);
                await status.getByText('Using backup payment system').first().waitFor();
                await status.screenshot({ path: `${pictures}/status.png`, fullPage: true });
                assert.deepEqual(status.wrong, []);
        },

        async 'a buyer goes to the shop that sells the book, by its own id there'() {
                const buyer = await open(page_url, { before: (page) => page.route('**/checkout?**', (route) => route.fulfill({ contentType: 'text/html', body: 'till' })) });
                await ask(buyer, 'common');
                await shows(buyer, 'state', 'from \\d shops');
                const both = buyer.locator('#results > li', { hasText: 'The Common Book of all' });
                await both.getByRole('button', { name: 'Buy at Shop beta' }).dblclick();
                await buyer.waitForURL(/\/checkout\?/);
                const till = new URL(buyer.url());
                assert.equal(till.searchParams.get('book'), '2');
                assert.equal(till.searchParams.get('ref'), 'alpha');
                assert.match(till.searchParams.get('referral'), /^[0-9A-Z]{26}$/);
                await buyer.goBack();
                await shows(buyer, 'state', 'from \\d shops');
                await buyer.route('**/api/network/checkout', (route) => route.fulfill({ status: 409, contentType: 'application/json',
                        headers: { 'Access-Control-Allow-Origin': '*' }, body: '{"success":false,"error":"Shop beta cannot sell at the moment"}' }));
                await both.getByRole('button', { name: 'Buy at Shop beta' }).click();
                await shows(buyer, 'state', 'That did not work: Shop beta cannot sell');
                assert.ok(await both.getByRole('button', { name: 'Buy at Shop beta' }).isEnabled());
                assert.deepEqual(buyer.wrong, []);
                await buyer.close();
        },

        async 'it fits a phone, by night'() {
                await ask(phone, 'common');
                await shows(phone, 'state', 'from \\d shops');
                await phone.screenshot({ path: `${pictures}/phone.png`, fullPage: true });
                const { wide, light, small } = await phone.evaluate(() => ({
                        wide: document.documentElement.scrollWidth - innerWidth,
                        light: getComputedStyle(document.body).backgroundColor,
                        small: [...document.querySelectorAll('input, button')].filter((e) => e.offsetHeight && e.offsetHeight < 44).map((e) => e.id),
                }));
                assert.equal(wide, 0);
                assert.equal(light, 'rgb(23, 22, 21)');
                assert.deepEqual(small, []);
        },

        async 'a page outlives the node: it says so, keeps what it knew, and follows again'() {
                await deed('node_stops');
                await desk.locator('#live').waitFor();
                assert.match(await desk.locator('#payment').textContent(), /by crypto/);
                await ask(desk, 'common');
                await shows(desk, 'state', 'The search failed');
                await deed('mode primary');
                await deed('node_starts');
                const began = performance.now();
                await shows(desk, 'payment', 'by card');
                say(`back on the screen ${Math.round(performance.now() - began)} ms after the node was`);
                await desk.locator('#live').waitFor({ state: 'hidden' });
                await deed('mode crypto');
                await shows(desk, 'payment', 'by crypto');
                await ask(desk, 'common');
                await shows(desk, 'state', 'from \\d shops');
        },

        async 'a tab that nobody looks at holds no stream, and knows at once when it is looked at again'() {
                const page = await open(page_url, { before: watched });
                await page.waitForFunction(() => streams[0]?.readyState === 1);
                await shows(page, 'payment', 'by crypto');
                await page.evaluate(() => look(false));
                assert.deepEqual(await page.evaluate(() => streams.map((s) => s.readyState)), [2]);
                await deed('mode primary');
                await shows(desk, 'payment', 'by card');
                assert.match(await page.locator('#payment').textContent(), /by crypto/);
                await page.evaluate(() => look(true));
                await shows(page, 'payment', 'by card');
                await page.close();
        },
};

const desk = await open(page_url);
const phone = await open(page_url, { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2, colorScheme: 'dark' });
// Where streams are refused, the page asks instead.
const refused = await open(page_url, { before: (page) => page.route('**/events', (route) => route.fulfill({ status: 503, body: '' })) });
await prove(claims);
