// SPDX-License-Identifier: MIT
// How the shop takes payment now, followed as it changes: a stream of events while there is one, else asking.

const ASK_FIRST_MS = 500, ASK_LAST_MS = 5000; // the pause grows between the two, so that a node that comes back is not run over

/**
 * told(config) is called with the document of /api/config, first with what holds now and then at each change; reached(yes)
 * whenever the node begins or ceases to be reachable. Returns a function that ends it.
 */
export function followMode(node, told, reached) {
        let source, timer, last, pause = ASK_FIRST_MS, ended = false;

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
                if (ended || document.hidden || source?.readyState === EventSource.OPEN)
                        return;
                if (!source || source.readyState === EventSource.CLOSED)
                        listen();
                askLater();
        }

        function askLater() {
                clearTimeout(timer);
                timer = setTimeout(ask, pause * (0.75 + Math.random() / 2));
                pause = Math.min(2 * pause, ASK_LAST_MS);
        }

        function listen() {
                source = new EventSource(`${node}/events`);
                source.addEventListener('config', (event) => tell(JSON.parse(event.data)));
                source.addEventListener('open', () => {
                        clearTimeout(timer);
                        pause = ASK_FIRST_MS;
                        reached(true);
                });
                // The browser tries again by itself, or gives up (when it was refused): then we ask, and listen again.
                source.addEventListener('error', askLater);
        }

        // No stream for a tab that nobody looks at: browsers allow a site six connections, in all tabs together.
        function onSeen() {
                if (!document.hidden)
                        return ask();
                clearTimeout(timer);
                source?.close();
        }

        document.addEventListener('visibilitychange', onSeen);
        if (!document.hidden)
                listen();
        ask();
        return () => {
                ended = true;
                document.removeEventListener('visibilitychange', onSeen);
                clearTimeout(timer);
                source?.close();
        };
}
