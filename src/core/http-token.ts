/** A method or a header's name must be a token (RFC 9110 section 5.6.2). */
const TOKEN = /^[!#$%&'*+\-.^_`|~\dA-Za-z]+$/;

export function isToken(text: string): boolean {
  return TOKEN.test(text);
}
