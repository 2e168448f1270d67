import { readFile, stat } from 'node:fs/promises';
import { MeshError } from '../../core/errors.js';

/** The ACL token of a Consul: a text, or what a file has in it, which somebody may replace. */
export class TokenSource {
  private readonly file: string | undefined;
  private text: string | undefined;
  private readFrom: string | undefined = undefined;

  constructor({ token, tokenFile }: { readonly token: string | undefined; readonly tokenFile: string | undefined }) {
    this.text = token;
    this.file = tokenFile;
  }

  /** The token; undefined for none. Looks at the file, and reads it when it is another than before. */
  async current(): Promise<string | undefined> {
    if (this.file === undefined) return this.text;
    try {
      const { mtimeMs, ino, size } = await stat(this.file);
      const version = `${mtimeMs} ${ino} ${size}`;
      if (version !== this.readFrom) {
        await this.read(this.file);
        this.readFrom = version;
      }
    } catch (error) {
      // Whoever replaces a file may take it away for a moment; the token in hand may well be good.
      if (this.text === undefined) throw unreadable(this.file, error);
    }
    return this.text;
  }

  /** Reads the file, whether or not it seems to have changed. True if that gave another token than `refused`. */
  async renewed(refused: string | undefined): Promise<boolean> {
    if (this.file === undefined) return false;
    try {
      await this.read(this.file);
    } catch {
      return false;
    }
    return this.text !== refused;
  }

  private async read(file: string): Promise<void> {
    const text = (await readFile(file, 'utf8')).trim();
    if (!/^[\x21-\x7e]+$/.test(text)) throw new Error('it must have the token and nothing else in it');
    this.text = text;
  }
}

function unreadable(file: string, cause: unknown): MeshError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new MeshError('ERR_MESH_DISCOVERY', `consul: no token could be read from tokenFile ${file} (${reason})`, { cause });
}
