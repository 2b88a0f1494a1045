// Asks the API of AWS, or what emulates it, in the three protocols that its services speak, with requests signed as AWS documents it
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html). The project's SDKs cover a third of what a cell consists of.
import { createHash, createHmac } from 'node:crypto';
import type { Json } from './json.ts';
import { parseXml } from './xml.ts';

/** What an emulator is given: it asks for credentials and believes any. */
export const CREDENTIALS = { id: 'emulator', secret: 'emulator' } as const;

/** For one answer, in milliseconds: an emulator on a busy machine. */
const ANSWER_MS = 60_000;

interface Unsigned {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const sha256 = (data: string): string => createHash('sha256').update(data).digest('hex');
const hmac = (key: string | Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest();

const escaped = (value: string): string =>
  encodeURIComponent(value).replace(/[!'()*]/g, (each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`);

/** The headers of a request with its signature. `time` is such as 20150830T123600Z. */
export function sign(
  { method, url, headers, body }: Unsigned,
  { service, region, time }: { readonly service: string; readonly region: string; readonly time: string },
  { id, secret }: { readonly id: string; readonly secret: string } = CREDENTIALS,
): Readonly<Record<string, string>> {
  const all: Record<string, string> = { host: url.host, 'x-amz-date': time };
  for (const [name, value] of Object.entries(headers)) all[name.toLowerCase()] = value.trim();
  const names = Object.keys(all).sort();
  const query = [...url.searchParams].map(([name, value]) => `${escaped(name)}=${escaped(value)}`).sort();
  // Every segment is escaped twice, as every service but S3 wants it.
  const path = url.pathname.split('/').map(escaped).join('/');
  const canonical = [
    method,
    path,
    query.join('&'),
    ...names.map((name) => `${name}:${all[name]}`),
    '',
    names.join(';'),
    sha256(body),
  ].join('\n');
  const scope = `${time.slice(0, 8)}/${region}/${service}/aws4_request`;
  const key = scope.split('/').reduce<string | Buffer>(hmac, `AWS4${secret}`);
  const signature = hmac(key, ['AWS4-HMAC-SHA256', time, scope, sha256(canonical)].join('\n')).toString('hex');
  const authorization = `AWS4-HMAC-SHA256 Credential=${id}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
  const { host: _host, ...sent } = all;
  return { ...sent, authorization };
}

/** A refusal of the API. */
export class AwsFault extends Error {
  override readonly name = 'AwsFault';
  readonly status: number;

  constructor(what: string, status: number, answer: string) {
    super(`${what}: ${status} ${answer.trim().slice(0, 500)}`);
    this.status = status;
  }
}

/** The services of a region. */
export class AwsClient {
  readonly #endpoint: string;
  readonly #region: string;
  readonly #signal: AbortSignal;

  constructor({ endpoint, region, signal }: { endpoint: string; region: string; signal: AbortSignal }) {
    this.#endpoint = endpoint.replace(/\/$/, '');
    this.#region = region;
    this.#signal = signal;
  }

  /** Services whose operation is in a header, such as DynamoDB: `target` is `DynamoDB_20120810.ListTables`. */
  async json(service: string, target: string, input: Json, version: '1.0' | '1.1' = '1.1'): Promise<Json> {
    const headers = { 'content-type': `application/x-amz-json-${version}`, 'x-amz-target': target };
    return JSON.parse(await this.#send(service, target, 'POST', '/', headers, JSON.stringify(input))) as Json;
  }

  /** Services that have a path for each thing, such as Lambda; only reads. */
  async rest(service: string, path: string): Promise<Json> {
    return JSON.parse(await this.#send(service, path, 'GET', path, {}, '')) as Json;
  }

  /** Services whose operation is a parameter, such as IAM, and which answer in XML: what is in `<Operation>Result`, or in the answer itself. */
  async query(
    service: string,
    version: string,
    operation: string,
    parameters: Readonly<Record<string, string>> = {},
  ): Promise<Json> {
    const headers = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' };
    const body = new URLSearchParams({ Action: operation, Version: version, ...parameters }).toString();
    const answer = parseXml(await this.#send(service, operation, 'POST', '/', headers, body));
    const result =
      answer !== null && typeof answer === 'object' && !Array.isArray(answer)
        ? (answer as { readonly [name: string]: Json })[`${operation}Result`]
        : undefined;
    return result ?? answer;
  }

  async #send(
    service: string,
    what: string,
    method: string,
    path: string,
    headers: Readonly<Record<string, string>>,
    body: string,
  ): Promise<string> {
    const url = new URL(this.#endpoint + path);
    const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
    const signed = sign({ method, url, headers, body }, { service, region: this.#region, time });
    const response = await fetch(url, {
      method,
      headers: signed,
      ...(method !== 'GET' && { body }),
      signal: AbortSignal.any([this.#signal, AbortSignal.timeout(ANSWER_MS)]),
    });
    const answer = await response.text();
    if (!response.ok) throw new AwsFault(`${service} ${what}`, response.status, answer);
    return answer;
  }
}
