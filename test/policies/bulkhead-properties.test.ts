import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { bulkhead } from '../../src/policies/bulkhead.js';
import { Waiting, WaitingLine } from '../../src/policies/waiting-line.js';
import { type Asked, ask, callOf, type Request } from '../support/fake-send.js';
import { Surroundings } from '../support/policy-scope.js';

class Member extends Waiting {
  constructor(readonly name: number) {
    super();
  }
}

describe('a waiting line, whatever happens', () => {
  it('is an array that members can leave', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom('push', 'shift', 'leave'), fc.nat())), (steps) => {
        const line = new WaitingLine<Member>();
        const all: Member[] = [];
        let model: Member[] = [];
        for (const [step, which] of steps) {
          if (step === 'push') {
            const member = new Member(all.length);
            all.push(member);
            model.push(member);
            line.push(member);
          } else if (step === 'shift') {
            assert.equal(line.shift(), model.shift());
          } else if (all.length > 0) {
            const member = all[which % all.length] as Member;
            model = model.filter((each) => each !== member);
            line.leave(member);
          }
          assert.equal(line.size, model.length);
        }
        assert.deepEqual(
          model.map(() => line.shift()?.name),
          model.map(({ name }) => name),
        );
      }),
    );
  });
});

const step = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ does: 'call' as const }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('answer' as const), which: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('end' as const), which: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('abort' as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 80 }) }) },
  { weight: 3, arbitrary: fc.constant({ does: 'settle' as const }) },
);

describe('a bulkhead, whatever happens', () => {
  it('has never more under way than it may, keeps the order of arrival, and ends up empty', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 0, max: 5 }),
        fc.array(step, { minLength: 20, maxLength: 120, size: 'max' }),
        async (concurrency, queue, steps) => {
          const around = new Surroundings();
          const { clock, far } = around;
          const bodies = new Map<Request, ReturnType<Request['reply']>>();
          const calls: Asked[] = [];
          const underWay = () =>
            far.requests.filter(
              (request) => request.state === 'open' || (request.state === 'answered' && bodies.get(request)?.ending === undefined),
            );
          const send = around.perCall(bulkhead({ concurrency, queue, queueTimeoutMs: 100 }), (call) => {
            const sent = far.send(call);
            assert.ok(underWay().length <= concurrency, `${underWay().length} under way`);
            return sent;
          });
          const end = (request: Request | undefined) => request !== undefined && bodies.get(request)?.end();
          for (const each of steps) {
            const open = far.requests.filter(({ state }) => state === 'open');
            if (each.does === 'call') calls.push(ask(send, callOf({ path: `/${calls.length}` })));
            else if (each.does === 'answer' && open.length > 0) {
              const request = open[each.which % open.length] as Request;
              bodies.set(request, request.reply(200, { open: true }));
            } else if (each.does === 'end' && bodies.size > 0) end([...bodies.keys()][each.which % bodies.size]);
            else if (each.does === 'abort' && calls.length > 0) calls[each.which % calls.length]?.call.cancel(new Error('enough'));
            else if (each.does === 'pass') await clock.advance(each.ms);
            else if (each.does === 'settle') await clock.settle();
          }
          // The rest is answered as it comes.
          for (await clock.settle(); underWay().length > 0; await clock.settle()) {
            for (const request of underWay()) {
              if (request.state === 'open') bodies.set(request, request.reply(200, { open: true }));
              end(request);
            }
          }
          const order = far.requests.map(({ call }) => Number(call.path.slice(1)));
          assert.deepEqual(
            order,
            [...order].sort((a, b) => a - b),
          );
          assert.ok(calls.every(({ state }) => state !== 'waiting'));
          // Every place came back: as many calls as may be under way start at once, and one more does not.
          const before = far.requests.length;
          for (let i = 0; i <= concurrency; i++) ask(send);
          assert.equal(far.requests.length - before, concurrency);
        },
      ),
      { numRuns: 150 },
    );
  });
});
