import { createServer } from 'node:http';
import type { TestContext } from 'node:test';

/** Small HTTP servers that say who they are, closed after the test. */
export async function serveReplicas(test: TestContext, count: number): Promise<{ readonly url: string; close(): void }[]> {
  const replicas: { url: string; close(): void }[] = [];
  for (let each = 0; each < count; each++) {
    const server = createServer((_, response) => response.end(`replica ${each}`));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const close = () => {
      server.close();
      server.closeAllConnections();
    };
    test.after(close);
    replicas.push({ url: `http://127.0.0.1:${address.port}`, close });
  }
  return replicas;
}
