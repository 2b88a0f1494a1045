// Unit tests may not open sockets: what needs one is an integration test (`*.int.test.ts`).
import net from 'node:net';

net.Socket.prototype.connect = (): never => {
  throw new Error('A unit test tried to open a network connection. Name the file *.int.test.ts if it needs one.');
};
