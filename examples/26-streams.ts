import { createMesh, standard, staticDiscovery } from 'fetchmesh';
import { serve } from './servers.js';

const url = await serve((_request, response) => {
  let count = 0;
  const timer = setInterval(() => {
    response.write(`data: ${++count}\n\n`);
    if (count < 4) return;
    clearInterval(timer);
    response.end();
  }, 100);
  response.writeHead(200, { 'content-type': 'text/event-stream' });
});

// #region stream
const mesh = createMesh({
  discovery: staticDiscovery({ models: [url] }),
  services: { models: { policies: standard({ timeoutMs: 200, bodyIdleTimeoutMs: 5_000 }) } },
});

// The headers must come within 200 ms. The body may take hours, with no pause of more than five seconds.
const response = await mesh.fetch('http://models/answer');
let events = '';
for await (const text of response.body?.pipeThrough(new TextDecoderStream()) ?? []) events += text;
// #endregion

console.log(events.split('\n').filter(Boolean)); // -> [ 'data: 1', 'data: 2', 'data: 3', 'data: 4' ]
await mesh.close();
