/**
 * Where a client asks a server for its load and nothing else. Under /.well-known (RFC 8615), where no application has
 * routes of its own.
 */
export const LOAD_PROBE_PATH = '/.well-known/fetchmesh/load';
