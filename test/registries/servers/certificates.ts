import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A key and its certificate, as PEM and as the files that have them. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** A certificate authority of its own, and what it has signed. Made anew at each run, valid for two days. */
export interface Certificates {
  readonly ca: string;
  readonly caFile: string;
  /** For 127.0.0.1, ::1, localhost, and the names given. */
  readonly server: KeyPair;
  /** For TLS clients. */
  readonly client: KeyPair;
}

export interface CertificateOptions {
  /** More names of the server. Default none. */
  readonly serverNames?: readonly string[];
  /** Who the client is, in openssl's form. Default `/CN=client`. */
  readonly clientSubject?: string;
}

/** Makes a certificate authority, a server's and a client's certificate with openssl, in `folder`. */
export function makeCertificates(folder: string, options: CertificateOptions = {}): Certificates {
  const { serverNames = [], clientSubject = '/CN=client' } = options;
  mkdirSync(folder, { recursive: true });
  const authority = selfSigned(folder);
  const names = ['IP:127.0.0.1', 'IP:::1', ...['localhost', ...serverNames].map((name) => `DNS:${name}`)];
  const server = signed(folder, 'server', '/CN=server', [`subjectAltName=${names.join(',')}`, 'extendedKeyUsage=serverAuth,clientAuth']);
  const client = signed(folder, 'client', clientSubject, ['extendedKeyUsage=clientAuth']);
  return { ca: authority.cert, caFile: authority.certFile, server, client };
}

const EC_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

function selfSigned(folder: string): KeyPair {
  const files = filesOf(folder, 'ca');
  const constraints = ['-addext', 'keyUsage=critical,keyCertSign,cRLSign'];
  const subject = ['-subj', '/CN=tests', '-days', '2'];
  openssl(['req', '-x509', ...EC_KEY, ...subject, ...constraints, '-keyout', files.keyFile, '-out', files.certFile]);
  return read(files);
}

function signed(folder: string, name: string, subject: string, extensions: readonly string[]): KeyPair {
  const files = filesOf(folder, name);
  const request = join(folder, `${name}.csr`);
  const extensionFile = join(folder, `${name}.extensions`);
  writeFileSync(extensionFile, `${extensions.join('\n')}\n`);
  openssl(['req', '-new', ...EC_KEY, '-subj', subject, '-keyout', files.keyFile, '-out', request]);
  const authority = filesOf(folder, 'ca');
  const signer = ['-CA', authority.certFile, '-CAkey', authority.keyFile, '-CAcreateserial'];
  openssl(['x509', '-req', '-in', request, ...signer, '-days', '2', '-extfile', extensionFile, '-out', files.certFile]);
  return read(files);
}

function filesOf(folder: string, name: string): { certFile: string; keyFile: string } {
  return { certFile: join(folder, `${name}.pem`), keyFile: join(folder, `${name}.key`) };
}

function read(files: { readonly certFile: string; readonly keyFile: string }): KeyPair {
  return { ...files, cert: readFileSync(files.certFile, 'utf8'), key: readFileSync(files.keyFile, 'utf8') };
}

function openssl(parameters: readonly string[]): void {
  execFileSync('openssl', [...parameters], { stdio: ['ignore', 'ignore', 'pipe'] });
}
