// SPDX-License-Identifier: MIT
// A shop's pages follow how it takes payment: docs/front-end.md.
(() => {
const script = document.currentScript ?? document.querySelector('[data-node]');
const node = (script.dataset.node ?? new URL(script.src).origin).replace(/\/+$/, ''), key = `failover ${node}`;
const texts = {
	crypto: 'Card payment is not possible right now. You can pay by crypto currency.',
	federated: 'We cannot take orders right now.',
	elsewhere: 'You can buy here instead:',
	closed: 'Buying is not possible right now.',
	retry: 'Try again',
	still: 'Still not',
	last: 'This may be out of date',
};
let config = {}, mode = 'primary', federated, shop, closed; // where buyers go; there is none
let told, at = 0, away, note = ''; // at: when we were told; away: the node is; note: what came of trying again
let source, open, timer, failures = 0;

const say = (name) => script.dataset[`${name}Text`] ?? texts[name];
const time = (ms) => ` (${new Date(ms).toLocaleTimeString()}).`;
const make = (name, what) => Object.assign(document.createElement(name), what);
const link = (address) => /^https?:\/\/./.test(address) ? address : '';

function adopt(what, when) {
	mode = what.paymentMode;
	config = what;
	federated = mode === 'federated';
	shop = link(what.healthyNode);
	closed = federated && !shop;
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
		localStorage[key] = JSON.stringify({ config: what, at: Date.now() });
	} catch { /* full */ }
	adopt(what, what.stale ? at : Date.now());
}

/** What another page was told. */
function remember(most) {
	try {
		const kept = JSON.parse(localStorage[key]);
		if (!told && Date.now() - kept.at < most) {
			away = most > 6e4;
			adopt(kept.config, kept.at);
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

/** A stream while the page is seen; questions while it has none, and now and then in case it died unseen. */
function follow() {
	clearTimeout(timer);
	if (document.hidden)
		return source?.close();
	if (!source || source.readyState === 2) {
		open = false;
		source = new EventSource(`${node}/events`);
		source.addEventListener('config', (event) => tell(JSON.parse(event.data)));
		source.onopen = () => { open = true; };
		source.onerror = () => {
			if (open)
				later(500);
			open = false;
		};
	}
	later(open ? 3e4 : failures ? Math.min(1e3 * 2 ** failures, 16e3) : 4e3);
}

const retry = make('button', { type: 'button', textContent: say('retry') });
let banner, ours, shown, from; // from: who had the focus before `retry`

function sentences() {
	const all = [];
	if (config.banner)
		all.push(make('bdi', { textContent: config.banner }));
	else if (texts[mode] && !closed)
		all.push(say(mode));
	if (closed)
		all.push(say('closed'), retry, note);
	else if (federated)
		all.push(say('elsewhere'), make('a', { href: shop, textContent: shop.replace(/^.*?:../, ''), style: 'color:inherit' }));
	if (all.length && (away || config.stale))
		all.push(say('last') + (at ? time(at) : '.'));
	return all.flatMap((sentence) => [sentence, ' ']);
}

function show() {
	const was = shown;
	shown = JSON.stringify([config, away, note]);
	if (shown === was)
		return;
	const all = sentences(), focused = document.activeElement === retry;
	banner.replaceChildren(...all);
	if (ours)
		banner.style = all.length ? 'padding:1em;background:#fff3cd;color:#533f03' : '';
	if (focused)
		(closed ? retry : from)?.focus();
	document.documentElement.dataset.paymentMode = closed ? 'none' : mode;
	document.querySelectorAll(CHECKOUT).forEach(route);
	document.dispatchEvent(new CustomEvent('failover', { detail: { ...config, closed, lastKnown: away } }));
}

const CHECKOUT = '[data-failover=checkout]', touched = new WeakMap();

/** Where it leads now; undefined: where the shop says. */
function target(e) {
	if (closed)
		return e.localName === 'a' ? `#${banner.id}` : undefined;
	const given = e.dataset[federated ? 'federatedCheckout' : config.checkoutRoute];
	return federated ? link(given) || shop + (given ?? '') : given;
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

/** Items may be new, or changed. No order's data go to another shop. */
function onUse(event) {
	const e = event.target.closest?.(CHECKOUT), form = e?.localName === 'form';
	if (!e)
		return;
	route(e);
	const to = e.localName !== 'a' && (federated || !form) && target(e);
	if (event.type !== (form ? 'submit' : 'click') || !closed && !to)
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
		document.addEventListener(type, onUse, true);
	document.addEventListener('visibilitychange', follow);
	remember(6e4);
	setTimeout(remember, 1000, 864e5);
	ask();
}

document.readyState === 'loading' ? document.addEventListener('DOMContentLoaded', begin) : begin();
})();
