import zooKeeper, { type Client } from 'node-zookeeper-client';
import type { EnteredInstance } from '../support/registry-under-test.js';

/** Hundreds of answers may be due at once, on a busy machine. */
const ANSWER_MS = 30_000;

/**
 * Somebody else's hands in ZooKeeper: a client of its own, used as the package means it to be used. It writes what a
 * Java service with Curator would write.
 */
export class Hands {
  private constructor(
    readonly client: Client,
    private readonly root: string,
  ) {}

  /** Connects, and waits for the session. The package waits for ever for a server that takes it on in the middle of an election, so it is begun anew. */
  static async connect(servers: string, root = '/services', sessionTimeoutMs = 10_000): Promise<Hands> {
    for (let attempt = 1; ; attempt++) {
      const client = zooKeeper.createClient(servers, { sessionTimeout: sessionTimeoutMs, retries: 3, spinDelay: 100 });
      const isConnected = await new Promise<boolean>((resolve) => {
        const timer = setTimeout(() => resolve(false), 5_000);
        client.once('connected', () => {
          clearTimeout(timer);
          resolve(true);
        });
        client.connect();
      });
      if (isConnected) return new Hands(client, root);
      endForGood(client);
      if (attempt === 6) throw new Error(`no session with ${servers}`);
    }
  }

  get isConnected(): boolean {
    return this.client.getState() === zooKeeper.State.SYNC_CONNECTED;
  }

  /** Writes a persistent znode, or changes it. */
  async write(path: string, data: Buffer): Promise<void> {
    const exists = await this.call<unknown>((done) => this.client.exists(path, done));
    if (exists !== null) await this.call((done) => this.client.setData(path, data, done));
    else {
      await this.makeFolder(path.slice(0, path.lastIndexOf('/')));
      await this.call((done) => this.client.create(path, data, done));
    }
  }

  /** Writes many new znodes below one, several hundred on the way at a time. */
  async writeNew(folder: string, entries: readonly (readonly [name: string, data: Buffer])[]): Promise<void> {
    await this.makeFolder(folder);
    for (let start = 0; start < entries.length; start += 500) {
      const some = entries.slice(start, start + 500);
      await Promise.all(some.map(([name, data]) => this.call((done) => this.client.create(`${folder}/${name}`, data, done))));
    }
  }

  async makeFolder(path: string): Promise<void> {
    if (path !== '') await this.call((done) => this.client.mkdirp(path, done));
  }

  async delete(path: string): Promise<void> {
    await this.call((done) => this.client.remove(path, (error) => done(error, undefined)));
  }

  children(path: string): Promise<readonly string[]> {
    return this.call<readonly string[]>((done) => this.client.getChildren(path, done)).catch(() => []);
  }

  read(path: string): Promise<Buffer> {
    return this.call((done) => this.client.getData(path, done));
  }

  nodeOf(service: string, id: string): string {
    return `${this.root}/${service}/${encodeURIComponent(id)}`;
  }

  call<T>(act: (done: (error: unknown, result: T) => void) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      // The package never calls back when a session expires while it is not connected.
      const timer = setTimeout(() => reject(new Error(`no answer from ZooKeeper within ${ANSWER_MS} ms`)), ANSWER_MS);
      act((error, result) => {
        clearTimeout(timer);
        if (error === null || error === undefined) resolve(result);
        else reject(error);
      });
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.client.once('disconnected', () => resolve());
      this.leave();
    });
  }

  /** Ends it, and does not wait until the server knows. */
  leave(): void {
    endForGood(this.client);
  }
}

/**
 * Ends a client for good. One that was reconnecting may have two sockets, and the end of the second is to the package no
 * end of a closed client: it would dial for ever, also a server that is gone.
 */
function endForGood(client: Client): void {
  client.close();
  if ('connectionManager' in client) Object.assign(client.connectionManager as object, { connect: () => {} });
}

/** What Curator writes for an instance. */
export function curatorData(service: string, { id, url, weight, zone, metadata }: EnteredInstance): Buffer {
  const { protocol, hostname, port: written, pathname } = new URL(url);
  const isTls = protocol === 'https:';
  const port = Number(written || (isTls ? 443 : 80));
  const texts = { ...metadata, ...(weight !== undefined && { weight: String(weight) }), ...(zone !== undefined && { zone }) };
  return Buffer.from(
    JSON.stringify({
      name: service,
      id,
      address: hostname,
      port: isTls ? null : port,
      sslPort: isTls ? port : null,
      payload: { '@class': 'org.springframework.cloud.zookeeper.discovery.ZookeeperInstance', id, name: service, metadata: texts },
      registrationTimeUTC: 1_700_000_000_000,
      serviceType: 'DYNAMIC',
      uriSpec: {
        parts: ['scheme', '://', 'address', ':', 'port', ...(pathname === '/' ? [] : [pathname])].map((value) => ({
          value,
          variable: /^[a-z]/.test(value),
        })),
      },
    }),
  );
}
