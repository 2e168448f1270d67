import { answer } from './child.js';
import { wireServer } from './wire-server.js';

/**
 * The far end of the requests benchmark: one process that listens on four ports of the loopback interface, an
 * endpoint each, and answers every request with the same 100 bytes of JSON over a connection that stays open.
 *
 * It speaks HTTP by looking for the end of each request's head and no more. node:http needs as long for a request
 * as the fastest of the clients, so that the comparison would end at the server; this one is done in half of that.
 */

const PORTS = 4;
const BODY = JSON.stringify({ id: 42, name: 'Ada Lovelace', born: '1815-12-10' }).padEnd(100);
const HEAD = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n\r\n`;
const REPLY = Buffer.from(HEAD + BODY);

const urls = await Promise.all(Array.from({ length: PORTS }, () => wireServer((socket) => socket.write(REPLY))));
answer(urls);

/** Asked for it, tells how much of its core it has used, in microseconds since it started. */
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  answer(user + system);
});
