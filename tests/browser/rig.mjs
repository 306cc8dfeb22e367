// SPDX-License-Identifier: MIT
// What the browser tests share: a browser, pages that remember what went wrong on them, deeds asked of the shell (rig.sh), and claims.
//
// Each is run as `node NAME.mjs MODULES PICTURES-FOLDER ARGUMENT...`; it asks whoever started it for a deed by `do DEED` on stdout, and goes
// on at the line that comes back.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const [modules, folder, ...given] = process.argv.slice(2);
export const load = createRequire(`${modules}/`);
export const pictures = folder;
export const args = given;
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const patience = 30000; // as in e2e/lib.sh

export async function deed(words) {
        console.log(`do ${words}`);
        const { value } = await answers.next();
        assert.equal(value, 'done', words);
}

export function say(words) {
        console.log(`say ${words}`);
}

export const browser = await load('playwright-core').chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
        args: ['--no-sandbox', '--disable-gpu'] });
const pages = [];

/** A page of its own context, and what went wrong on it: errors, dialogs, what the policy stopped, requests to where `evil` is in the address. */
export async function open(address, options = {}) {
        const context = options.context ?? await browser.newContext({ viewport: { width: 1100, height: 800 }, ...options });
        const page = await context.newPage();
        page.wrong = [];
        page.setDefaultTimeout(patience);
        page.on('pageerror', (error) => page.wrong.push(`error: ${error.message}`));
        page.on('dialog', (dialog) => { page.wrong.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
        page.on('console', (message) => { if (/Content Security|CORS/.test(message.text())) page.wrong.push(message.text()); });
        page.on('request', (request) => { if (/evil/.test(request.url())) page.wrong.push(`request: ${request.url()}`); });
        pages.push(page);
        await options.before?.(page);
        if (address)
                await page.goto(address);
        return page;
}

/** The element with this id has a text that matches. */
export async function shows(page, id, text) {
        await page.waitForFunction(([id, text]) => new RegExp(text).test(document.getElementById(id).textContent), [id, text], { polling: 20 });
}

/** How often the document was loaded: a page that is followed is never loaded again. */
export const loads = (page) => page.evaluate(() => performance.getEntriesByType('navigation').length + (globalThis.loaded = (globalThis.loaded ?? 0) + 1));

/** Before a page is loaded: it can be told that nobody looks at it, by look(false), and its event streams are in `streams`. */
export const watched = (page) => page.addInitScript(() => {
        const streams = globalThis.streams = [], Real = EventSource;
        globalThis.EventSource = class extends Real { constructor(...given) { super(...given); streams.push(this); } };
        globalThis.look = (yes) => {
                Object.defineProperty(document, 'hidden', { configurable: true, get: () => !yes });
                document.dispatchEvent(new Event('visibilitychange'));
        };
});

/** What axe-core has against the page as it is. */
export async function axe(page) {
        await page.evaluate(await readFile(load.resolve('axe-core/axe.min.js'), 'utf8')); // no part of the page, so no policy stops it
        const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ['violations'] }));
        return violations.flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.target.join(' ')}: ${n.failureSummary}`));
}

/** Proves each in turn, and ends the process: 0 when all hold and nothing went wrong on any page that was expected to be fine. */
export async function prove(claims) {
        for (const [claim, proof] of Object.entries(claims)) {
                const began = performance.now();
                try {
                        await proof();
                } catch (error) {
                        console.error(`not so: ${claim}\n${error.stack}`);
                        for (const [i, page] of pages.entries()) {
                                if (page.isClosed())
                                        continue;
                                await page.screenshot({ path: `${pictures}/failed-${i}.png`, fullPage: true }).catch(() => {});
                                console.error(`on page ${i}, ${page.url()}: ${page.wrong.join('; ')}\n${await page.locator('body').innerText().catch(() => '?')}`);
                        }
                        process.exit(1);
                }
                say(`ok: ${claim} (${((performance.now() - began) / 1000).toFixed(1)} s)`);
        }
        assert.deepEqual(pages.flatMap((page) => page.wrong), []);
        await browser.close();
        process.exit(0);
}
