// SPDX-License-Identifier: MIT
// A shop's pages follow how it takes payment: docs/front-end.md.
(() => {
const script = document.currentScript ?? document.querySelector('[data-node]');
const node = (script.dataset.node ?? new URL(script.src).origin).replace(/\/+$/, ''), key = `failover ${node}`;
if (document[key])
	return; // twice in the page
document[key] = true;
const texts = {
	crypto: 'You cannot pay by card right now, but by cryptocurrency.',
	federated: 'We cannot take orders right now.',
	elsewhere: 'You can buy here instead:',
	hampered: 'Buying may fail right now.',
	closed: 'Buying is not possible right now.',
	retry: 'Try again',
	still: 'Still not',
	last: 'This may be out of date',
};
let config = {}, mode = 'primary', shop, nowhere, closed; // shop: where buyers go; nowhere: there is none
let told, at, away, note = ''; // at: when we were told; away: the node is; note: of a retry
let source, open, timer, failures = 0;

const say = (name) => script.dataset[`${name}Text`] ?? texts[name];
const time = (ms) => ` (${new Date(ms).toLocaleTimeString()}).`;
const make = (name, what) => Object.assign(document.createElement(name), what);
const link = (url) => /^https?:\/\/./.test(url) ? url : '';

function adopt(what, when) {
	mode = what.paymentMode;
	config = what;
	shop = mode === 'federated' && link(what.healthyNode);
	nowhere = shop === '';
	closed = nowhere || what.selling === 'not';
	at = when;
	show();
}

function tell(what) {
	if (typeof what?.paymentMode !== 'string')
		throw what;
	told = true;
	away = false;
	failures = 0;
	try {
		localStorage[key] = JSON.stringify([what, Date.now()]);
	} catch { /* full */ }
	adopt(what, what.stale ? at : Date.now());
}

// What another page was told.
function remember(most) {
	try {
		const [what, when] = JSON.parse(localStorage[key]);
		if (!told && Date.now() - when < most) {
			away = most > 6e4;
			adopt(what, when);
		}
	} catch { /* none */ }
}

async function ask() {
	try {
		const answer = await fetch(`${node}/api/config`, { cache: 'no-cache', signal: AbortSignal.timeout?.(5000) });
		tell(answer.ok && await answer.json());
	} catch {
		away = ++failures > 1 || !told;
		show();
	}
	follow();
}

function later(ms) {
	clearTimeout(timer);
	timer = setTimeout(ask, ms * (0.75 + Math.random() / 2));
}

// A stream while the page is seen; questions while there is none, and now and then, should it die unseen.
function follow() {
	clearTimeout(timer);
	if (document.hidden)
		return source?.close();
	if (!source || source.readyState === 2) {
		open = false;
		source = new EventSource(`${node}/events`);
		source.addEventListener('config', ({ data }) => tell(JSON.parse(data)));
		source.onopen = () => open = true;
		source.onerror = () => open &&= later(500);
	}
	later(open ? 3e4 : failures ? Math.min(1e3 * 2 ** failures, 16e3) : 4e3);
}

const retry = make('button', { type: 'button', textContent: say('retry') });
let banner, ours, shown, from; // from: what had the focus before

function sentences() {
	const all = closed ? [say('closed'), retry, note] :
		config.selling === 'hampered' ? [say('hampered')] :
		config.banner ? [make('bdi', { textContent: config.banner })] :
		texts[mode] ? [say(mode)] : [];
	if (shop)
		all.push(say('elsewhere'), make('a', { href: shop, textContent: shop.replace(/^.*?:../, ''), style: 'color:inherit' }));
	if (all.length && (away || config.stale))
		all.push(say('last') + (at ? time(at) : '.'));
	return all.flatMap((one) => [one, ' ']);
}

function show() {
	const was = shown;
	shown = JSON.stringify([config, away, note]);
	if (shown === was)
		return;
	const all = sentences(), focused = retry.matches(':focus');
	banner.replaceChildren(...all);
	if (ours)
		banner.style = all.length ? 'padding:1em;background:#fff3cd;color:#533f03' : '';
	if (focused)
		(closed ? retry : from)?.focus();
	document.documentElement.dataset.paymentMode = nowhere ? 'none' : mode;
	document.querySelectorAll(CHECKOUT).forEach(route);
	document.dispatchEvent(new CustomEvent('failover', { detail: { ...config, closed, lastKnown: away } }));
}

const CHECKOUT = '[data-failover=checkout]', touched = new WeakMap();

// Where it leads now; nothing: where the shop says.
function target(e) {
	if (nowhere)
		return e.localName === 'a' ? `#${banner.id}` : null;
	const given = e.dataset[shop ? 'federatedCheckout' : config.checkoutRoute];
	return shop ? link(given) || shop + (given ? given.replace(/^\/*/, '/') : '') : given;
}

function route(e) {
	const name = e.localName === 'form' ? 'action' : 'href', now = e.getAttribute(name);
	let was = touched.get(e);
	if (was?.set !== now)
		touched.set(e, was = { own: now });
	was.set = target(e) ?? was.own;
	if (was.set !== now)
		was.set === null ? e.removeAttribute(name) : e.setAttribute(name, was.set);
}

// Items may be new, or changed. No order's data go to another shop.
function onUse(event) {
	const e = event.target.closest?.(CHECKOUT), form = e?.localName === 'form';
	if (!e)
		return;
	route(e);
	const to = e.localName !== 'a' && (shop || !form) && target(e);
	if (event.type !== (form ? 'submit' : 'click') || !nowhere && !to)
		return;
	event.preventDefault();
	event.stopImmediatePropagation();
	if (to)
		return location.assign(to);
	from = form ? event.submitter : e;
	retry.focus();
}

function begin() {
	banner = document.querySelector('[data-failover=banner]');
	ours = !banner;
	if (ours)
		document.body.prepend(banner = make('div'));
	banner.id ||= 'failover-banner';
	banner.setAttribute('role', 'status');
	retry.onclick = async () => {
		note = '…';
		show();
		await ask();
		note = closed ? say('still') + time(Date.now()) : '';
		show();
	};
	for (const type of ['pointerover', 'focusin', 'click', 'submit'])
		addEventListener(type, onUse, true);
	document.addEventListener('visibilitychange', follow);
	remember(6e4);
	setTimeout(remember, 1000, 864e5);
	ask();
}

document.readyState === 'loading' ? addEventListener('DOMContentLoaded', begin) : begin();
})();
