// Open-loop traffic: a request is due at its time, whether or not the last one has been answered, as with users.
import type { Mesh } from 'fetchmesh';

export interface Tally {
  sent: number;
  answered: number;
  lost: { readonly atMs: number; readonly reason: string }[];
  latenciesMs: number[];
}

/** Sends `perSecond` requests a second until `stop` is aborted; resolves when the last has been answered. */
export async function sendTraffic(mesh: Mesh, perSecond: number, tally: Tally, startedMs: number, stop: AbortSignal): Promise<void> {
  const underWay = new Set<Promise<void>>();
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      if (stop.aborted) {
        clearInterval(timer);
        resolve();
        return;
      }
      const due = ((performance.now() - startedMs) / 1_000) * perSecond;
      while (tally.sent < due) {
        const request = sendOne(mesh, tally, startedMs).finally(() => underWay.delete(request));
        underWay.add(request);
      }
    }, 5);
  });
  await Promise.all(underWay);
}

async function sendOne(mesh: Mesh, tally: Tally, startedMs: number): Promise<void> {
  const beganMs = performance.now();
  const number = tally.sent++;
  try {
    const response = await mesh.fetch(`http://users/users/${number % 100}`);
    await response.json();
    if (!response.ok) throw new Error(`status ${response.status}`);
    tally.answered++;
    tally.latenciesMs.push(performance.now() - beganMs);
  } catch (error) {
    tally.lost.push({ atMs: beganMs - startedMs, reason: error instanceof Error ? error.message : String(error) });
  }
}
