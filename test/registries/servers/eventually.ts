import { setTimeout as delay } from 'node:timers/promises';

/** Asks until the answer is true, every `everyMs`; an error counts as no. Throws after `withinMs`, with the last error as the cause. */
export async function eventually(
  what: string,
  holds: () => boolean | Promise<boolean>,
  { withinMs = 30_000, everyMs = 25 }: { readonly withinMs?: number; readonly everyMs?: number } = {},
): Promise<void> {
  const startedMs = performance.now();
  let cause: unknown;
  for (;;) {
    try {
      if (await holds()) return;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (performance.now() - startedMs > withinMs) throw new Error(`waited ${withinMs} ms in vain: ${what}`, { cause });
    await delay(everyMs);
  }
}
