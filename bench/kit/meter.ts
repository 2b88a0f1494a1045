// A meter in front of a DynamoDB server: counts calls and adds up what the server says each of them would be billed.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Context } from './benchmark.ts';

export interface Usage {
  /** Requests. */
  readonly calls: number;
  readonly writeUnits: number;
  readonly readUnits: number;
  /** Requests or statements refused by a condition: AWS bills those like writes, the emulator reports no units for them. */
  readonly refused: number;
  readonly byOperation: Readonly<Record<string, number>>;
}

export interface Meter {
  readonly endpoint: string;
  /** What was used since the meter was made or last read. */
  take(): Usage;
}

/** Operations whose capacity units are read units; all others write. */
const READS = new Set(['GetItem', 'BatchGetItem', 'Query', 'Scan', 'TransactGetItems']);

interface Consumed {
  readonly CapacityUnits?: number;
}

interface Answer {
  readonly ConsumedCapacity?: Consumed | readonly Consumed[];
  readonly Responses?: readonly { readonly Error?: unknown }[] | Readonly<Record<string, unknown>>;
}

const empty = () => ({ calls: 0, writeUnits: 0, readUnits: 0, refused: 0, byOperation: {} as Record<string, number> });

/**
 * Starts a meter. It asks for `ReturnConsumedCapacity` in every request that passes, so whatever sends the requests need not
 * know of it. Much slower than the server itself: for counting, never for timing.
 */
export async function startMeter(target: string, { atEnd }: Pick<Context, 'atEnd'>): Promise<Meter> {
  let usage = empty();
  const agent = new http.Agent({ keepAlive: true });
  const count = (operation: string, status: number, answer: Answer) => {
    usage.calls += 1;
    usage.byOperation[operation] = (usage.byOperation[operation] ?? 0) + 1;
    if (status >= 400) usage.refused += 1;
    if (Array.isArray(answer.Responses))
      usage.refused += answer.Responses.filter(({ Error: refused }) => refused !== undefined).length;
    const consumed = [answer.ConsumedCapacity ?? []].flat() as readonly Consumed[];
    const units = consumed.reduce((sum, { CapacityUnits = 0 }) => sum + CapacityUnits, 0);
    if (READS.has(operation)) usage.readUnits += units;
    else usage.writeUnits += units;
  };
  const server = http.createServer(async (request, response) => {
    const operation = String(request.headers['x-amz-target']).split('.')[1] ?? 'unknown';
    const body = { ...(JSON.parse(await bodyOf(request)) as object), ReturnConsumedCapacity: 'TOTAL' };
    const text = JSON.stringify(body);
    const headers = { ...request.headers, 'content-length': String(Buffer.byteLength(text)) };
    const onward = http.request(target, { method: 'POST', agent, headers }, async (answer) => {
      const answered = await bodyOf(answer);
      count(operation, answer.statusCode ?? 500, JSON.parse(answered) as Answer);
      const { 'x-amz-crc32': _checksum, 'content-length': _length, ...rest } = answer.headers;
      response.writeHead(answer.statusCode ?? 500, rest).end(answered);
    });
    onward.on('error', () => response.destroy());
    onward.end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(async () => {
    agent.destroy();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    take() {
      const taken = usage;
      usage = empty();
      return taken;
    },
  };
}

async function bodyOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
