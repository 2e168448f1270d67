import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { LoadReport } from '../../../src/balancing/load-reports/load-report.js';
import { MAX_REPORT_LENGTH, readLoadReport } from '../../../src/balancing/load-reports/read-load-report.js';
import { HEADER, replyWith, said } from './reports.js';

/** What is read from an answer with these headers; undefined for no report. */
function read(...headers: readonly [string, string][]): ReturnType<typeof said> | undefined {
  const report = new LoadReport();
  report.note('cpuUtilization', 77);
  const isThere = readLoadReport(replyWith(...headers), report);
  assert.equal(isThere, report.known > 0);
  return isThere ? said(report) : undefined;
}

const readText = (value: string) => read([HEADER, value]);

/** Protobuf's wire format, written by hand: a tag, then the value. */
const wire = {
  double: (field: number, value: number) => {
    const bytes = Buffer.alloc(9);
    bytes[0] = (field << 3) | 1;
    bytes.writeDoubleLE(value, 1);
    return bytes;
  },
  bytes: (field: number, value: Buffer) => Buffer.concat([Buffer.from([(field << 3) | 2, value.length]), value]),
  named: (name: string, value: number) => wire.bytes(8, Buffer.concat([wire.bytes(1, Buffer.from(name)), wire.double(2, value)])),
};

const readBinary = (...fields: readonly Buffer[]) => read([`${HEADER}-bin`, Buffer.concat(fields).toString('base64')]);

const everything = {
  applicationUtilization: 0.8,
  cpuUtilization: 0.7,
  memoryUtilization: 0.9,
  requestsPerSecond: 1_000,
  errorsPerSecond: 2,
  requestsInFlight: 3,
  serviceMs: 12.5,
};

describe('a load report as text', () => {
  const pairs =
    'cpu_utilization=0.7, application_utilization=0.8,mem_utilization=0.9, rps_fractional=1000,eps=2,named_metrics.rif=3,named_metrics.svc=12.5';

  test('says all that balancing needs', () => {
    assert.deepEqual(readText(`TEXT ${pairs}`), everything);
  });

  test("may stand there without the word for its format, and with colons, as Envoy's was at first", () => {
    assert.deepEqual(readText(pairs), everything);
    assert.deepEqual(readText(pairs.replaceAll('=', ':')), everything);
    assert.deepEqual(readText(`TEXT ${pairs.replaceAll('=', ' : ')}`), everything);
  });

  test('may come in two headers', () => {
    assert.deepEqual(read([HEADER, 'TEXT eps=1'], ['Endpoint-Load-Metrics', 'rps_fractional=4']), {
      errorsPerSecond: 1,
      requestsPerSecond: 4,
    });
  });

  test('tells none in flight from not saying how many', () => {
    assert.deepEqual(readText('TEXT named_metrics.rif=0'), { requestsInFlight: 0 });
  });

  test('passes over what it does not know, whatever its value', () => {
    assert.deepEqual(readText('TEXT named_metrics.vllm:kv_cache=-3, utilization.total=x, request_cost.bytes=, eps=1.5e2,,'), {
      errorsPerSecond: 150,
    });
  });

  test('of which one number is none is no report at all', () => {
    for (const value of ['-1', 'NaN', 'Infinity', '1e999', '', '0x10', '1_0', '"0.7"', '1 2', '+1', '.', 'e5']) {
      assert.equal(readText(`TEXT eps=1, cpu_utilization=${value}`), undefined, value);
    }
  });

  test('that is malformed, empty, or says a number twice is no report', () => {
    for (const value of ['', 'TEXT', 'TEXT ', 'TEXT eps', 'TEXT =3', 'eps', 'TEXT eps=1,eps=1', 'TEXT foo=1', 'text eps=1', ',']) {
      assert.equal(readText(value), undefined, value);
    }
  });

  test('that a proxy put its own beside is no report, since nobody knows whose is whose', () => {
    assert.equal(read([HEADER, 'TEXT eps=1'], [HEADER, 'TEXT rps_fractional=4']), undefined);
    assert.equal(read([HEADER, 'JSON {"eps":1}'], [HEADER, 'JSON {"eps":1}']), undefined);
  });

  test('is read up to a length, and not beyond', () => {
    const ofLength = (length: number) => `TEXT eps=1,x=${'y'.repeat(length - 'TEXT eps=1,x='.length)}`;
    assert.deepEqual(readText(ofLength(MAX_REPORT_LENGTH)), { errorsPerSecond: 1 });
    assert.equal(readText(ofLength(MAX_REPORT_LENGTH + 1)), undefined);
  });
});

describe('a load report as JSON', () => {
  test('has the names of the message or those of its mapping to JSON', () => {
    const metrics = { cpu_utilization: 0.7, application_utilization: 0.8, mem_utilization: 0.9, rps_fractional: 1_000, eps: 2 };
    const mapped = { cpuUtilization: 0.7, applicationUtilization: 0.8, memUtilization: 0.9, rpsFractional: 1_000, eps: 2 };
    const named = { rif: 3, svc: 12.5, other: 'x' };
    assert.deepEqual(readText(`JSON ${JSON.stringify({ ...metrics, named_metrics: named })}`), everything);
    assert.deepEqual(readText(`JSON ${JSON.stringify({ ...mapped, namedMetrics: named, utilization: {} })}`), everything);
    assert.deepEqual(readText(JSON.stringify({ ...metrics, named_metrics: named })), everything);
  });

  test('may quote its numbers, and have null for those it does not say', () => {
    assert.deepEqual(readText('JSON {"eps": "1.5", "cpu_utilization": null, "named_metrics": null}'), { errorsPerSecond: 1.5 });
  });

  test('that is malformed, or of which one number is none, is no report', () => {
    for (const value of [
      '',
      '{',
      '[]',
      'null',
      '1',
      '{}',
      '{"eps":-1}',
      '{"eps":"x"}',
      '{"eps":true}',
      '{"eps":1e999}',
      '{"eps":1,"named_metrics":[]}',
      '{"eps":1,"named_metrics":{"rif":-1}}',
      '{"rpsFractional":1,"rps_fractional":1}',
      `${'['.repeat(1_000)}${']'.repeat(1_000)}`,
    ]) {
      assert.equal(readText(`JSON ${value}`), undefined, value);
    }
  });
});

describe('a load report as protobuf', () => {
  test("is read as ORCA's specification gives it for an example", () => {
    const example = 'CZqZmZmZmbk/MQAAAAAAAABAQg4KA2ZvbxGamZmZmZm5P0IOCgNiYXIRmpmZmZmZyT8=';
    assert.deepEqual(read([`${HEADER}-bin`, example]), { cpuUtilization: 0.1, requestsPerSecond: 2 });
    assert.deepEqual(readText(`BIN ${example}`), { cpuUtilization: 0.1, requestsPerSecond: 2 });
    assert.deepEqual(readText(`BIN ${example.replace('=', '')}`), { cpuUtilization: 0.1, requestsPerSecond: 2 });
  });

  test('says all that balancing needs', () => {
    assert.deepEqual(
      readBinary(
        wire.double(1, 0.7),
        wire.double(2, 0.9),
        wire.double(6, 1_000),
        wire.double(7, 2),
        wire.named('rif', 3),
        wire.named('svc', 12.5),
        wire.double(9, 0.8),
      ),
      everything,
    );
  });

  test('leaves out a zero in an entry, as it may', () => {
    assert.deepEqual(readBinary(wire.bytes(8, wire.bytes(1, Buffer.from('rif')))), { requestsInFlight: 0 });
  });

  test('steps over fields that are not known, and over known numbers of another wire type', () => {
    for (const unknown of [
      Buffer.from([(3 << 3) | 0, 0xff, 0xff, 0x03]),
      Buffer.from([(1 << 3) | 0, 7]),
      wire.bytes(1, Buffer.from('text')),
      wire.bytes(4, Buffer.from('anything')),
      wire.double(8, 1),
      // Field 20 of four bytes, and field 16,383: tags of two and of three bytes.
      Buffer.from([0xa5, 0x01, 1, 2, 3, 4]),
      Buffer.from([0xf8, 0xff, 0x07, 1]),
    ]) {
      assert.deepEqual(readBinary(unknown, wire.double(7, 4)), { errorsPerSecond: 4 }, unknown.toString('hex'));
    }
  });

  test('that breaks off, has groups, a bad tag or a bad number is no report', () => {
    const whole = wire.double(7, 4);
    for (const [what, bytes] of Object.entries({
      'breaks off in a number': Buffer.concat([whole, wire.double(1, 0.5).subarray(0, 6)]),
      'breaks off in a tag': Buffer.concat([whole, Buffer.from([0x80])]),
      'a length beyond the end': Buffer.concat([whole, Buffer.from([(4 << 3) | 2, 9, 1])]),
      'a length of ten bytes': Buffer.concat([whole, Buffer.from([(4 << 3) | 2, ...Array.from({ length: 9 }, () => 0xff), 0x01])]),
      'a number without an end': Buffer.concat([whole, Buffer.from([(3 << 3) | 0, ...Array.from({ length: 11 }, () => 0xff)])]),
      'a group': Buffer.concat([whole, Buffer.from([(4 << 3) | 3])]),
      'field 0': Buffer.concat([whole, Buffer.from([0x00, 0x01])]),
      'an entry that breaks off': Buffer.concat([whole, wire.bytes(8, wire.double(2, 1).subarray(0, 4))]),
      'below zero': Buffer.concat([whole, wire.double(1, -0.5)]),
      infinite: Buffer.concat([whole, wire.double(1, Number.POSITIVE_INFINITY)]),
      'not a number': Buffer.concat([whole, wire.double(1, Number.NaN)]),
      'one number twice': Buffer.concat([whole, whole]),
    })) {
      assert.equal(readBinary(bytes), undefined, what);
    }
  });

  test('that is not base64 is no report', () => {
    for (const value of ['', '====', 'CZqZ mZmZ', 'CZqZ-mZm', 'A', 'IGZvb28=, IGZvb28=']) {
      assert.equal(read([`${HEADER}-bin`, value]), undefined, value);
    }
  });
});

test('an answer without a report has none', () => {
  assert.equal(read(['content-type', 'text/plain'], ['x-endpoint-load-metric', 'TEXT eps=1']), undefined);
});

test('a report that a cache kept is none, since it tells of the past', () => {
  assert.equal(read([HEADER, 'TEXT eps=1'], ['Age', '12']), undefined);
});

test('whatever a header says, reading it never throws, and what it notes is at least 0 and finite', () => {
  const report = new LoadReport();
  const snippet = fc.constantFrom(
    'TEXT ',
    'JSON ',
    'BIN ',
    'eps',
    '=',
    ':',
    ',',
    '0.5',
    '{',
    '}',
    '"',
    '1e5',
    'named_metrics.',
    'rif',
    'Q',
    ' ',
  );
  const value = fc.oneof(
    fc.string(),
    fc.array(snippet, { maxLength: 12 }).map((parts) => parts.join('')),
    fc.uint8Array({ maxLength: 40 }).map((bytes) => `BIN ${Buffer.from(bytes).toString('base64')}`),
    fc.json().map((json) => `JSON ${json}`),
  );
  fc.assert(
    fc.property(value, fc.constantFrom(HEADER, `${HEADER}-bin`), (text, name) => {
      const isThere = readLoadReport(replyWith([name, text]), report);
      const numbers = Object.values(said(report));
      assert.equal(isThere, numbers.length > 0);
      for (const number of numbers) assert.ok(number >= 0 && Number.isFinite(number));
    }),
    { numRuns: 2_000 },
  );
});

test('every report that can be written is read as it was meant, in each form', () => {
  const number = fc.double({ min: 0, max: 1e15, noNaN: true });
  fc.assert(
    fc.property(number, number, number, number, (cpu, rate, rif, ms) => {
      const meant = { cpuUtilization: cpu, requestsPerSecond: rate, requestsInFlight: rif, serviceMs: ms };
      const fields = [wire.double(1, cpu), wire.double(6, rate), wire.named('rif', rif), wire.named('svc', ms)];
      const text = `cpu_utilization=${cpu},rps_fractional=${rate},named_metrics.rif=${rif},named_metrics.svc=${ms}`;
      const json = JSON.stringify({ cpu_utilization: cpu, rps_fractional: rate, named_metrics: { rif, svc: ms } });
      assert.deepEqual(readText(`TEXT ${text}`), meant);
      assert.deepEqual(readText(`JSON ${json}`), meant);
      assert.deepEqual(readBinary(...fields), meant);
    }),
  );
});
