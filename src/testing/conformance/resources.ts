import { AsyncLocalStorage, createHook } from 'node:async_hooks';

/** Resources that cost something for as long as they are open: sockets, pipes, processes, watched files, timers. */
const COSTLY = new Set(['TCPWRAP', 'PIPEWRAP', 'UDPWRAP', 'PROCESSWRAP', 'FSEVENTWRAP', 'STATWATCHER', 'Timeout', 'Immediate', 'WORKER']);

/** What Node has for an open resource; a socket that an agent uses again stands in one of its own. */
interface Handle {
  hasRef?(): boolean;
  readonly handle?: Handle;
}

interface Resource {
  readonly type: string;
  readonly handle: Handle;
}

/**
 * Sees every resource that a piece of work opens, in whatever it started, and tells which of them are open still. Node's
 * own list of active resources leaves out what does not keep the process alive, which can leak just as well.
 */
export class Resources {
  private readonly open = new Map<number, Resource>();
  private readonly mark = new AsyncLocalStorage<Resources>();
  private readonly hook = createHook({
    init: (id, type, _trigger, handle: Handle) => {
      if (COSTLY.has(type) && this.mark.getStore() === this) this.open.set(id, { type, handle });
    },
    destroy: (id) => {
      this.open.delete(id);
    },
  });

  /** Runs the work; what it starts counts until `end`. */
  run<T>(work: () => T): T {
    this.hook.enable();
    return this.mark.run(this, work);
  }

  /** What is open now. */
  get all(): readonly string[] {
    return [...this.open.values()].map(({ type }) => type).sort();
  }

  /** What is open now and keeps the process alive. */
  get holding(): readonly string[] {
    return [...this.open.values()].filter(({ handle }) => (handle.handle ?? handle).hasRef?.() !== false).map(({ type }) => type);
  }

  end(): void {
    this.hook.disable();
  }
}
