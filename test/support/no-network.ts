// Unit tests may not open sockets: what needs one is an integration test (`*.int.test.ts`).
import net from 'node:net';

const { connect } = net.Socket.prototype;

beforeAll(() => {
  net.Socket.prototype.connect = (): never => {
    throw new Error('A unit test tried to open a network connection. Name the file *.int.test.ts if it needs one.');
  };
});

// The process that runs this file may run an integration test next, and they share Node.js's own modules.
afterAll(() => {
  net.Socket.prototype.connect = connect;
});
