import { beforeEach, describe, expect, it } from '@jest/globals';
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
    expect(await greetings).toEqual(['Hello, Ada!', 'Hello, Grace!', 'Hello, Ada!']);
  });

  it('greets a stranger where there is no such user', async () => {
    far.on(A, { status: 404 });
    far.on(B, { status: 404 });
    expect(await greet(3)).toBe('Hello, stranger!');
  });

  it('does not wait longer than a second, which takes no time here', async () => {
    far.on(A, { fault: 'hang' });
    far.on(B, { fault: 'hang' });
    const startedMs = performance.now();
    const greeting = greet(1);
    await clock.advance(1_020);
    expect(await greeting).toBe('Hello, whoever you are!');
    expect(performance.now() - startedMs).toBeLessThan(900);
    expect(far.open).toBe(0);
  });

  it('tells when there is no instance', async () => {
    registry.remove('users', A);
    registry.remove('users', B);
    const greeting = greet(1).catch((error) => error);
    await clock.advance(5_000);
    const error = await greeting;
    expect(error).toBeInstanceOf(MeshError);
    expect(error).toBeInstanceOf(TypeError);
    expect(error.code).toBe('ERR_MESH_NO_ENDPOINT');
  });

  it('gets real responses', async () => {
    const mesh = createMesh({ discovery: registry, transport: mockTransport({ [A]: { body: 'x' }, [B]: { body: 'x' } }), clock });
    const response = await mesh.fetch('http://users/');
    expect(response).toBeInstanceOf(Response);
    expect(await new Response(response.body).text()).toBe('x');
  });
});
