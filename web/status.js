// SPDX-License-Identifier: MIT
// Keeps an open status page true: hears of changes of mode from federationd's /events, looks again now and then, and says so when
// what stands here is too old. Without it the page is right as it was written.
(() => {
  'use strict';
  const LOOK_MS = 10000, ANSWER_MS = 6000, LISTEN_MS = 5000, SOON_MS = [0, 250, 500, 800, 1200, 2000, 4000], DAYS = 90;
  const byId = (id) => document.getElementById(id);
  const stale = byId('stale'), told = byId('told'), tip = byId('tip');
  const served = location.protocol.startsWith('http');
  let behind = 0; // ms by which the reader's clock is behind the server's
  let asked = !served; // before that, a page that seems old may only mean that the reader's clock is fast
  let missed = 0, timer, soon = [], pointed = false;

  // --- how old it is ---

  function duration(seconds) {
    const units = stale.dataset.units.split('|'), sizes = [86400, 3600, 60, 1];
    const i = Math.max(0, sizes.findIndex((size, k) => seconds >= size || k === 3));
    return units[i].replace('{n}', String(Math.floor(seconds / sizes[i])));
  }

  const ageNow = () => Math.floor((Date.now() + behind - Date.parse(byId('main').dataset.made)) / 1000);
  const isOld = () => ageNow() > Number(byId('main').dataset.fresh);

  function judgeAge() {
    const words = isOld() && asked ? stale.dataset.stale.replace('{age}', duration(ageNow())) : missed > 1 ? stale.dataset.unreachable : '';
    if (stale.textContent !== words)
      stale.textContent = words;
    stale.hidden = !words;
    document.body.classList.toggle('old', Boolean(words)); // what stands below is not to be taken for what is
    showSign(Boolean(words));
  }

  // In the list of tabs, too.
  const icon = document.querySelector('link[rel="icon"]');
  let sign = [document.title, icon.href];

  function showSign(old) {
    const [title, href] = old ? [stale.dataset.title, sign[1].replace(/%23[0-9a-f]{6}/, '%235b6470')] : sign;
    if (document.title !== title)
      document.title = title;
    if (icon.href !== href)
      icon.href = href;
  }

  // --- the newest page in place of this one ---

  // What stands in its place in another page: by its id, else by its words in what has one, else where it stood there.
  function finder(e) {
    const home = e.closest('[id]'), all = () => [...byId(home.id)?.querySelectorAll(e.localName) ?? []], at = all().indexOf(e);
    return () => {
      const found = e === home ? byId(e.id) : all().find((other) => other.textContent === e.textContent) ?? all()[at];
      return found ?? byId('main');
    };
  }

  function replace(text) {
    const page = new DOMParser().parseFromString(text, 'text/html');
    const main = page.getElementById('main'), old = byId('main');
    if (!main || main.dataset.made === old.dataset.made)
      return;
    if (['script', 'style'].some((name) => page.querySelector(name).textContent !== document.querySelector(name).textContent)) {
      location.reload();
      return;
    }
    const before = byId('now').textContent, again = old.contains(document.activeElement) ? finder(document.activeElement) : null;
    for (const details of old.querySelectorAll('details[id]')) {
      const same = main.querySelector('#' + details.id);
      if (same)
        same.open = details.open;
    }
    hideTip();
    old.replaceWith(main);
    sign = [page.title, page.querySelector('link[rel="icon"]').href];
    enliven();
    again?.()?.focus({ preventScroll: true });
    if (byId('now').textContent !== before) {
      soon.forEach(clearTimeout);
      told.textContent = stale.dataset.changed.replace('{headline}', byId('now').textContent);
    }
  }

  async function look() {
    clearTimeout(timer);
    timer = setTimeout(look, LOOK_MS);
    try {
      const answer = await fetch(location.pathname, { cache: 'no-cache', signal: AbortSignal.timeout?.(ANSWER_MS) });
      const date = Date.parse(answer.headers.get('Date'));
      if (date)
        behind = date - Date.now();
      if (!answer.ok)
        throw new Error(String(answer.status));
      missed = 0;
      replace(await answer.text());
    } catch {
      missed++;
    }
    asked = true;
    judgeAge();
  }

  // The page is written a moment after the mode has changed.
  function lookSoon() {
    soon.forEach(clearTimeout);
    soon = SOON_MS.map((ms) => setTimeout(look, ms));
  }

  // Only while the page is seen: browsers allow a site six connections, in all tabs together.
  let source, heard, again, pause = LISTEN_MS;

  function listen() {
    clearTimeout(again);
    if (document.hidden) {
      heard = false;
      source?.close();
      return;
    }
    if (source && source.readyState !== EventSource.CLOSED)
      return;
    source = new EventSource('../events');
    source.addEventListener('open', () => { pause = LISTEN_MS; });
    source.addEventListener('config', () => {
      if (heard)
        lookSoon();
      heard = true;
    });
    source.addEventListener('error', ({ target }) => {
      if (target.readyState !== EventSource.CLOSED)
        return;
      again = setTimeout(listen, pause * (0.75 + Math.random() / 2));
      pause = Math.min(2 * pause, 300000);
    });
  }

  // --- the day under the pointer, or chosen by the keys ---

  function hideTip() {
    tip.hidden = true;
  }

  // Where the days have no words of their own: what their colour says.
  function kindWords(bar, day) {
    const covers = (path) => [...path.getAttribute('d').matchAll(/M(\d+) \d+h(\d+)/g)].some(([, at, n]) => day >= Number(at) && day < Number(at) + Number(n));
    const kind = [...bar.querySelectorAll('path')].find(covers)?.getAttribute('class') ?? 'u';
    return kind === 'u' ? stale.dataset.clean : document.querySelector('.legend .' + kind).textContent;
  }

  function dayWords(bar, day) {
    const row = [...bar.parentNode.querySelectorAll('.days li')].find(({ dataset: { at, n = 1 } }) => day >= Number(at) && day < Number(at) + Number(n));
    if (row && !row.dataset.n)
      return row.textContent;
    const words = row ? row.textContent.slice(row.textContent.indexOf(': ') + 2) : kindWords(bar, day);
    const date = new Date(Date.parse(bar.dataset.from) + day * 86400000);
    const parts = { day: date.getUTCDate(), month: stale.dataset.months.split('|')[date.getUTCMonth()], year: date.getUTCFullYear() };
    return stale.dataset.date.replace(/\{(\w+)\}/g, (_, name) => parts[name]) + ': ' + words;
  }

  // On a narrow screen the older half is out of sight.
  const firstSeen = (bar) => bar.firstElementChild.clientWidth > bar.clientWidth * 1.5 ? DAYS / 2 : 0;
  const rtl = () => document.documentElement.dir === 'rtl';

  function showDay(bar, day) {
    const box = bar.firstElementChild.getBoundingClientRect(), words = dayWords(bar, day);
    bar.setAttribute('aria-valuenow', String(day + 1));
    bar.setAttribute('aria-valuetext', words);
    tip.textContent = words;
    tip.hidden = false;
    const middle = box.left + box.width * ((rtl() ? DAYS - 1 - day : day) + 0.5) / DAYS, width = tip.offsetWidth;
    tip.style.left = Math.max(8, Math.min(middle - width / 2, document.documentElement.clientWidth - width - 8)) + scrollX + 'px';
    tip.style.top = box.top + scrollY - tip.offsetHeight - 6 + 'px';
  }

  function dayAt(bar, event) {
    const box = bar.firstElementChild.getBoundingClientRect(), share = (event.clientX - box.left) / box.width;
    const day = Math.min(DAYS - 1, Math.max(0, Math.floor(share * DAYS)));
    return rtl() ? DAYS - 1 - day : day;
  }

  function onKey(bar, event) {
    const on = rtl() ? -1 : 1;
    const steps = { ArrowLeft: -on, ArrowRight: on, ArrowDown: -1, ArrowUp: 1, PageDown: -7, PageUp: 7, Home: -DAYS, End: DAYS };
    if (event.key === 'Escape')
      hideTip();
    if (!(event.key in steps))
      return;
    event.preventDefault();
    const day = Number(bar.getAttribute('aria-valuenow')) - 1 + steps[event.key];
    showDay(bar, Math.min(DAYS - 1, Math.max(firstSeen(bar), day)));
  }

  // What is shown at once must not wait for five hundred bars: each is made ready in full when somebody comes to it.
  function enliven() {
    for (const bar of document.querySelectorAll('.bar')) {
      const picture = bar.firstElementChild;
      const set = { role: 'slider', tabindex: 0, 'aria-label': picture.getAttribute('aria-label'), 'aria-valuemin': 1, 'aria-valuemax': DAYS, 'aria-valuenow': DAYS };
      for (const name in set)
        bar.setAttribute(name, String(set[name]));
      picture.setAttribute('aria-hidden', 'true');
    }
  }

  function onCome({ target }) {
    const bar = target.closest('.bar'), time = target.closest('time');
    if (time && !time.title) // and where the reader is
      time.title = new Date(time.dateTime).toLocaleString(document.documentElement.lang, { dateStyle: 'full', timeStyle: 'long' });
    bar?.querySelectorAll('title').forEach((title) => title.remove()); // else both are shown
    return bar;
  }

  function onPointer(event) {
    const bar = event.type === 'pointerleave' ? null : onCome(event);
    if (bar)
      showDay(bar, dayAt(bar, event));
    else if (pointed)
      hideTip();
    pointed = Boolean(bar);
  }

  document.addEventListener('pointermove', onPointer);
  document.addEventListener('click', onPointer); // a finger need not move, and brings the focus first
  document.documentElement.addEventListener('pointerleave', (event) => event.pointerType === 'mouse' && onPointer(event));
  document.addEventListener('focusin', (event) => {
    const bar = onCome(event);
    if (bar?.matches(':focus-visible'))
      showDay(bar, Number(bar.getAttribute('aria-valuenow')) - 1);
  });
  document.addEventListener('focusout', hideTip);
  document.addEventListener('keydown', (event) => {
    if (event.target.matches('.bar'))
      onKey(event.target, event);
    else if (event.key === 'Escape')
      hideTip();
  });

  enliven();
  judgeAge();
  setInterval(judgeAge, 5000);
  if (served) {
    document.addEventListener('visibilitychange', () => {
      listen();
      if (!document.hidden)
        look();
    });
    timer = setTimeout(look, isOld() ? 0 : LOOK_MS);
    listen();
  }
})();
