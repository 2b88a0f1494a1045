// A connection without a network: what the server writes when a client's frames come late, twice or on no session.
import { Duplex } from 'node:stream';
import { Connection, type ConnectionHost, type Sink } from '../../amqp/connection.ts';
import { described, type Encodable, list, uint, ushort } from '../../amqp/encode.ts';
import { AMQP_HEADER, decodeFrame, encodeFrame, type Frame, FrameReader, PERFORMATIVE } from '../../amqp/frames.ts';
import { Described } from '../../amqp/values.ts';
import { entityNotFound } from '../../errors.ts';

/** A client that writes frames and reads those of the server. */
class Client {
  readonly connection: Connection;
  private readonly sent: Buffer[] = [];
  private readonly stream: Duplex;

  constructor(attach: ConnectionHost['attach']) {
    this.stream = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer, _encoding, done) => {
        this.sent.push(chunk);
        done();
      },
    });
    this.connection = new Connection(this.stream, { attach, beforeWrite: () => undefined, log: () => undefined });
    this.stream.push(AMQP_HEADER);
  }

  send(channel: number, performative: number, fields: readonly Encodable[], payload?: Buffer): void {
    this.stream.push(encodeFrame(channel, performative, fields, payload));
  }

  /** The frames that the server has written once it has nothing more to say. */
  async frames(): Promise<Frame[]> {
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
    const found: Frame[] = [];
    for (const part of new FrameReader(65_536).feed(Buffer.concat(this.sent))) {
      const frame = 'frame' in part ? decodeFrame(part.frame) : undefined;
      if (frame !== undefined) found.push(frame);
    }
    return found;
  }
}

const OPEN = ['client', 'shop.servicebus.windows.net'];
const BEGIN = [null, uint(0), uint(100), uint(100)];
const DISPOSITION = [true, uint(0), uint(0), true, described(0x24, list([]))];
const FLOW = [uint(0), uint(100), uint(0), uint(100), uint(0), uint(0), uint(1)];
/** A sender on handle 0. */
const ATTACH = [
  'link',
  uint(0),
  false,
  null,
  null,
  described(0x28, list(['source'])),
  described(0x29, list(['target'])),
  null,
  null,
  uint(0),
];

const refuse = (): never => {
  throw entityNotFound('missing');
};

const performatives = (frames: readonly Frame[]) => frames.map(({ performative }) => performative);

test('frames that come after the end of their session are passed over', async () => {
  const client = new Client(refuse);
  client.send(0, PERFORMATIVE.open, OPEN);
  client.send(3, PERFORMATIVE.begin, BEGIN);
  client.send(3, PERFORMATIVE.end, []);
  client.send(3, PERFORMATIVE.disposition, DISPOSITION);
  client.send(3, PERFORMATIVE.flow, FLOW);
  client.send(3, PERFORMATIVE.transfer, [uint(0), uint(0), Buffer.from('tag')], Buffer.from('payload'));
  client.send(3, PERFORMATIVE.detach, [uint(0), true]);
  client.send(3, PERFORMATIVE.end, []);
  client.send(4, PERFORMATIVE.begin, BEGIN);
  client.send(3, PERFORMATIVE.begin, BEGIN);
  const { open, begin, end } = PERFORMATIVE;
  const frames = await client.frames();
  expect(performatives(frames)).toEqual([open, begin, end, begin, begin]);
  expect(frames.map(({ channel }) => channel)).toEqual([0, 3, 3, 4, 3]);
});

test.each([
  ['on a channel that never had a session', (client: Client) => client.send(9, PERFORMATIVE.flow, FLOW)],
  ['for a second session on a channel', (client: Client) => client.send(0, PERFORMATIVE.begin, BEGIN)],
  ['on a channel beyond the largest', (client: Client) => client.send(5_000, PERFORMATIVE.begin, BEGIN)],
])('a frame %s ends the connection', async (_what, send) => {
  const client = new Client(refuse);
  client.send(0, PERFORMATIVE.open, OPEN);
  client.send(0, PERFORMATIVE.begin, BEGIN);
  send(client);
  const frames = await client.frames();
  expect(performatives(frames)).toEqual([PERFORMATIVE.open, PERFORMATIVE.begin, PERFORMATIVE.close]);
});

test('what was settled is said before the end of its session, and nothing after it', async () => {
  const sink: Sink = { receive: (_payload, _format, settle) => settle() };
  const client = new Client(() => ({ kind: 'sender', sink, maxMessageSize: 1_000 }));
  client.send(0, PERFORMATIVE.open, OPEN);
  client.send(0, PERFORMATIVE.begin, BEGIN);
  client.send(0, PERFORMATIVE.attach, ATTACH);
  client.send(0, PERFORMATIVE.transfer, [uint(0), uint(0), Buffer.from('tag')], Buffer.from('payload'));
  client.send(0, PERFORMATIVE.end, []);
  const { open, begin, attach, flow, disposition, end } = PERFORMATIVE;
  expect(performatives(await client.frames())).toEqual([open, begin, attach, flow, disposition, end]);
});

test('errors name the host that the client opened the connection with', async () => {
  const client = new Client(refuse);
  client.send(0, PERFORMATIVE.open, [...OPEN, uint(65_536), ushort(10)]);
  client.send(0, PERFORMATIVE.begin, BEGIN);
  client.send(0, PERFORMATIVE.attach, ATTACH);
  const detach = (await client.frames()).at(-1);
  expect(detach?.performative).toBe(PERFORMATIVE.detach);
  const error = detach?.fields[2];
  expect(error instanceof Described ? error.value : undefined).toEqual([
    'amqp:not-found',
    "The messaging entity 'sb://shop.servicebus.windows.net/missing' could not be found. To know more visit https://aka.ms/sbResourceMgrExceptions.",
  ]);
});
