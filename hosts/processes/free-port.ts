// Picks a TCP port on 127.0.0.1 for a program that cannot pick one itself.
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';

/**
 * @returns a port that was free a moment ago; another program may take it first, so the caller must be ready to try again
 */
export async function freePort(): Promise<number> {
  const server = net.createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
