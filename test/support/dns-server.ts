import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type Answer, AUTHORITATIVE_ANSWER, decode, encode, type Question } from 'dns-packet';

/** How a question is answered: with records, with a code, or not at all. */
export type DnsReply = 'NXDOMAIN' | 'SERVFAIL' | 'REFUSED' | 'silence' | readonly Answer[];

/** The code's place in the flags of an answer (RFC 1035 section 4.1.1). */
const CODES = { SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 } as const;

/** A service record's fields, in the order in which zone files have them. */
export type Srv = readonly [priority: number, weight: number, port: number, target: string];

/**
 * A DNS server on loopback that answers over UDP what a test scripts: names that were never heard of do not
 * exist, and names that have other records than the one asked for have none of it, as in a real zone.
 */
export class DnsServer {
  /** Every question that came, as `A users.test`. */
  readonly questions: string[] = [];
  private readonly replies = new Map<string, DnsReply>();
  private readonly held: (() => void)[] = [];
  private holding = false;

  private constructor(private readonly socket: Socket) {
    socket.on('message', (message, peer) => this.receive(message, peer));
  }

  /** Starts a server on a free port of 127.0.0.1. */
  static async start(): Promise<DnsServer> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new DnsServer(socket);
  }

  /** What goes into a resolver's list of servers. */
  get address(): string {
    return `127.0.0.1:${(this.socket.address() as AddressInfo).port}`;
  }

  /** Gives a name addresses, IPv4 and IPv6. A name given none has no address, but exists. */
  addresses(name: string, addresses: readonly string[], ttl = 60): void {
    const records = (family: 'A' | 'AAAA'): Answer[] =>
      addresses.filter((data) => data.includes(':') === (family === 'AAAA')).map((data) => ({ type: family, name, ttl, data }));
    this.reply('A', name, records('A'));
    this.reply('AAAA', name, records('AAAA'));
  }

  /** Gives a name service records. */
  services(name: string, records: readonly Srv[], ttl = 60): void {
    const answers = records.map(
      ([priority, weight, port, target]): Answer => ({ type: 'SRV', name, ttl, data: { priority, weight, port, target } }),
    );
    this.reply('SRV', name, answers);
  }

  /** Scripts the answer to one question. */
  reply(type: string, name: string, reply: DnsReply): void {
    this.replies.set(`${type} ${name}`, reply);
  }

  /** Scripts one answer to all questions about the addresses of a name. */
  replyToBoth(name: string, reply: DnsReply): void {
    this.reply('A', name, reply);
    this.reply('AAAA', name, reply);
  }

  /** Holds all answers back until `release`. */
  hold(): void {
    this.holding = true;
  }

  release(): void {
    this.holding = false;
    for (const send of this.held.splice(0)) send();
  }

  /** How often a question came, or all of them. */
  count(question?: string): number {
    return question === undefined ? this.questions.length : this.questions.filter((each) => each === question).length;
  }

  close(): void {
    this.socket.close();
  }

  private receive(message: Buffer, peer: RemoteInfo): void {
    const { id, questions = [] } = decode(message);
    const [question] = questions;
    if (question === undefined) return;
    const key = `${question.type} ${question.name.toLowerCase()}`;
    this.questions.push(key);
    const send = (): void => {
      const packet = this.answer(id, question, key);
      if (packet !== undefined) this.socket.send(packet, peer.port, peer.address);
    };
    if (this.holding) this.held.push(send);
    else send();
  }

  private answer(id: number | undefined, question: Question, key: string): Buffer | undefined {
    const reply = this.replies.get(key) ?? (this.exists(question.name) ? [] : 'NXDOMAIN');
    if (reply === 'silence') return undefined;
    const code = typeof reply === 'string' ? CODES[reply] : 0;
    const answers = typeof reply === 'string' ? [] : [...reply];
    return encode({ type: 'response', id: id ?? 0, flags: AUTHORITATIVE_ANSWER | code, questions: [question], answers });
  }

  private exists(name: string): boolean {
    const suffix = ` ${name.toLowerCase()}`;
    for (const key of this.replies.keys()) if (key.endsWith(suffix)) return true;
    return false;
  }
}
