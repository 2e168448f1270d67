import type { Call } from '../../core/call.js';
import type { Endpoint, Instance } from '../../core/endpoint.js';
import type { PickableView } from '../../core/endpoint-view.js';
import type { Balancer, Picker, PickerScope } from '../../core/picker.js';
import type { ViewListener } from '../../core/view-listeners.js';
import { PartView } from './part-view.js';

/**
 * The endpoints of a service, sorted by priority and zone, each part with a picker of its own.
 *
 * An endpoint is in two parts: that of its priority, and within it that of its zone, since requests are sent now to the
 * one and now to the other. A change of one endpoint costs work for its two parts. Parts come with their first
 * endpoint and go with their last; a part's picker is built when it is first used.
 */

/** Some endpoints and what picks among them. */
export class Part {
  readonly view: PartView;
  private built: Picker | undefined = undefined;

  constructor(
    readonly level: Level,
    private readonly inner: Balancer,
    private readonly scope: PickerScope,
  ) {
    this.view = new PartView(scope.view);
  }

  get picker(): Picker {
    if (this.built === undefined) this.built = this.inner.build({ ...this.scope, view: this.view });
    return this.built;
  }

  /** Whether its picker, if there is one yet, may pick this member. */
  allows(endpoint: Endpoint, call: Call): boolean {
    return this.built?.allows?.(endpoint, call) !== false;
  }

  close(): void {
    this.built?.close?.();
    this.built = undefined;
  }
}

/** The endpoints of one priority. */
export class Level {
  readonly all: Part;
  readonly zones = new Map<string | undefined, Part>();
  /** Whether its requests are sent to its zones at present, and not to all of it. */
  split = false;

  constructor(
    readonly priority: number,
    inner: Balancer,
    scope: PickerScope,
  ) {
    this.all = new Part(this, inner, scope);
  }
}

/** Which endpoints are sorted in at all, and whether by zone. */
export interface Sorting {
  readonly byZone: boolean;
  admits(instance: Instance): boolean;
}

export class Parts implements ViewListener {
  /** By priority, the highest (the lowest number) first. */
  readonly levels: Level[] = [];
  /** Something changed since this was last set to false. */
  changedSince = true;
  /** By slot: the part of the endpoint's zone, or of its priority where zones do not matter. */
  private readonly homes: (Part | undefined)[] = [];
  private readonly stopListening: () => void;

  constructor(
    private readonly sorting: Sorting,
    private readonly inner: Balancer,
    private readonly scope: PickerScope,
  ) {
    const view: PickableView = scope.view;
    for (const endpoint of view) this.added(endpoint);
    this.stopListening = view.listen(this);
  }

  /** The part that the endpoint's requests are at present picked from; undefined if it is not sorted in. */
  partOf(endpoint: Endpoint): Part | undefined {
    const home = this.homes[endpoint.slot];
    return home === undefined || home.level.split ? home : home.level.all;
  }

  added(endpoint: Endpoint): void {
    if (this.sorting.admits(endpoint.instance)) this.join(endpoint);
  }

  removed(endpoint: Endpoint): void {
    this.leave(endpoint, endpoint.instance);
  }

  changed(endpoint: Endpoint, before: Instance): void {
    const { instance } = endpoint;
    const home = this.homes[endpoint.slot];
    const stays = home !== undefined && instance.priority === before.priority && (!this.sorting.byZone || instance.zone === before.zone);
    if (stays && this.sorting.admits(instance)) {
      home.view.change(endpoint, before);
      if (home !== home.level.all) home.level.all.view.change(endpoint, before);
    } else {
      this.leave(endpoint, before);
      this.added(endpoint);
    }
  }

  opened(endpoint: Endpoint): void {
    const home = this.homes[endpoint.slot];
    if (home === undefined) return;
    home.view.open(endpoint);
    if (home !== home.level.all) home.level.all.view.open(endpoint);
    this.changedSince = true;
  }

  shut(endpoint: Endpoint): void {
    const home = this.homes[endpoint.slot];
    if (home === undefined) return;
    home.view.shut(endpoint);
    if (home !== home.level.all) home.level.all.view.shut(endpoint);
    this.changedSince = true;
  }

  tracked(endpoint: Endpoint, change: 1 | -1): void {
    const home = this.homes[endpoint.slot];
    if (home === undefined) return;
    home.view.track(endpoint, change);
    if (home !== home.level.all) home.level.all.view.track(endpoint, change);
  }

  close(): void {
    this.stopListening();
    for (const { all, zones } of this.levels) {
      all.close();
      for (const part of zones.values()) part.close();
    }
  }

  private join(endpoint: Endpoint): void {
    const { priority, zone } = endpoint.instance;
    const level = this.levelOf(priority);
    level.all.view.join(endpoint);
    let home = level.all;
    if (this.sorting.byZone) {
      home = level.zones.get(zone) ?? new Part(level, this.inner, this.scope);
      level.zones.set(zone, home);
      home.view.join(endpoint);
    }
    this.homes[endpoint.slot] = home;
    this.changedSince = true;
  }

  private leave(endpoint: Endpoint, instance: Instance): void {
    const home = this.homes[endpoint.slot];
    if (home === undefined) return;
    const { level } = home;
    this.homes[endpoint.slot] = undefined;
    this.changedSince = true;
    level.all.view.leave(endpoint, instance);
    if (home !== level.all) {
      home.view.leave(endpoint, instance);
      if (home.view.size === 0) {
        level.zones.delete(instance.zone);
        home.close();
      }
    }
    if (level.all.view.size > 0) return;
    this.levels.splice(this.levels.indexOf(level), 1);
    level.all.close();
  }

  private levelOf(priority: number): Level {
    let index = this.levels.findIndex((level) => level.priority >= priority);
    if (index < 0) index = this.levels.length;
    const present = this.levels[index];
    if (present?.priority === priority) return present;
    const level = new Level(priority, this.inner, this.scope);
    this.levels.splice(index, 0, level);
    return level;
  }
}
