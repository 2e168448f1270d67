/** A real server that a test has started, with the ways to make it misbehave. */
export interface ServerProcess {
  /** The main port's address: `http://127.0.0.1:PORT`, or `127.0.0.1:PORT` for what does not speak HTTP (ZooKeeper, DNS). */
  readonly address: string;
  readonly pid: number;
  /** Stops it in the middle of what it does, connections open (SIGSTOP). It has stopped when this returns. */
  freeze(): void;
  thaw(): void;
  /** SIGKILL. Resolves when it is gone; its data stays. */
  kill(): Promise<void>;
  /** Starts it again on the same ports (it is killed if it runs), with its data or without. Resolves when it answers. */
  restart(options?: RestartOptions): Promise<void>;
  /** Ends it for good, and removes its temporary folder. */
  stop(): Promise<void>;
  /** The last lines that it wrote, for error messages. */
  log(): string;
}

export interface RestartOptions {
  /** Whether its data is removed before it starts. Default false. */
  readonly empty?: boolean;
}
