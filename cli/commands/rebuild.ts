// `polycell rebuild`: derives again, from the log, the state that a consumer keeps.
import { setTimeout as sleep } from 'node:timers/promises';
import type { RebuildProgress } from '../../core/pipeline/rebuild.ts';
import { type Command, required, UsageError, UserError, wholeNumber, YES_DESCRIPTION, YES_OPTION } from '../command.ts';
import { everyTenant } from '../directory.ts';
import { confirm } from '../edge/confirm.ts';
import { connect } from '../edge/connection.ts';
import { type Target, whoAnswered } from '../edge/edge-client.ts';
import { counted } from '../table.ts';

/** Steps of one tenant that bring nothing before the command gives up, each with a pause behind it. */
const IDLE_STEPS = 30;

/** The pause after a step that had to end early, in milliseconds. */
const PAUSE_MS = 2000;

/** Events a second, at most, that can be asked for. */
const FASTEST = 1_000_000;

export const rebuild: Command = {
  summary: 'derive again, from the log, the state that a consumer keeps',
  usage: '--consumer C [--tenant T] [--from TIME]',
  example: 'npx polycell rebuild --consumer rollups --tenant acme',
  asks: 'edge',
  options: {
    consumer: { type: 'string' },
    tenant: { type: 'string' },
    from: { type: 'string' },
    rate: { type: 'string' },
    restart: { type: 'boolean' },
    cell: { type: 'string' },
    ...YES_OPTION,
  },
  positionals: 0,
  describe: {
    '--consumer C': 'the consumer whose state it is',
    '--tenant T': 'only this tenant; all tenants of the directory if not given',
    '--from TIME': 'apply the events from this time on again, and keep what is there; without it all is derived anew',
    '--rate N': 'so many events a second, at most; as many as the cell takes if not given',
    '--restart': 'begin again; otherwise a rebuild that was interrupted goes on',
    ...YES_DESCRIPTION,
    '--cell C': 'ask this cell directly; through the edge if not given',
  },
  async run(context) {
    const { options, json, out } = context;
    const consumer = required(options, 'consumer');
    const { tenant, from } = options;
    const rate = wholeNumber(options, 'rate', FASTEST, 1, FASTEST);
    const connection = await connect(options);
    await confirm(connection, context, { name: typeof tenant === 'string' ? tenant : 'all', missing: undefined });
    const body = { consumer, ...(typeof from === 'string' && { from }) };
    const restart = options.restart === true && { restart: true };
    const chosen = typeof tenant === 'string' ? [{ id: tenant }] : everyTenant(await connection.control());
    for await (const { id: each } of chosen) {
      const target = await connection.target(each, options.cell as string | undefined);
      const tell = ({ subjects, events, done, waiting }: RebuildProgress) =>
        out(
          json
            ? JSON.stringify({ tenant: each, subjects, events, done, ...(waiting !== undefined && { waiting }) })
            : `${each}: ${counted(subjects, 'subject')}, ${counted(events, 'event')}${done ? '; done' : waiting === undefined ? '' : `; waiting: ${waiting}`}`,
        );
      await rebuildOne(target, { ...body, ...restart }, body, rate, tell);
    }
    return 0;
  },
};

/** Asks for one step after the other until the tenant is done. */
async function rebuildOne(
  target: Target,
  first: object,
  body: object,
  rate: number,
  tell: (progress: RebuildProgress) => void,
): Promise<void> {
  let before: RebuildProgress = { subjects: 0, events: 0, done: false };
  let idle = 0;
  for (let request = first; ; request = body) {
    const began = Date.now();
    const progress = await step(target, request);
    const { subjects, events, done, waiting } = progress;
    tell(progress);
    if (done) return;
    idle = subjects === before.subjects && events === before.events && waiting !== undefined ? idle + 1 : 0;
    if (idle >= IDLE_STEPS) throw new UserError(`It does not get on: ${waiting}. Repeat the command to go on.`);
    const due = began + (Math.max(0, events - before.events) * 1000) / rate;
    before = progress;
    await sleep(Math.max(waiting === undefined ? 0 : PAUSE_MS, due - Date.now()));
  }
}

async function step(target: Target, body: object): Promise<RebuildProgress> {
  const response = await target.call('operate', '/v1/rebuild', { method: 'POST', body: JSON.stringify(body) });
  if (response.ok) return (await response.json()) as RebuildProgress;
  const { code, detail = 'no reason given' } = (await response.json()) as { code?: string; detail?: string };
  if (response.status === 503) return { subjects: 0, events: 0, done: false, waiting: detail };
  const text = `${whoAnswered(response)} answered ${response.status}: ${detail}`;
  throw code === 'unknown_consumer' || code === 'invalid_body' ? new UsageError(text) : new UserError(text);
}
