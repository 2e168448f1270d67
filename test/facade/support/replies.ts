import { Reply } from '../../../src/core/reply.js';
import { type MeshResponse as MeshResponseType, meshResponseClass } from '../../../src/facade/response.js';

const MeshResponse = meshResponseClass();

/** Header names and values in turn, as bytes, which is how the wire has them. */
export function rawHeaders(headers: Readonly<Record<string, string>>): Buffer[] {
  return Object.entries(headers).flatMap(([name, value]) => [Buffer.from(name, 'latin1'), Buffer.from(value, 'latin1')]);
}

/** A reply whose far end is played by the test, and what it was asked to do. */
export function openReply(headers: Readonly<Record<string, string>> = {}, status = 200): { reply: Reply; asked: string[] } {
  const asked: string[] = [];
  const reply = new Reply(status, 'OK', rawHeaders(headers), {
    resume: () => asked.push('resume'),
    abort: (reason) => asked.push(`abort ${String(reason)}`),
  });
  return { reply, asked };
}

/** A reply that is all here. */
export function wholeReply(body: string | Uint8Array = '', headers: Readonly<Record<string, string>> = {}, status = 200): Reply {
  const { reply } = openReply(headers, status);
  if (body.length > 0) reply.push(Buffer.from(body));
  reply.end();
  return reply;
}

/** A response whose body is all here. */
export function whole(body: string | Uint8Array = '', headers: Readonly<Record<string, string>> = {}, status = 200): MeshResponseType {
  return new MeshResponse(wholeReply(body, headers, status), 'http://users/42', false);
}

/** A response whose body the test plays. */
export function open(headers: Readonly<Record<string, string>> = {}): { response: MeshResponseType; reply: Reply; asked: string[] } {
  const { reply, asked } = openReply(headers);
  return { response: new MeshResponse(reply, 'http://users/42', false), reply, asked };
}
