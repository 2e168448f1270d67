import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { createMesh, MeshError } from 'fetchmesh';
import { mockRegistry, mockTransport, seededRandom, VirtualClock } from 'fetchmesh/testing';
import { greeter } from './greeter.js';

const [A, B] = ['http://10.0.0.1:8080', 'http://10.0.0.2:8080'];

describe('greeter', () => {
  let clock;
  let registry;
  let far;
  let greet;
  beforeEach(() => {
    clock = new VirtualClock();
    registry = mockRegistry({ users: [A, B] });
    far = mockTransport();
    greet = greeter(createMesh({ discovery: registry, transport: far, clock, random: seededRandom(1) }));
  });

  it('greets by name, although one of two instances is down', async () => {
    far.on(A, { fault: 'refuse' });
    far.on(B, ({ path }) => ({ body: { name: path === '/users/1' ? 'Ada' : 'Grace' } }));
    const greetings = Promise.all([greet(1), greet(2), greet(1)]);
    await clock.advance(500);
    assert.deepEqual(await greetings, ['Hello, Ada!', 'Hello, Grace!', 'Hello, Ada!']);
  });

  it('greets a stranger where there is no such user', async () => {
    far.on(A, { status: 404 });
    far.on(B, { status: 404 });
    assert.equal(await greet(3), 'Hello, stranger!');
  });

  it('does not wait longer than a second, which takes no time here', async () => {
    far.on(A, { fault: 'hang' });
    far.on(B, { fault: 'hang' });
    const startedMs = performance.now();
    const greeting = greet(1);
    await clock.advance(1_020);
    assert.equal(await greeting, 'Hello, whoever you are!');
    assert.ok(performance.now() - startedMs < 900);
    assert.equal(far.open, 0);
  });

  it('tells when there is no instance', async () => {
    registry.remove('users', A);
    registry.remove('users', B);
    const greeting = greet(1).catch((error) => error);
    await clock.advance(5_000);
    const error = await greeting;
    assert.ok(error instanceof MeshError);
    assert.ok(error instanceof TypeError);
    assert.equal(error.code, 'ERR_MESH_NO_ENDPOINT');
  });

  it('gets real responses', async () => {
    const mesh = createMesh({ discovery: registry, transport: mockTransport({ [A]: { body: 'x' }, [B]: { body: 'x' } }), clock });
    const response = await mesh.fetch('http://users/');
    assert.ok(response instanceof Response);
    assert.equal(await new Response(response.body).text(), 'x');
  });
});
