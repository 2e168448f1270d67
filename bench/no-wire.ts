import type { Call } from '../src/core/call.js';
import { Reply } from '../src/core/reply.js';
import type { Transport } from '../src/transport/transport.js';

/** A transport that does nothing: each request is answered at once, so that what is left is the mesh's own work. */

const BODY = Buffer.from(JSON.stringify({ id: 42, name: 'Ada Lovelace', born: '1815-12-10' }).padEnd(100));
const HEADERS = ['content-type', 'application/json', 'content-length', String(BODY.length)];

/** Answers with the one `reply` always, or with a new one of 100 bytes of JSON each time. */
export function noWire(reply?: Reply): Transport {
  return {
    connect: () => ({
      send(call: Call) {
        call.progress = 'answered';
        call.sentMs = call.nowMs;
        call.latencyMs = 1;
        return Promise.resolve(reply ?? replyWithBody());
      },
      close() {},
    }),
  };
}

/** A reply without a body, over as soon as it is there. */
export function emptyReply(): Reply {
  const reply = new Reply(200, 'OK', []);
  reply.end();
  return reply;
}

function replyWithBody(): Reply {
  const reply = new Reply(200, 'OK', HEADERS);
  reply.push(BODY);
  reply.end();
  return reply;
}
