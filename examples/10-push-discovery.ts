import { createMesh, type Discovery } from 'fetchmesh';
import { serve, serveJson } from './servers.js';

// A registry that pushes: one line of JSON for each change.
const instance = await serveJson({ name: 'Ada' });
const registryUrl = await serve((_request, response) => response.write(`${JSON.stringify({ up: [instance], down: [] })}\n`));

// #region push
const discovery: Discovery = {
  name: 'our stream',
  watch(service, sink) {
    const controller = new AbortController();
    follow(`${registryUrl}/watch/${service}`, controller.signal).catch((error) => {
      if (!controller.signal.aborted) sink.failed(error); // a real one connects again, after a while
    });
    return () => controller.abort();

    async function follow(url: string, signal: AbortSignal): Promise<void> {
      const response = await fetch(url, { signal });
      for await (const text of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
        for (const line of text.split('\n').filter(Boolean)) {
          const { up, down } = JSON.parse(line) as { up: string[]; down: string[] };
          sink.patch({ upsert: up, remove: down }); // seen as it happened: applies at once
        }
      }
    }
  },
};
// #endregion

const mesh = createMesh({ discovery });
console.log(await (await mesh.fetch('http://users/users/42')).json()); // -> { name: 'Ada' }
await mesh.close();
