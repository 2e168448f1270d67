/**
 * Does something on SIGTERM, the signal with which supervisors ask a process to end. What it returns stops listening; the
 * listeners of others are not touched.
 */
export function onSigterm(work: () => void): () => void {
  const listener = (): void => work();
  process.on('SIGTERM', listener);
  return () => process.off('SIGTERM', listener);
}
