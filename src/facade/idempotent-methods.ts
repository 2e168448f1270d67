/** Methods that may be sent twice (RFC 9110 section 9.2.2). `fetch` refuses TRACE before it is looked for here. */
export const IDEMPOTENT_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE']);
