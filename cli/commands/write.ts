// `polycell write`: sends a write to the API as a tenant, such as a device of the catalogue.
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { IDEMPOTENCY_HEADER } from '../../core/http/writes.ts';
import { type Command, EXIT, required, UsageError, YES_DESCRIPTION, YES_OPTION } from '../command.ts';
import { confirm } from '../edge/confirm.ts';
import { connect } from '../edge/connection.ts';
import { causeOf, whoAnswered } from '../edge/edge-client.ts';
import { problemText } from './get.ts';

const METHODS: readonly string[] = ['PUT', 'PATCH', 'POST', 'DELETE'];

export const write: Command = {
  summary: 'write to the API, such as a device of the catalogue',
  usage: 'METHOD PATH --tenant T [--file FILE | --data JSON] [--key K]',
  example: 'npx polycell write DELETE /v1/catalog/devices/pump-1 --tenant acme',
  asks: 'edge',
  options: {
    tenant: { type: 'string' },
    file: { type: 'string' },
    data: { type: 'string' },
    key: { type: 'string' },
    cell: { type: 'string' },
    ...YES_OPTION,
  },
  positionals: 2,
  describe: {
    '--tenant T': 'the tenant to write as',
    '--file FILE': 'the body, in JSON',
    '--data JSON': 'the body itself',
    '--key K': 'the idempotency key: a repeat with the same one is accepted once; a new one if not given',
    ...YES_DESCRIPTION,
    '--cell C': 'send to this cell directly; through the edge if not given',
  },
  async run({ positionals, options, out, err }) {
    const [method = '', path = ''] = positionals;
    if (!METHODS.includes(method) || !path.startsWith('/'))
      throw new UsageError(
        `Give a method, one of ${METHODS.join(', ')}, and a path such as /v1/catalog/devices/pump-1.`,
      );
    const tenant = required(options, 'tenant');
    const body = await bodyOf(options.file as string | undefined, options.data as string | undefined);
    const key = (options.key as string | undefined) ?? randomUUID();
    const connection = await connect(options);
    const target = await connection.target(tenant, options.cell as string | undefined);
    await confirm(connection, { options, err }, { name: tenant, missing: undefined });
    const headers = { [IDEMPOTENCY_HEADER]: key, ...(body !== undefined && { 'content-type': 'application/json' }) };
    const init = { method, headers, ...(body !== undefined && { body }) };
    const response = await target.call('ingest', path, init).catch((error: unknown) => {
      err(`To repeat it safely, give --key ${key}`);
      throw error;
    });
    const text = await response.text();
    if (response.ok) {
      out(text);
      return 0;
    }
    err(`${whoAnswered(response)} answered ${response.status}: ${problemText(text)}`);
    if (response.status < 500) return EXIT.refused;
    err(`To repeat it safely, give --key ${key}`);
    return EXIT.failed;
  },
};

async function bodyOf(file: string | undefined, data: string | undefined): Promise<string | undefined> {
  if (file === undefined) return data;
  if (data !== undefined) throw new UsageError('Give either --file or --data.');
  return readFile(file, 'utf8').catch((error: unknown) => {
    throw new UsageError(`${file} cannot be read: ${causeOf(error)}.`);
  });
}
