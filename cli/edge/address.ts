// Addresses that credentials may be sent to.
import { UsageError } from '../command.ts';

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/**
 * The address without a slash at its end. Plain HTTP is for this machine: elsewhere, anyone on the way could read the token.
 * @throws UsageError
 */
export function secureAddress(name: string, text: string): string {
  if (!URL.canParse(text))
    throw new UsageError(`${name} must be an address such as https://edge.example.com, not ${JSON.stringify(text)}.`);
  const url = new URL(text);
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    throw new UsageError(`${name} must be an address without a password, a query or a fragment.`);
  if (url.protocol === 'https:' || (url.protocol === 'http:' && LOOPBACK.test(url.hostname)))
    return url.href.replace(/\/+$/, '');
  throw new UsageError(`${name} must begin with https://, as a token is sent there; http:// is for this machine only.`);
}

/** The address of an edge, which has no path. @throws UsageError */
export function edgeAddress(name: string, text: string): string {
  const address = secureAddress(name, text);
  if (new URL(address).pathname !== '/') throw new UsageError(`${name} must be an address without a path.`);
  return address;
}
