import { closeSync, openSync, readSync } from 'node:fs';

/** What the main thread has had since the process began, in milliseconds. */
export interface MainThreadTime {
  /** Running on a core. */
  readonly cpuMs: number;
  /** Ready to run, while others had the core. */
  readonly waitedMs: number;
}

export interface MainThreadClock {
  read(): MainThreadTime;
  close(): void;
}

const LINE_BYTES = 96;

/**
 * Tells the time that the main thread worked from the time in which it had no core. Linux tells both of each thread;
 * elsewhere the CPU time of the whole process stands for the first, which is never less.
 */
export function mainThreadClock(): MainThreadClock {
  if (process.platform !== 'linux') {
    const read = (): MainThreadTime => {
      const { user, system } = process.cpuUsage();
      return { cpuMs: (user + system) / 1_000, waitedMs: 0 };
    };
    return { read, close: () => {} };
  }
  // The main thread's number is that of the process. Read again and again from one descriptor: that costs 3 us.
  const file = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
  const line = Buffer.alloc(LINE_BYTES);
  const never = new Int32Array(new SharedArrayBuffer(4));
  return {
    read() {
      // The kernel adds to a running thread's time at its clock's ticks only, every 4 ms or less often, and whenever the
      // thread goes to sleep. So it goes to sleep, for as short a time as there is.
      Atomics.wait(never, 0, 0, 0.001);
      const [ran, waited] = line.toString('latin1', 0, readSync(file, line, 0, LINE_BYTES, 0)).split(' ');
      return { cpuMs: Number(ran) / 1e6, waitedMs: Number(waited) / 1e6 };
    },
    close: () => closeSync(file),
  };
}
