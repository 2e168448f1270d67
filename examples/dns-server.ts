// A DNS server on loopback that knows one name, for the example of `dnsDiscovery`.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { decode, encode } from 'dns-packet';

/** Answers questions for the A record of `name`; gives its address, such as `127.0.0.1:49152`. */
export async function serveDns(name: string, address: string): Promise<string> {
  const socket = createSocket('udp4');
  socket.on('message', (bytes, { port, address: client }) => {
    const { id, questions = [] } = decode(bytes);
    const [question] = questions;
    const known = question?.name === name && question.type === 'A';
    const answers = known ? [{ type: 'A', name, ttl: 30, data: address } as const] : [];
    socket.send(encode({ type: 'response', ...(id === undefined ? {} : { id }), questions, answers }), port, client);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  socket.unref();
  return `127.0.0.1:${socket.address().port}`;
}
