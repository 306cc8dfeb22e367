// SPDX-License-Identifier: MIT
// One question to the node, and its answer as it comes: this shop's books first, then each peer's, then all of them ranked.

/** Server-sent events out of a body: yields {event, data}. EventSource could not tell a refusal, nor be aborted. */
async function* events(body) {
        const reader = body.pipeThrough(new TextDecoderStream()).getReader();
        let text = '', event = 'message', data = '';

        for (;;) {
                const { value, done } = await reader.read();
                if (done)
                        return;
                text += value;
                const lines = text.split(/\r\n|\n|\r(?!$)/);
                text = lines.pop();
                for (const line of lines) {
                        if (line === '') {
                                if (data)
                                        yield { event, data };
                                event = 'message';
                                data = '';
                        } else if (line.startsWith('event:'))
                                event = line.slice(6).trim();
                        else if (line.startsWith('data:'))
                                data += (data && '\n') + line.slice(5).trim();
                }
        }
}

/**
 * Asks the node and calls on.local(answer), on.peer(answer) as they come, and on.done(answer) with the whole. Rejects with what
 * is to be told to people; with AbortError when signal says so.
 */
export async function search(node, parameters, on, signal) {
        const answer = await fetch(`${node}/api/network/search?${new URLSearchParams(parameters)}`,
                { headers: { Accept: 'text/event-stream' }, cache: 'no-store', signal });
        if (!answer.ok) {
                const said = await answer.json().catch(() => ({}));
                throw new Error(said.error ?? `the shop answered ${answer.status}`);
        }
        let whole = false;
        for await (const { event, data } of events(answer.body)) {
                const told = JSON.parse(data);
                if (event === 'error')
                        throw new Error(told.error);
                on[event]?.(told);
                whole ||= event === 'done';
        }
        if (!whole)
                throw new Error('the connection to the shop broke');
}
