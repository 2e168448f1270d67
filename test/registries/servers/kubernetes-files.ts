import { createSign, generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Certificates, makeCertificates } from './certificates.js';

/** The certificates, keys and users of an API server, and the flags that name them. */
export interface KubernetesFiles {
  readonly certificates: Certificates;
  /** What signs the tokens of service accounts, PEM. */
  readonly signingKey: string;
  readonly flags: readonly string[];
}

export const ADMIN_TOKEN = 'token-of-an-administrator';
export const USER_TOKEN = 'token-of-a-user-without-rights';

/** Who issues the tokens of service accounts, and whom they are for. */
const ISSUER = 'https://kubernetes.default.svc';

/** Members of this group may do everything. */
const ADMINISTRATORS = 'system:masters';

export function writeKubernetesFiles(folder: string): KubernetesFiles {
  const certificates = makeCertificates(join(folder, 'tls'), { clientSubject: `/O=${ADMINISTRATORS}/CN=admin` });
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const signingKey = privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();
  const write = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  const users = `${ADMIN_TOKEN},admin,1,"${ADMINISTRATORS}"\n${USER_TOKEN},user,2\n`;
  return {
    certificates,
    signingKey,
    flags: [
      `--tls-cert-file=${certificates.server.certFile}`,
      `--tls-private-key-file=${certificates.server.keyFile}`,
      `--client-ca-file=${certificates.caFile}`,
      `--cert-dir=${folder}`,
      `--service-account-issuer=${ISSUER}`,
      `--service-account-signing-key-file=${write('service-accounts.key', signingKey)}`,
      `--service-account-key-file=${write('service-accounts.pub', publicKey.export({ type: 'spki', format: 'pem' }).toString())}`,
      `--token-auth-file=${write('tokens.csv', users)}`,
    ],
  };
}

/** The API server accepts a token for so long after its end, for clocks that differ. */
const LEEWAY_SECONDS = 60;

/** A token as the API server itself would sign it for a service account, accepted for `seconds`. */
export function signedToken(
  signingKey: string,
  account: { readonly namespace: string; readonly name: string; readonly uid: string },
  seconds: number,
): string {
  const { namespace, name, uid } = account;
  const now = Math.floor(Date.now() / 1_000);
  const claims = {
    iss: ISSUER,
    aud: [ISSUER],
    sub: `system:serviceaccount:${namespace}:${name}`,
    iat: now - LEEWAY_SECONDS,
    nbf: now - LEEWAY_SECONDS,
    exp: now + seconds - LEEWAY_SECONDS,
    'kubernetes.io': { namespace, serviceaccount: { name, uid } },
  };
  const signed = [{ alg: 'RS256', typ: 'JWT' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${signed}.${createSign('sha256').update(signed).sign(signingKey, 'base64url')}`;
}
