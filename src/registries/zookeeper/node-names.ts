/**
 * Paths of znodes. A znode's name is nearly any text but a slash, while an instance's id often is a URL: it is written
 * with percent signs then. Ids that Curator makes up (UUIDs) stay as they are.
 */

/** The name of the znode that holds the instance of this id. @throws URIError for half a surrogate pair. */
export function nodeNameOf(id: string): string {
  if (/^\.\.?$/.test(id)) return id.replaceAll('.', '%2E');
  return encodeURIComponent(id);
}

/** The id of the instance that the znode of this name holds. Two names never have one id. */
export function idOfNode(name: string): string {
  if (!name.includes('%')) return name;
  try {
    const id = decodeURIComponent(name);
    return nodeNameOf(id) === name ? id : name;
  } catch {
    return name;
  }
}

/** Whether text can be the name of a znode as it is: what ZooKeeper itself refuses, and slashes. */
export function isNodeName(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  return text !== '' && !/^\.\.?$/.test(text) && !/[/\u0000-\u001f\u007f-\u009f\ud800-\uf8ff\ufff0-\uffff]/u.test(text);
}

/** Joins absolute paths, of which each may be the root. */
export function joinPaths(...paths: readonly string[]): string {
  const joined = paths.map((path) => path.replace(/^\/+|\/+$/g, '')).filter((path) => path !== '');
  return `/${joined.join('/')}`;
}

/** The path that a znode stands in: `/` for `/a`. */
export function parentOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf('/')));
}

/** The last name of a path. */
export function nameIn(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
