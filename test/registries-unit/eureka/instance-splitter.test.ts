import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { InstanceSplitter } from '../../../src/registries/eureka/instance-splitter.js';

function splitUp(text: string, sizes: readonly number[] = [text.length]): { found: [string, unknown][]; frame: unknown } {
  const found: [string, unknown][] = [];
  const splitter = new InstanceSplitter((json, application) => found.push([application, JSON.parse(json)]));
  const bytes = Buffer.from(text);
  let at = 0;
  for (let turn = 0; at < bytes.length; turn++) {
    const size = Math.max(1, sizes[turn % sizes.length] ?? 1);
    splitter.push(bytes.subarray(at, at + size));
    at += size;
  }
  return { found, frame: splitter.end() };
}

describe('an answer of Eureka', () => {
  it('is cut into its instances, and what is left has the hash', () => {
    const applications = {
      versions__delta: '1',
      apps__hashcode: 'UP_3_',
      application: [
        { name: 'A', instance: [{ instanceId: 'a1' }, { instanceId: 'a2', metadata: { instance: '{"not":"one"}', list: [{}] } }] },
        { name: 'B', instance: [{ instanceId: 'b1' }] },
      ],
    };
    const { found, frame } = splitUp(JSON.stringify({ applications }));
    assert.deepEqual(found, [
      ['A', { instanceId: 'a1' }],
      ['A', { instanceId: 'a2', metadata: { instance: '{"not":"one"}', list: [{}] } }],
      ['B', { instanceId: 'b1' }],
    ]);
    assert.equal((frame as { applications: typeof applications }).applications.apps__hashcode, 'UP_3_');
  });

  it('may have an object where there is one application or one instance, as old servers write it', () => {
    const { found } = splitUp('{"applications":{"apps__hashcode":"UP_1_","application":{"name":"A","instance":{"instanceId":"a1"}}}}');
    assert.deepEqual(found, [['A', { instanceId: 'a1' }]]);
  });

  it('may be that of one application, or have no instance at all', () => {
    assert.equal(splitUp('{ "application" : { "name" : "A", "instance" : [ { "x" : 1 }, {} ] } }').found.length, 2);
    assert.deepEqual(splitUp('{"applications":{"application":[]}}').found, []);
    assert.deepEqual(splitUp('{"applications":{"application":[{"name":"A","instance":[]}]}}').found, []);
    assert.deepEqual(splitUp('{"applications":{"application":[{"name":"A","instance":null},{"name":"B","instance":"{"}]}}').found, []);
  });

  it('is refused when it breaks off, or is not JSON', () => {
    const whole = '{"applications":{"application":[{"name":"A","instance":[{"x":"\\"}"}]}]}}';
    splitUp(whole);
    for (let length = 0; length < whole.length; length++)
      assert.throws(() => splitUp(whole.slice(0, length)), SyntaxError, whole.slice(0, length));
    assert.throws(() => splitUp('<html>'), SyntaxError);
    assert.throws(() => splitUp('{"application":{"instance":[{}{}]}}'), SyntaxError);
  });

  it('is cut in the same way however it arrives, and whatever the instances say', () => {
    const instance = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue());
    const application = fc.record({ name: fc.string({ unit: 'binary' }), instance: fc.array(instance) });
    fc.assert(
      fc.property(
        fc.array(application),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
        fc.boolean(),
        (list, sizes, spaced) => {
          const text = JSON.stringify({ applications: { apps__hashcode: 'x', application: list } }, null, spaced ? 2 : 0);
          const expected = list.flatMap(({ name, instance }) => instance.map((each) => [name, each]));
          const { found } = splitUp(text, sizes);
          assert.deepEqual(
            found.map(([, each]) => each),
            JSON.parse(JSON.stringify(expected.map(([, each]) => each))),
          );
          // Names with escapes are shown as they are written.
          if (!/[\\"]|[^ -~]/.test(list.map(({ name }) => name).join(''))) {
            assert.deepEqual(
              found.map(([name]) => name),
              expected.map(([name]) => name),
            );
          }
        },
      ),
      { numRuns: 40 },
    );
  });
});
