import { fieldOfNamed, type LoadField, type LoadReport } from './load-report.js';

/**
 * A report as protobuf has it on the wire, in base64: what gRPC servers send. Only the fields that balancing needs
 * are decoded; the others are stepped over by their wire type, so that a report may grow. A field of another wire
 * type than its own counts as one that is not known, as protobuf has it; a message that ends in the middle of a
 * field, or that says a number twice, is malformed.
 */

/** Numbers of the fields of `OrcaLoadReport`. Number 8 is the map of named metrics. */
const BY_NUMBER: ReadonlyMap<number, LoadField> = new Map([
  [1, 'cpuUtilization'],
  [2, 'memoryUtilization'],
  [6, 'requestsPerSecond'],
  [7, 'errorsPerSecond'],
  [9, 'applicationUtilization'],
]);
const NAMED_METRICS = 8;
/** Numbers of the fields in each entry of a map. */
const KEY = 1;
const VALUE = 2;

/** Wire types. */
const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

/** Padded or not: gRPC leaves the choice to the sender. */
const BASE64 = /^[A-Za-z\d+/]+={0,2}$/;

/** Reads `base64` into `report`; false if it is malformed. */
export function readBinary(base64: string, report: LoadReport): boolean {
  if (!BASE64.test(base64)) return false;
  return eachField(Buffer.from(base64, 'base64'), (field, type, bytes) => {
    if (field === NAMED_METRICS && type === LENGTH_DELIMITED) return noteNamed(bytes, report);
    const known = type === FIXED64 ? BY_NUMBER.get(field) : undefined;
    return known === undefined || report.note(known, bytes.readDoubleLE());
  });
}

/** In an entry, what is left out is the empty name, or 0. */
function noteNamed(entry: Buffer, report: LoadReport): boolean {
  let metric = '';
  let value = 0;
  const isWhole = eachField(entry, (field, type, bytes) => {
    if (field === KEY && type === LENGTH_DELIMITED) metric = bytes.toString('utf8');
    if (field === VALUE && type === FIXED64) value = bytes.readDoubleLE();
    return true;
  });
  const known = fieldOfNamed(metric);
  return isWhole && (known === undefined || report.note(known, value));
}

/** Calls `visit` with the bytes of each field, until it returns false. False as well for what is not a message. */
function eachField(message: Buffer, visit: (field: number, type: number, bytes: Buffer) => boolean): boolean {
  let at = 0;
  while (at < message.length) {
    const tag = varint();
    const type = tag % 8;
    // Tags have 32 bits, and no field has the number 0.
    if (!(tag >= 8 && tag < 2 ** 32)) return false;
    const length = lengthOf(type);
    if (!(at + length <= message.length)) return false;
    if (!visit(Math.floor(tag / 8), type, message.subarray(at, at + length))) return false;
    at += length;
  }
  return true;

  function lengthOf(type: number): number {
    if (type === FIXED64) return 8;
    if (type === FIXED32) return 4;
    if (type === LENGTH_DELIMITED) return varint();
    if (type === VARINT) return Number.isNaN(varint()) ? Number.NaN : 0;
    return Number.NaN;
  }

  /** Seven bits a byte, the lowest first, at most ten bytes. Not exact above 2^53, where it is no length anyway. */
  function varint(): number {
    let value = 0;
    for (let bytes = 0; bytes < 10 && at < message.length; bytes++) {
      const byte = message[at++] as number;
      value += (byte & 0x7f) * 2 ** (7 * bytes);
      if (byte < 0x80) return value;
    }
    return Number.NaN;
  }
}
