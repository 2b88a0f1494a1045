// Runs fauxqs in a process of its own, on 127.0.0.1 only, with what it lacks: SNS batch limits, keeping messages, and the region of buckets.
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import { buildApp } from 'fauxqs';

/** @type {{ port: number, region: string, dataDir?: string }} */
const options = JSON.parse(process.argv[2] ?? '{}');
// The package exports no stores, and its own start function listens on every interface.
const { SqsStore } = await import(new URL('./sqs/sqsStore.js', import.meta.resolve('fauxqs')).href);
const { SnsStore } = await import(new URL('./sns/snsStore.js', import.meta.resolve('fauxqs')).href);
const { S3Store } = await import(new URL('./s3/s3Store.js', import.meta.resolve('fauxqs')).href);
const stores = { sqsStore: new SqsStore(), snsStore: new SnsStore(), s3Store: new S3Store() };
// Queue URLs then carry the address that the client used, in place of a name that few machines resolve.
stores.sqsStore.host = '';
const app = buildApp({ logger: false, defaultRegion: options.region, stores });

/** https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html */
const MAXIMUM_ENTRIES = 10;
const MAXIMUM_BATCH_BYTES = 262_144;

/** @param {Record<string, string>} form @returns {[code: string, message: string] | undefined} */
function batchProblem(form) {
  const prefix = 'PublishBatchRequestEntries.member.';
  /** @type {Map<string, string[]>} */
  const ids = new Map();
  let bytes = 0;
  for (const [key, value] of Object.entries(form)) {
    const [index = '', field = ''] = key.startsWith(prefix) ? key.slice(prefix.length).split(/\.(.*)/s) : [];
    if (index === '') continue;
    if (!ids.has(index)) ids.set(index, []);
    if (field === 'Id') ids.get(index)?.push(value);
    if (field === 'Message' || field.startsWith('MessageAttributes.')) bytes += Buffer.byteLength(value);
    if (field === 'Message' && value === '') return ['InvalidParameter', 'Invalid parameter: Empty message'];
  }
  const all = [...ids.values()].flat();
  if (ids.size === 0) return ['EmptyBatchRequest', 'The batch request does not contain any entries.'];
  if (ids.size > MAXIMUM_ENTRIES)
    return ['TooManyEntriesInBatchRequest', 'The batch request contains more entries than permissible.'];
  if (new Set(all).size < ids.size)
    return ['BatchEntryIdsNotDistinct', 'Two or more batch entries in the request have the same Id.'];
  if (all.some((id) => !/^[\w-]{1,80}$/.test(id)))
    return ['InvalidBatchEntryId', 'The Id of a batch entry in a batch request does not abide by the specification.'];
  if (bytes > MAXIMUM_BATCH_BYTES)
    return ['BatchRequestTooLong', 'The length of all the batch messages put together is more than the limit.'];
  return undefined;
}

/** @param {any} request @param {any} reply a Fastify request and reply; the package exports no types for them */
async function enforceBatchLimits(request, reply) {
  const form = /** @type {Record<string, string> | undefined} */ (request.body);
  if (form?.Action !== 'PublishBatch') return undefined;
  const problem = batchProblem(form);
  if (problem === undefined) return undefined;
  const [code, message] = problem;
  const error = `<Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error>`;
  return reply
    .code(400)
    .header('content-type', 'text/xml')
    .send(`<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">${error}</ErrorResponse>`);
}
app.addHook('preHandler', enforceBatchLimits);

/**
 * A long poll whose client has gone still takes messages out of the queue. They are put back, or each would be invisible
 * for its visibility timeout after every outage of a client.
 * @param {any} request @param {any} reply @param {unknown} payload
 */
async function returnUndelivered(request, reply, payload) {
  const isReceive = request.headers['x-amz-target'] === 'AmazonSQS.ReceiveMessage';
  if (!isReceive || !reply.raw.destroyed || typeof payload !== 'string') return payload;
  const queue = stores.sqsStore.getQueue(request.body.QueueUrl);
  for (const { ReceiptHandle } of JSON.parse(payload).Messages ?? []) {
    const inFlight = queue?.inflightMessages.get(ReceiptHandle);
    if (inFlight !== undefined) inFlight.message.approximateReceiveCount--;
    queue?.changeVisibility(ReceiptHandle, 0);
  }
  return payload;
}
app.addHook('onSend', returnUndelivered);

/**
 * Every bucket is in the region of the emulator: https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html
 * @param {any} request @param {any} reply @param {unknown} payload
 */
async function nameRegion(request, reply, payload) {
  if (request.method === 'HEAD') reply.header('x-amz-bucket-region', options.region);
  return payload;
}
app.addHook('onSend', nameRegion);

const dump = options.dataDir === undefined ? undefined : path.join(options.dataDir, 'sns-sqs.json');
const running = options.dataDir === undefined ? undefined : path.join(options.dataDir, 'sns-sqs.running');

/** @param {string} file @returns {Promise<string | undefined>} */
async function readIfThere(file) {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Puts the messages of the last clean stop back; those that were in flight are visible at once. @param {number} port */
async function restore(port) {
  const text = dump === undefined ? undefined : await readIfThere(dump);
  if (text === undefined) return;
  for (const { name, arn, attributes, messages } of JSON.parse(text).queues) {
    const queue = stores.sqsStore.createQueue(name, `http://127.0.0.1:${port}/000000000000/${name}`, arn, attributes);
    for (const message of messages) queue.enqueue(message);
  }
}

async function save() {
  if (dump === undefined || running === undefined) return;
  const queues = stores.sqsStore.listQueues().map((/** @type {any} */ queue) => {
    const { ready, delayed, inflight } = queue.inspectMessages();
    const messages = [...inflight.map((/** @type {any} */ entry) => entry.message), ...ready, ...delayed];
    return { name: queue.name, arn: queue.arn, attributes: queue.attributes, messages };
  });
  await writeFile(`${dump}.new`, JSON.stringify({ version: 1, queues }));
  await rename(`${dump}.new`, dump);
  await rm(running, { force: true });
}

let cleanStart = true;
if (options.dataDir !== undefined && running !== undefined) {
  await mkdir(options.dataDir, { recursive: true });
  cleanStart = (await readIfThere(running)) === undefined;
}
try {
  await app.listen({ port: options.port, host: '127.0.0.1' });
} catch (error) {
  process.send?.({ kind: 'failed', reason: String(error) });
  process.exit(1);
}
const { port } = /** @type {import('node:net').AddressInfo} */ (app.server.address());
await restore(port);
if (running !== undefined) await writeFile(running, `${process.pid}\n`);

process.on('message', (message) => {
  if (/** @type {{ kind?: unknown }} */ (message).kind !== 'stop') return;
  app
    .close()
    .then(save)
    .then(
      () => process.exit(0),
      (/** @type {unknown} */ error) => process.stderr.write(`${String(error)}\n`, () => process.exit(1)),
    );
});
// The stack is gone, or wants nothing more: without its word this is no clean stop.
process.on('disconnect', () => process.exit(1));
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) process.on(signal, () => undefined);
process.send?.({ kind: 'ready', port, cleanStart });
