// Unit tests may not open sockets: what needs one is an integration test (`*.int.test.ts`).
import net from 'node:net';

const { connect } = net.Socket.prototype;

beforeAll(() => {
  net.Socket.prototype.connect = (): never => {
    throw new Error('A unit test tried to open a network connection. Name the file *.int.test.ts if it needs one.');
  };
});

// Node's own modules are shared by all test files of a worker, integration tests among them.
afterAll(() => {
  net.Socket.prototype.connect = connect;
});
