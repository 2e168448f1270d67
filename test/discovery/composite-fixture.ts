import type { TestContext } from 'node:test';
import type { Discovery, MemberReports } from '../../src/core/discovery.js';
import { compositeDiscovery } from '../../src/discovery/composite.js';
import type { CompositeMember, CompositeOptions } from '../../src/discovery/composite-options.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';
import { RecordingSink } from './recording-sink.js';
import { ScriptedSource, TestHost } from './scripted-source.js';

/** A host that notes what a composite tells of its members. */
export class CompositeHost extends TestHost {
  readonly told: string[] = [];
  readonly members: MemberReports = {
    failed: (_service, member) => this.told.push(`${member} failed`),
    recovered: (_service, member, afterMs) => this.told.push(`${member} recovered after ${afterMs}`),
    held: (_service, from, to) => this.told.push(`held at ${from}, not ${to}`),
    switched: (_service, from, to) => this.told.push(`${from ?? 'nobody'} -> ${to}`),
  };
}

/** A scripted source with a name of its own. */
export class NamedSource extends ScriptedSource {
  override readonly name: string;
  readonly asked: string[] = [];

  constructor(name: string) {
    super();
    this.name = name;
  }

  override watch(...[service, sink, host]: Parameters<ScriptedSource['watch']>): () => void {
    this.asked.push(service);
    return super.watch(service, sink, host);
  }
}

/** A composite that is watched, on a clock that the test moves. */
export function watched(
  test: TestContext,
  members: readonly (Discovery | CompositeMember)[],
  options: CompositeOptions = {},
  service = 'users',
) {
  const discovery = compositeDiscovery(members, options);
  const host = new CompositeHost(new VirtualClock());
  const sink = new RecordingSink();
  const stop = discovery.watch(service, sink, host);
  test.after(stop);
  return { discovery, sink, host, clock: host.clock, stop };
}
