// SPDX-License-Identifier: MIT
// How the shop takes payment now, followed as it changes: a stream of events while there is one, else asking.

const ASK_EVERY_MS = 5000;

/**
 * told(config) is called with the document of /api/config, first with what holds now and then at each change; reached(yes)
 * whenever the node begins or ceases to be reachable. Returns a function that ends it.
 */
export function followMode(node, told, reached) {
        let source, timer, last, ended = false;

        function tell(config) {
                const text = JSON.stringify(config);
                if (ended || typeof config?.paymentMode !== 'string' || text === last)
                        return;
                last = text;
                told(config);
        }

        async function ask() {
                clearTimeout(timer);
                try {
                        const answer = await fetch(`${node}/api/config`, { cache: 'no-cache' });
                        if (answer.ok)
                                tell(await answer.json());
                        reached(true);
                } catch {
                        reached(false);
                }
                if (ended || source?.readyState === EventSource.OPEN)
                        return;
                if (!source || source.readyState === EventSource.CLOSED)
                        listen();
                timer = setTimeout(ask, ASK_EVERY_MS);
        }

        function listen() {
                source = new EventSource(`${node}/events`);
                source.addEventListener('config', (event) => tell(JSON.parse(event.data)));
                source.addEventListener('open', () => {
                        clearTimeout(timer);
                        reached(true);
                });
                // The browser tries again by itself, or gives up (when it was refused): then we ask, and listen again.
                source.addEventListener('error', () => {
                        clearTimeout(timer);
                        timer = setTimeout(ask, ASK_EVERY_MS / 10);
                });
        }

        listen();
        ask();
        return () => {
                ended = true;
                clearTimeout(timer);
                source.close();
        };
}
