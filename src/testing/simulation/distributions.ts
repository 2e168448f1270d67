import { ConfigError } from '../../core/errors.js';
import { numberIn } from '../../core/options-check.js';
import type { Random } from '../../core/random.js';

/**
 * How times are spread: those that a request takes, those between two requests, those on the network. A distribution
 * is a stateless description; `build` makes the source of numbers of one endpoint, one network, one stream of arrivals.
 */
export interface Distribution {
  /** The mean, in milliseconds. */
  readonly meanMs: number;
  /** Makes a source of times in milliseconds, each at least 0, out of `random`. */
  build(random: Random): () => number;
}

/** A distribution, or a number of milliseconds for a time that is always the same. */
export type Times = number | Distribution;

/**
 * Always the same time.
 *
 * @throws ConfigError for a time that is not a finite number of at least 0.
 * @example
 * always(20)
 */
export function always(ms: number): Distribution {
  checked('always', ms);
  return { meanMs: ms, build: () => () => ms };
}

/**
 * Exponentially spread times: short ones often, long ones now and then. The usual model of service times, for which
 * queueing theory has formulas.
 *
 * @param meanMs in milliseconds; at least 0.
 * @throws ConfigError for a mean out of its range.
 * @example
 * exponential(10)
 */
export function exponential(meanMs: number): Distribution {
  checked('exponential', meanMs);
  return { meanMs, build: (random) => () => -meanMs * Math.log(1 - random.next()) };
}

/**
 * Times around a mean, in the shape of a bell. What would be below 0 is 0, so the true mean is a little higher where the
 * deviation is more than a third of it.
 *
 * @param meanMs in milliseconds; at least 0.
 * @param deviationMs the standard deviation, in milliseconds; at least 0.
 * @throws ConfigError for a number out of its range.
 * @example
 * normal(100, 20)
 */
export function normal(meanMs: number, deviationMs: number): Distribution {
  checked('normal', meanMs);
  checked('normal.deviationMs', deviationMs);
  return { meanMs, build: (random) => () => Math.max(0, meanMs + deviationMs * standardNormal(random)) };
}

/**
 * Times whose logarithms are spread normally: the shape of most latencies that are measured in the field.
 *
 * @param medianMs half of the times are below it; in milliseconds, at least 0.
 * @param sigma the standard deviation of the natural logarithm; at least 0. With 1, one time of a hundred is ten medians.
 * @throws ConfigError for a number out of its range.
 * @example
 * logNormal(20, 1)
 */
export function logNormal(medianMs: number, sigma: number): Distribution {
  checked('logNormal', medianMs);
  checked('logNormal.sigma', sigma);
  return {
    meanMs: medianMs * Math.exp((sigma * sigma) / 2),
    build: (random) => () => medianMs * Math.exp(sigma * standardNormal(random)),
  };
}

/** One kind of request among others. */
export interface Phase {
  /** Its share of the requests, relative to the others'. Above 0. */
  readonly share: number;
  /** Its mean time, in milliseconds. At least 0. */
  readonly meanMs: number;
}

/**
 * A mix of exponentially spread times: a few expensive requests among many cheap ones, far more uneven than one
 * exponential alone.
 *
 * @throws ConfigError for an empty list, and for a number out of its range.
 * @example
 * // Nine times as uneven as exponential(1), by the squared coefficient of variation.
 * hyperExponential([{ share: 0.0455, meanMs: 10 }, { share: 0.9545, meanMs: 0.571 }])
 */
export function hyperExponential(phases: readonly Phase[]): Distribution {
  if (!Array.isArray(phases) || phases.length === 0) throw new ConfigError('hyperExponential', 'a list of phases', phases);
  let sum = 0;
  let meanMs = 0;
  for (const [index, phase] of phases.entries()) {
    numberIn(`hyperExponential[${index}].share`, phase.share, Number.MIN_VALUE, Number.MAX_VALUE);
    checked(`hyperExponential[${index}].meanMs`, phase.meanMs);
    sum += phase.share;
    meanMs += phase.share * phase.meanMs;
  }
  return {
    meanMs: meanMs / sum,
    build: (random) => () => {
      let left = random.next() * sum;
      let index = 0;
      while (index < phases.length - 1 && left >= (phases[index] as Phase).share) left -= (phases[index++] as Phase).share;
      return -(phases[index] as Phase).meanMs * Math.log(1 - random.next());
    },
  };
}

/**
 * The times of a list, one after the other and again from its beginning: for times that were measured, and for tests
 * that must know each of them.
 *
 * @param timesMs in milliseconds; each at least 0.
 * @throws ConfigError for an empty list, and for a time out of its range.
 * @example
 * oneAfterAnother([5, 5, 5, 400])
 */
export function oneAfterAnother(timesMs: readonly number[]): Distribution {
  if (!Array.isArray(timesMs) || timesMs.length === 0) throw new ConfigError('oneAfterAnother', 'a list of milliseconds', timesMs);
  const list = timesMs.map((ms, index) => checked(`oneAfterAnother[${index}]`, ms));
  return {
    meanMs: list.reduce((sum, ms) => sum + ms, 0) / list.length,
    build() {
      let index = 0;
      return () => list[index++ % list.length] as number;
    },
  };
}

/**
 * Requests that come independently of each other, at `perSecond` of virtual time on average: a Poisson process, which
 * is what many users who know nothing of each other amount to.
 *
 * @throws ConfigError for a rate that is not above 0.
 * @example
 * poisson(200)
 */
export function poisson(perSecond: number): Distribution {
  return exponential(gapMs('poisson', perSecond));
}

/**
 * Requests that come like clockwork, `perSecond` of virtual time.
 *
 * @throws ConfigError for a rate that is not above 0.
 * @example
 * regular(200)
 */
export function regular(perSecond: number): Distribution {
  return always(gapMs('regular', perSecond));
}

/** A number of milliseconds as the distribution that it stands for. @throws ConfigError for what is neither. */
export function distributionOf(path: string, times: Times): Distribution {
  if (typeof times === 'number') return always(checked(path, times));
  if (typeof times?.build === 'function') return times;
  throw new ConfigError(path, 'a number of milliseconds or a distribution, such as exponential(10)', times);
}

function gapMs(name: string, perSecond: number): number {
  numberIn(name, perSecond, Number.MIN_VALUE, 1e9, 'requests a second');
  return 1_000 / perSecond;
}

function checked(path: string, ms: number): number {
  return numberIn(path, ms, 0, Number.MAX_VALUE);
}

/** One of two independent numbers that two even ones make (Box and Muller 1958). */
function standardNormal(random: Random): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random.next()));
  return radius * Math.cos(2 * Math.PI * random.next());
}
