// The control interface over HTTP, for tests in other processes: reset, time, inspection and faults.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ServiceBusEmulator } from './emulator.ts';
import { type Condition, ServiceBusError } from './errors.ts';

const ROOT = '/_control';
const MAX_BODY = 64 * 1024;

type Fields = Readonly<Record<string, unknown>>;
type Handler = (emulator: ServiceBusEmulator, fields: Fields) => unknown;

/** A request that cannot be understood. */
class BadRequest extends Error {
  override name = 'BadRequest';
}

/** Whether a request is for the control interface. */
export function isControlPath(url: string): boolean {
  return url === '/health' || url === ROOT || url.startsWith(`${ROOT}/`) || url.startsWith(`${ROOT}?`);
}

/** Method and path of each operation. Fields come from the JSON body, or for GET from the query. */
const OPERATIONS = new Map<string, Handler>([
  ['GET /health', () => ({ status: 'healthy' })],
  ['GET /_control/entities', (emulator) => ({ entities: emulator.entities() })],
  [
    'GET /_control/messages',
    (emulator, fields) => ({ messages: emulator.messages(required(fields, 'path'), optionalNumber(fields, 'limit')) }),
  ],
  [
    'POST /_control/entities',
    (emulator, fields) => {
      const queue = optionalText(fields, 'queue');
      const topic = optionalText(fields, 'topic');
      const subscription = optionalText(fields, 'subscription');
      if (queue !== undefined) emulator.createQueue(queue);
      else if (topic !== undefined && subscription !== undefined) emulator.createSubscription(topic, subscription);
      else if (topic !== undefined) emulator.createTopic(topic);
      else throw new BadRequest('name a queue, a topic, or a topic and a subscription');
      return {};
    },
  ],
  ['POST /_control/reset', (emulator, { entities }) => emulator.reset({ entities: entities === true })],
  ['GET /_control/clock', (emulator) => ({ now: emulator.clock.now() })],
  [
    'POST /_control/clock',
    (emulator, fields) => {
      emulator.advanceClock(requiredNumber(fields, 'advanceMs'));
      return { now: emulator.clock.now() };
    },
  ],
  [
    'POST /_control/detach',
    (emulator, fields) => ({ detached: emulator.detachLinks({ ...path(fields), ...condition(fields) }) }),
  ],
  ['POST /_control/lose-locks', (emulator, fields) => ({ lost: emulator.loseLocks(optionalText(fields, 'path')) })],
  ['POST /_control/disconnect', (emulator) => ({ disconnected: emulator.disconnect() })],
  ['POST /_control/throttle', (emulator, fields) => emulator.throttle(requiredNumber(fields, 'count'))],
  [
    'POST /_control/reject-sends',
    (emulator, fields) =>
      emulator.rejectSends(
        requiredNumber(fields, 'count'),
        condition(fields).condition,
        optionalText(fields, 'entity'),
      ),
  ],
  ['POST /_control/latency', (emulator, fields) => emulator.setLatency(requiredNumber(fields, 'ms'))],
  ['GET /_control/faults', (emulator) => emulator.faults.state],
  ['DELETE /_control/faults', (emulator) => emulator.faults.clear()],
]);

/** Serves one request. */
export async function control(
  emulator: ServiceBusEmulator,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { status, body } = await serve(emulator, request);
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(body)}\n`);
}

async function serve(
  emulator: ServiceBusEmulator,
  request: IncomingMessage,
): Promise<{ status: number; body: unknown }> {
  const url = new URL(request.url ?? '/', 'http://127.0.0.1');
  const handler = OPERATIONS.get(`${request.method} ${url.pathname}`);
  if (handler === undefined)
    return { status: 404, body: { error: `No such operation. There are: ${[...OPERATIONS.keys()].join(', ')}` } };
  try {
    const fields = request.method === 'GET' ? Object.fromEntries(url.searchParams) : await readFields(request);
    return { status: 200, body: handler(emulator, fields) ?? {} };
  } catch (error) {
    if (error instanceof ServiceBusError) return { status: error.status, body: { error: error.message } };
    if (error instanceof BadRequest || error instanceof SyntaxError || error instanceof RangeError)
      return { status: 400, body: { error: error.message } };
    throw error;
  }
}

async function readFields(request: IncomingMessage): Promise<Fields> {
  let text = '';
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > MAX_BODY) throw new BadRequest('the body is too large');
  }
  if (text === '') return {};
  const parsed: unknown = JSON.parse(text);
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed as Fields;
  throw new BadRequest('the body must be a JSON object');
}

function optionalText(fields: Fields, key: string): string | undefined {
  const value = fields[key];
  if (value === undefined || typeof value === 'string') return value;
  throw new BadRequest(`'${key}' must be text`);
}

function required(fields: Fields, key: string): string {
  const value = optionalText(fields, key);
  if (value === undefined) throw new BadRequest(`'${key}' is missing`);
  return value;
}

function optionalNumber(fields: Fields, key: string): number | undefined {
  return fields[key] === undefined ? undefined : requiredNumber(fields, key);
}

function requiredNumber(fields: Fields, key: string): number {
  const value = Number(fields[key]);
  if (Number.isFinite(value) && value >= 0) return value;
  throw new BadRequest(`'${key}' must be a number, zero or more`);
}

function path(fields: Fields): { path?: string } {
  const value = optionalText(fields, 'path');
  return value === undefined ? {} : { path: value };
}

function condition(fields: Fields): { condition?: Condition } {
  const value = optionalText(fields, 'condition');
  return value === undefined ? {} : { condition: value as Condition };
}
