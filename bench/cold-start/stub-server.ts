// A server that answers what the functions ask of DynamoDB and SNS, as fast as can be: first calls wait for nothing else.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Context } from '../kit/benchmark.ts';

/** Starts the server and returns its URL. */
export async function startStub(
  { atEnd }: Pick<Context, 'atEnd'>,
  itemsOf: (table: string) => readonly object[],
): Promise<string> {
  const server = http.createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString('utf8');
    const operation = String(request.headers['x-amz-target'] ?? '').split('.')[1];
    const [type, text] =
      operation === undefined
        ? ['text/xml', published(body)]
        : ['application/x-amz-json-1.0', answer(operation, body, itemsOf)];
    response.writeHead(200, { 'content-type': type }).end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A query finds the items of the table whatever it asks for; there is nothing else, and every write succeeds. */
function answer(operation: string, body: string, itemsOf: (table: string) => readonly object[]): string {
  if (operation === 'Query') {
    const Items = itemsOf((JSON.parse(body) as { TableName: string }).TableName);
    return JSON.stringify({ Items, Count: Items.length });
  }
  if (operation !== 'BatchExecuteStatement') return '{}';
  const { Statements = [] } = JSON.parse(body) as { Statements?: readonly unknown[] };
  return JSON.stringify({ Responses: Statements.map(() => ({ TableName: 'bench' })) });
}

function published(body: string): string {
  const ids = [...new URLSearchParams(body)].filter(([name]) => name.endsWith('.Id')).map(([, id]) => id);
  const members = ids.map((id) => `<member><Id>${id}</Id><MessageId>${id}</MessageId></member>`).join('');
  return `<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishBatchResult><Failed/><Successful>${members}</Successful></PublishBatchResult></PublishBatchResponse>`;
}
