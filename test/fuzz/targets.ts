// What is fuzzed: cells of both clouds, whose answers must be alike, and the edge in front of a cell in memory.
import { application } from '../../core/application.ts';
import allowed from '../parity/allowed.json' with { type: 'json' };
import { compare } from '../parity/compare.ts';
import { Player } from '../parity/player.ts';
import type { RequestStep } from '../parity/recording.ts';
import { SIDES } from '../parity/run.ts';
import { openAwsCell } from '../support/aws-cell-harness.ts';
import { openAzureCell } from '../support/azure-cell-harness.ts';
import { testCell } from '../support/cell.ts';
import { testEdge } from '../support/edge.ts';
import { PATIENT } from '../support/impatient.ts';

export interface Target {
  readonly name: string;
  /** What is wrong with the answers to a request, or `undefined`. The texts of one fault begin alike. */
  attempt(step: RequestStep): Promise<string | undefined>;
  close(): Promise<void>;
}

const LANE_TENANTS = /^fuzz-/;

/** A cell of each cloud on emulators: neither answers 500, and both answer alike. */
export async function bothCells(): Promise<Target> {
  const opened = await Promise.allSettled([openAwsCell([], PATIENT), openAzureCell([], PATIENT)]);
  const cells = opened.flatMap((cell) => (cell.status === 'fulfilled' ? [cell.value] : []));
  const close = async () => {
    await Promise.all(cells.map((cell) => cell.close()));
  };
  for (const cell of opened)
    if (cell.status === 'rejected') {
      await close();
      throw cell.reason;
    }
  const players = cells.map((cell) => new Player(cell));
  return {
    name: 'a cell of each cloud',
    close,
    async attempt(step) {
      const [aws, azure] = await Promise.all(
        players.map((player) => player.play(step).catch((error: unknown) => String(error))),
      );
      if (typeof aws === 'string') return `AWS gives no answer: ${aws}`;
      if (typeof azure === 'string') return `Azure gives no answer: ${azure}`;
      const [one, two] = [aws?.[0], azure?.[0]];
      if (one === undefined || two === undefined) throw new TypeError('A request has an answer.');
      if (one.answer.status >= 500) return `AWS answers ${one.answer.status}: ${one.answer.body}`;
      if (two.answer.status >= 500) return `Azure answers ${two.answer.status}: ${two.answer.body}`;
      const [difference] = compare(one, two, allowed, SIDES).filter(({ allowedBy }) => allowedBy === undefined);
      return difference && `the ${difference.at} differs: ${difference.aws} on AWS, ${difference.azure} on Azure`;
    },
  };
}

/** The edge, in this process: it answers everything, and nothing with 500. */
export async function edge(): Promise<Target> {
  const front = testEdge();
  const cell = testCell({ application, clock: front.clock });
  await front.addCells('cell-1');
  front.cells.set('https://cell-1.example', (url, { method, headers, body }) =>
    cell.handle(new Request(url, { method, headers: headers as Record<string, string>, body, duplex: 'half' })),
  );
  const known = new Set<string>();
  return {
    name: 'the edge',
    close: async () => undefined,
    async attempt({ method, path, headers, body, caller }) {
      const tenant = caller?.tenant ?? 'fuzz-reader';
      if (LANE_TENANTS.test(tenant) && !known.has(tenant)) {
        known.add(tenant);
        await front.addTenant(tenant, 'cell-1');
        await front.publish();
      }
      const init = { method, headers: headers as Record<string, string>, tenant };
      const bodied = method === 'GET' || method === 'HEAD' || body.length === 0;
      front.received.length = 0;
      const response = await front.call(path, bodied ? init : { ...init, body: Buffer.from(body) });
      const text = await response.text();
      return response.status >= 500 ? `the edge answers ${response.status}: ${text}` : undefined;
    },
  };
}
