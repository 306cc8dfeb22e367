// SPDX-License-Identifier: MIT
// The page: puts on the screen what mode.js and search.js hear. Whatever shops say is text here, never markup.

import { followMode } from './mode.js';
import { checkout } from './checkout.js';
import { search } from './search.js';

const node = document.querySelector('meta[name=node]').content.replace(/\/+$/, '');
const $ = (id) => document.getElementById(id);
const pays = { primary: 'by card', crypto: 'by cryptocurrency', federated: 'at another shop of the network' };

function element(name, className, ...children) {
        const e = document.createElement(name);
        e.className = className;
        e.append(...children);
        return e;
}

/** What others wrote: no control characters, and isolated, so that its direction does not turn what stands around it. */
function foreign(name, className, text) {
        const plain = String(text ?? '').replace(/\p{Cc}+/gu, ' ');
        const e = element(name, className, element('bdi', '', plain));
        e.dir = 'auto';
        return e;
}

/** An address that may be followed, or null: no javascript:, no data:. */
function link(address) {
        try {
                const url = new URL(address);
                return url.protocol === 'https:' || url.protocol === 'http:' ? url.href : null;
        } catch {
                return null;
        }
}

function price(seller) {
        if (typeof seller.price !== 'number' || !Number.isFinite(seller.price))
                return 'ask for the price';
        try {
                return new Intl.NumberFormat(document.documentElement.lang, { style: 'currency', currency: seller.currency }).format(seller.price);
        } catch {
                return `${seller.price} ${seller.currency}`;
        }
}

// ---- how one pays

function showMode(config) {
        const elsewhere = config.paymentMode === 'federated' ? link(config.healthyNode) : null;
        $('payment').textContent = pays[config.paymentMode] ?? config.paymentMode;
        if (elsewhere)
                $('payment').append(': ', Object.assign(foreign('a', '', config.healthyNode), { href: elsewhere, rel: 'noopener' }));
        $('banner').textContent = config.banner ?? '';
        $('banner').hidden = !config.banner;
        $('stale').hidden = !config.stale;
        document.documentElement.dataset.mode = config.paymentMode;
}

// ---- what is found

let asking, settled = [], shown = [], touched = false;

function sellersOf(book) {
        return Array.isArray(book.sellers) && book.sellers.length ? book.sellers : [book];
}

/** Goes to the shop that sells it, once, however often it is pressed. */
async function buy(button, book, seller) {
        const words = button.textContent;
        button.disabled = true;
        button.textContent = 'One moment …';
        try {
                const answer = await checkout(node, {
                        bookId: seller.bookId ?? book.id,
                        sourceNodeId: seller.source_node ?? book.source_node ?? seller.storeId ?? book.storeId,
                });
                const url = link(answer.checkoutUrl);
                if (!url)
                        throw new Error('the shop has no checkout');
                location.assign(url);
        } catch (error) {
                $('state').textContent = `That did not work: ${error.message}.`;
                button.disabled = false;
        }
        button.textContent = words;
}

function buyButton(book, seller, name) {
        const button = Object.assign(element('button', 'buy', 'Buy'), { type: 'button' });
        button.setAttribute('aria-label', `Buy at ${String(name).replace(/\p{Cc}+/gu, ' ')}`);
        button.addEventListener('click', () => buy(button, book, seller));
        return button;
}

/** A shop that did not answer is found in the copy of its catalog: its price is of then, and whether it has the book is not known. */
function copyMark(seller) {
        const then = new Date(seller.asOf);
        if (Number.isNaN(then.getTime()))
                return element('span', 'copy', 'price from earlier');
        const day = new Intl.DateTimeFormat(document.documentElement.lang, { day: 'numeric', month: 'short' }).format(then);
        return element('span', 'copy', `price as of ${day}`);
}

function showSeller(book, seller) {
        const name = seller.source_name || seller.storeName || 'this shop';
        const url = link(seller.source_url ?? seller.storeUrl ?? '');
        const who = url ? Object.assign(foreign('a', '', name), { href: url, rel: 'noopener nofollow' }) : foreign('span', '', name);
        const row = element('li', '', who, element('span', 'price', price(seller)));
        if (seller.copy === true)
                row.append(copyMark(seller));
        if ((seller.bookId ?? book.id) !== undefined)
                row.append(buyButton(book, seller, name));
        return row;
}

function showBook(book) {
        const item = element('li', '', foreign('h2', '', book.title));
        if (book.author)
                item.append(foreign('p', 'author', book.author));
        item.append(element('ul', 'sellers', ...sellersOf(book).map((seller) => showSeller(book, seller))));
        return item;
}

function show(books) {
        shown = books;
        $('results').replaceChildren(...books.map(showBook));
}

function add(books) {
        shown = shown.concat(books);
        $('results').append(...books.map(showBook));
}

function count(n, one, many) {
        return `${n} ${n === 1 ? one : many}`;
}

const why = { timeout: 'did not answer in time', error: 'could not answer', skipped: 'was not asked, since it failed lately' };

function showMissing(peers) {
        const missing = peers.filter((peer) => why[peer.status]);
        $('missing').hidden = missing.length === 0;
        $('missing').querySelector('summary').textContent =
                `${count(missing.length, 'shop', 'shops')} could not be searched just now`;
        $('missing').querySelector('ul').replaceChildren(...missing.map((peer) =>
                element('li', '', foreign('span', '', peer.name ?? peer.id), ` ${why[peer.status]}`)));
}

/** The whole answer. Who is reading already keeps the order on the screen until asked. */
function finish(answer) {
        const peers = answer.peers ?? [];
        const answered = peers.filter((peer) => peer.status === 'ok' || peer.status === 'empty').length;
        settled = answer.results;
        $('state').textContent = `${count(settled.length, 'book', 'books')} from ${count(answered + 1, 'shop', 'shops')}` +
                (answer.complete ? '' : '; not every shop answered');
        showMissing(peers);
        if (touched && shown.length) {
                $('rerank').hidden = false;
                return;
        }
        show(settled);
}

async function ask(parameters) {
        asking?.abort();
        const mine = asking = new AbortController();
        touched = false;
        show([]);
        $('rerank').hidden = $('missing').hidden = true;
        $('results').setAttribute('aria-busy', 'true');
        $('state').textContent = 'Searching …';
        try {
                await search(node, parameters, {
                        local: (answer) => {
                                add(answer.local);
                                $('state').textContent = `${count(answer.local.length, 'book', 'books')} in this shop; asking the others …`;
                        },
                        peer: (answer) => add(answer.network ?? []),
                        done: finish,
                }, mine.signal);
        } catch (error) {
                if (error.name !== 'AbortError')
                        $('state').textContent = `The search failed: ${error.message}.`;
        } finally {
                if (asking === mine)
                        $('results').removeAttribute('aria-busy');
        }
}

// ---- the form; a search has an address of its own

function parametersFrom(form) {
        return Object.fromEntries([...new FormData(form)].filter(([, value]) => value.trim()));
}

function askFromAddress() {
        const given = new URLSearchParams(location.search);
        $('q').value = given.get('q') ?? '';
        $('max-price').value = given.get('maxPrice') ?? '';
        if ($('q').value)
                ask(parametersFrom($('search')));
}

$('search').addEventListener('submit', (event) => {
        event.preventDefault();
        const parameters = parametersFrom($('search'));
        history.pushState(null, '', `?${new URLSearchParams(parameters)}`);
        if (matchMedia('(pointer: coarse)').matches)
                $('q').blur(); // the keyboard on the screen makes room for what is found
        ask(parameters);
});
$('rerank').addEventListener('click', () => {
        $('rerank').hidden = true;
        show(settled);
        $('results').focus();
});
for (const sign of ['pointerdown', 'focusin'])
        $('results').addEventListener(sign, () => { touched = true; });
addEventListener('scroll', () => { touched ||= shown.length > 0; }, { passive: true });
addEventListener('popstate', askFromAddress);

followMode(node, showMode, (yes) => { $('live').hidden = yes; });
fetch(`${node}/api/store/info`).then((answer) => answer.json()).then(({ store }) => {
        $('shop-name').textContent = document.title = store.name;
        $('tagline').textContent = store.tagline ?? '';
}).catch(() => {});
askFromAddress();
