/** Starts several at once. When one fails, those that have started are stopped, and the failure is thrown. */
export async function startTogether<Server extends { stop(): Promise<void> }>(
  starts: readonly (() => Promise<Server>)[],
): Promise<Server[]> {
  const outcomes = await Promise.allSettled(starts.map((start) => start()));
  const started = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const failure = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failure === undefined) return started;
  await Promise.all(started.map((server) => server.stop()));
  throw failure.reason;
}
