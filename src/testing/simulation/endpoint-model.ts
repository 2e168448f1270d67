import type { InstanceInput } from '../../core/discovery.js';
import type { Random } from '../../core/random.js';
import type { RawHeaders } from '../../core/reply.js';
import type { EndpointSettings, ReceivedRequest, WorkTimes } from './endpoint-options.js';
import type { EventHash } from './event-hash.js';
import type { Exchange } from './exchange.js';
import { LoadLog } from './load-log.js';
import { LoadReporter } from './load-reporter.js';
import type { SimulationClock } from './simulation-clock.js';

/** What goes wrong with every request to an endpoint. */
export type EndpointFault = 'refuse' | 'reset' | 'hang';

/** Answers that cost the endpoint no work. */
export interface FastFailures {
  /** Their status. Default 503. */
  readonly status?: number | undefined;
  /** Until they are given, in milliseconds. At least 0; default 0. */
  readonly afterMs?: number | undefined;
  /** How many of the requests fail so. From 0 to 1; default 1. */
  readonly ratio?: number | undefined;
}

/** What all endpoints of a simulation share. */
export interface EndpointSurroundings {
  readonly clock: SimulationClock;
  readonly hash: EventHash;
  /** How many of the requests, and of the answers, the network loses. */
  readonly lossRatio: number;
  random(purpose: string): Random;
}

/** The hash's kind of a request that arrives at an endpoint. */
const RECEIVED = 2;
/** That of a probe that arrives at one. */
const PROBED = 4;

/**
 * One server: a queue, first come first served, and some workers. What is under way when it fails is lost; when its
 * speed changes, what is left of the work is done at the new one.
 */
export class EndpointModel {
  readonly name: string;
  readonly instance: InstanceInput;
  readonly load: LoadLog;
  private readonly reporter: LoadReporter | undefined;
  private readonly clock: SimulationClock;
  private readonly hash: EventHash;
  private readonly chance: Random;
  private readonly serviceChance: Random;
  private serviceMs: (exchange: Exchange) => number;
  private readonly delayMs: (() => number) | undefined;
  private readonly lossRatio: number;
  private readonly waiting: Exchange[] = [];
  /** Where the queue begins in `waiting`. */
  private head = 0;
  private readonly working: Exchange[] = [];
  private speed: number;
  private fault: EndpointFault | undefined = undefined;
  private failing: FastFailures | undefined = undefined;
  /** When it began to warm up; it is warm where it never began. */
  private coldSinceMs = Number.NEGATIVE_INFINITY;

  constructor(
    readonly settings: EndpointSettings,
    private readonly index: number,
    surroundings: EndpointSurroundings,
  ) {
    const { name, traits, serviceMs, delayMs, speed, workers } = settings;
    this.name = name;
    this.instance = { ...traits, id: name, url: addressOf(index) };
    this.speed = speed;
    this.clock = surroundings.clock;
    this.hash = surroundings.hash;
    this.lossRatio = surroundings.lossRatio;
    this.chance = surroundings.random(`chance of ${name}`);
    this.serviceChance = surroundings.random(`service of ${name}`);
    this.serviceMs = this.timesOf(serviceMs);
    this.delayMs = delayMs.meanMs === 0 ? undefined : delayMs.build(surroundings.random(`network of ${name}`));
    this.load = new LoadLog(this.clock, workers);
    this.reporter = settings.reportsLoad === undefined ? undefined : new LoadReporter(settings.reportsLoad, this.clock, this.load);
  }

  /** Whether a new connection would be refused. */
  get refuses(): boolean {
    return this.fault === 'refuse';
  }

  /** Requests in the queue and at work. */
  get inSystem(): number {
    return this.waiting.length - this.head + this.working.length;
  }

  /** How long a message travels to it, or from it. */
  travelMs(): number {
    return this.delayMs === undefined ? 0 : this.delayMs();
  }

  /** Whether the network loses a message. */
  losesOne(): boolean {
    return this.lossRatio > 0 && this.chance.next() < this.lossRatio;
  }

  /** Ends what is measured over time. */
  stopMeasuring(): void {
    this.load.stop(this.inSystem, this.working.length);
  }

  /** A request arrives. */
  receive(exchange: Exchange): void {
    if (this.reporter?.answersProbe(exchange.call) === true) {
      this.answerProbe(exchange, this.reporter);
      return;
    }
    this.hash.add(RECEIVED, this.index, this.clock.now());
    this.load.received++;
    exchange.receivedMs = this.clock.now();
    if (this.fault === 'hang') return;
    if (this.fault !== undefined) {
      exchange.reset();
      return;
    }
    const { failing } = this;
    if (failing !== undefined && this.chance.next() < (failing.ratio ?? 1)) {
      this.load.refused++;
      this.reporter?.answered(failing.status ?? 503, exchange.receivedMs - (failing.afterMs ?? 0));
      exchange.answerAfter(failing.afterMs ?? 0, failing.status ?? 503);
    } else if (this.working.length < this.settings.workers) {
      this.begin(exchange);
    } else if (this.waiting.length - this.head < this.settings.queueLimit) {
      this.load.note(this.inSystem, this.working.length);
      this.waiting.push(exchange);
    } else {
      this.load.refused++;
      this.reporter?.answered(503, exchange.receivedMs);
      exchange.answerAfter(0, 503);
    }
  }

  /** A process that is down or stands still answers nothing at all; one that fails its requests does not know it. */
  private answerProbe(exchange: Exchange, reporter: LoadReporter): void {
    this.hash.add(PROBED, this.index, this.clock.now());
    if (this.fault === 'hang' || (this.fault === undefined && this.speed === 0)) return;
    if (this.fault === undefined) exchange.answerAfter(0, 204, reporter.toProbe(this.inSystem));
    else exchange.reset();
  }

  /** The work on a request is done. Returns whether its caller has the answer already. */
  finish(exchange: Exchange): boolean {
    this.load.note(this.inSystem, this.working.length);
    const status = this.statusOf(exchange);
    this.leave(exchange);
    this.load.answered++;
    this.reporter?.answered(status, exchange.receivedMs);
    const next = this.nextWaiting();
    if (next !== undefined) this.work(next);
    return exchange.complete(status, this.answerHeaders());
  }

  setSpeed(speed: number): void {
    this.load.note(this.inSystem, this.working.length);
    const nowMs = this.clock.now();
    for (const exchange of this.working) {
      exchange.workLeftMs = Math.max(0, exchange.workLeftMs - (nowMs - exchange.leftSinceMs) * this.speed);
      exchange.leftSinceMs = nowMs;
    }
    this.speed = speed;
    for (const exchange of this.working) this.run(exchange);
  }

  /** For requests that it begins from now on. */
  setServiceMs(serviceMs: WorkTimes): void {
    this.serviceMs = this.timesOf(serviceMs);
  }

  setFailing(failing: FastFailures | undefined): void {
    this.failing = failing;
  }

  /** It goes down: what it has is lost, and what comes meets `fault`. */
  goDown(fault: EndpointFault): void {
    this.load.note(this.inSystem, this.working.length);
    this.fault = fault;
    const lost = [...this.working, ...this.waiting.slice(this.head)];
    this.working.length = this.waiting.length = this.head = 0;
    for (const exchange of lost) {
      if (fault === 'hang') exchange.vanish();
      else exchange.reset();
    }
  }

  /** It is up again, and cold. */
  comeUp(): void {
    this.fault = undefined;
    this.coldSinceMs = this.clock.now();
  }

  private timesOf(serviceMs: WorkTimes): (exchange: Exchange) => number {
    if (typeof serviceMs === 'function') return (exchange) => serviceMs(this.asReceived(exchange));
    return serviceMs.build(this.serviceChance);
  }

  private statusOf(exchange: Exchange): number {
    const { status } = this.settings;
    return typeof status === 'number' ? status : status(this.asReceived(exchange));
  }

  private asReceived({ call, begunMs }: Exchange): ReceivedRequest {
    return { method: call.method, path: call.path, inSystem: this.inSystem, begunMs, nowMs: this.clock.now() };
  }

  private begin(exchange: Exchange): void {
    this.load.note(this.inSystem, this.working.length);
    this.work(exchange);
  }

  private work(exchange: Exchange): void {
    this.working.push(exchange);
    exchange.begunMs = exchange.leftSinceMs = this.clock.now();
    exchange.workLeftMs = this.serviceMs(exchange) / this.warmth();
    this.run(exchange);
  }

  private run(exchange: Exchange): void {
    if (this.speed === 0) exchange.pauseWork();
    else exchange.workFor(exchange.workLeftMs / this.speed);
  }

  private leave(exchange: Exchange): void {
    const { working } = this;
    const last = working.pop() as Exchange;
    if (last !== exchange) working[working.indexOf(exchange)] = last;
  }

  private nextWaiting(): Exchange | undefined {
    const { waiting } = this;
    while (this.head < waiting.length) {
      const exchange = waiting[this.head++] as Exchange;
      // Now and then, so that taking the first costs the same however long the queue is.
      if (this.head > 64 && this.head * 2 > waiting.length) {
        waiting.splice(0, this.head);
        this.head = 0;
      }
      if (!exchange.cancelled || !this.settings.dropsCancelled) return exchange;
    }
    waiting.length = this.head = 0;
    return undefined;
  }

  /** What part of its speed a request that begins now finds. */
  private warmth(): number {
    const { coldStart } = this.settings;
    if (coldStart === undefined) return 1;
    const warmMs = this.clock.now() - this.coldSinceMs;
    return warmMs >= coldStart.forMs ? 1 : coldStart.speed + ((1 - coldStart.speed) * warmMs) / coldStart.forMs;
  }

  private answerHeaders(): RawHeaders {
    const { answerHeaders } = this.settings;
    const report = this.reporter?.inAnswer(this.inSystem) ?? NO_HEADERS;
    return answerHeaders === undefined ? report : [...report, ...Object.entries(answerHeaders(this)).flat()];
  }
}

const NO_HEADERS: RawHeaders = [];

function addressOf(index: number): string {
  return `http://10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}:80`;
}
