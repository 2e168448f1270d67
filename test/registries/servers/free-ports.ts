import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Ports below those that Linux gives to outgoing connections (32768 and up): a server that was killed gets its port
 * back when it starts again, whatever else has dialled meanwhile.
 */
const FIRST = 20_000;
const LAST = 32_000;

/** A file for each port in use, with the process that has it, so that test files that run side by side never pick the same. */
const CLAIMS = join(tmpdir(), 'fetchmesh-ports');

/** Claims ports of 127.0.0.1 on which nobody listens, neither TCP nor UDP. They are ours until `releasePorts`. */
export async function claimPorts(count: number): Promise<number[]> {
  mkdirSync(CLAIMS, { recursive: true });
  const ports: number[] = [];
  for (let attempt = 0; ports.length < count; attempt++) {
    if (attempt > 1_000) throw new Error(`no free ports between ${FIRST} and ${LAST}`);
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST));
    if (!claim(port)) continue;
    if (await isFree(port)) ports.push(port);
    else release(port);
  }
  return ports;
}

/** Claims one certain port, or throws when somebody has it. */
export async function claimPort(port: number): Promise<number> {
  mkdirSync(CLAIMS, { recursive: true });
  if (claim(port)) {
    if (await isFree(port)) return port;
    release(port);
  }
  throw new Error(`port ${port} of 127.0.0.1 is taken: choose another`);
}

/** Lets others have the ports again. */
export function releasePorts(ports: readonly number[]): void {
  for (const port of ports) release(port);
}

function claim(port: number): boolean {
  try {
    writeFileSync(join(CLAIMS, `${port}`), `${process.pid}`, { flag: 'wx' });
    return true;
  } catch {
    // A claim of a process that has died ends here, and another port is tried: two that clear it never both take it.
    if (!isClaimantAlive(port)) release(port);
    return false;
  }
}

function isClaimantAlive(port: number): boolean {
  try {
    process.kill(Number(readFileSync(join(CLAIMS, `${port}`), 'utf8')), 0);
    return true;
  } catch {
    return false;
  }
}

function release(port: number): void {
  rmSync(join(CLAIMS, `${port}`), { force: true });
}

async function isFree(port: number): Promise<boolean> {
  return (await canListen(port)) && (await canBind(port));
}

async function canListen(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    if (server.listening) {
      server.close();
      await once(server, 'close');
    }
  }
}

async function canBind(port: number): Promise<boolean> {
  const socket = createSocket('udp4');
  try {
    socket.bind(port, '127.0.0.1');
    await once(socket, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    socket.close();
  }
}
