// `polycell parked`: the events that a consumer could not process, and what to do with them.
import type { Line } from '../../local/telemetry/line-ring.ts';
import {
  actionOf,
  type Command,
  type CommandContext,
  RefusedError,
  required,
  UnknownOutcomeError,
  UsageError,
  UserError,
  YES_DESCRIPTION,
  YES_OPTION,
} from '../command.ts';
import { confirm } from '../edge/confirm.ts';
import { connect } from '../edge/connection.ts';
import { whoAnswered } from '../edge/edge-client.ts';
import { framesOf } from '../notices.ts';

interface Parked {
  readonly id: string;
  readonly consumer: string;
  readonly parkedAt: string;
  readonly reason: { readonly code: string; readonly message: string };
  readonly event?: { readonly id: string; readonly source: string; readonly type: string; readonly subject: string };
}

/** Ids that one redrive takes; the cell's limit. */
const IDS_AT_ONCE = 100;

/** Redrives that one command makes at most. */
const REDRIVES = 1000;

export const parked: Command = {
  summary: 'list, show, redrive or drop parked events',
  usage: 'list|show|redrive|drop [ID …] --tenant T [--consumer C] [--all]',
  example: 'npx polycell parked redrive --tenant acme --consumer rollups --all',
  asks: 'edge',
  options: {
    tenant: { type: 'string' },
    consumer: { type: 'string' },
    cell: { type: 'string' },
    all: { type: 'boolean' },
    ...YES_OPTION,
  },
  positionals: 1 + IDS_AT_ONCE,
  takenBy: { all: ['redrive', 'drop'], yes: ['redrive', 'drop'] },
  describe: {
    list: 'what is parked, one line each',
    'show ID …': 'everything that is known of some',
    'redrive ID …': 'send them to their consumer again',
    'drop ID …': 'remove them for good',
    '--tenant T': 'the tenant whose events they are',
    '--consumer C': 'only this consumer',
    '--all': 'redrive or drop all that list shows',
    ...YES_DESCRIPTION,
    '--cell C': 'ask this cell directly; through the edge if not given',
  },
  async run(context) {
    const [action, ...ids] = context.positionals;
    const run = actionOf(actions, action);
    if (action === 'list' && ids.length > 0) throw new UsageError('`parked list` takes no ids; `parked show` does.');
    const tenant = required(context.options, 'tenant');
    const changes = action === 'redrive' || action === 'drop';
    if (changes && (context.options.all === true) === ids.length > 0)
      throw new UsageError('Give ids, or --all for everything that list shows.');
    const connection = await connect(context.options);
    const target = await connection.target(tenant, context.options.cell as string | undefined);
    const call: Call = async (path, init) => {
      // Reading what events say needs a scope of its own; changing does not.
      const response = await target.call(init === undefined ? 'operate,read' : 'operate', path, init);
      if (response.ok) return response.status === 204 ? true : await response.json();
      if (response.status === 404) return undefined;
      const { code, detail } = (await response.json()) as { code?: string; detail?: string };
      const message = `${whoAnswered(response)} answered ${response.status}: ${detail ?? 'no reason given'}`;
      if (response.status < 500) throw new RefusedError(message, code ?? String(response.status));
      throw new (init === undefined ? UserError : UnknownOutcomeError)(message);
    };
    if (changes)
      await confirm(connection, context, {
        name: tenant,
        missing: ids.length > 0 ? undefined : 'the ids in place of --all',
      });
    const { stack } = connection;
    return run({ ...context, ids, call, tenant, lines: async () => (await stack?.lines(0, false))?.lines ?? [] });
  },
};

/** Answers with the body, `true` where there is none, and `undefined` where there is no such thing. */
type Call = (path: string, init?: RequestInit) => Promise<unknown>;
type ActionContext = CommandContext & {
  readonly ids: readonly string[];
  readonly call: Call;
  readonly tenant: string;
  /** The newest lines of a local stack; none of a deployed edge, whose cells keep their logs in their clouds. */
  readonly lines: () => Promise<readonly Line[]>;
};

const actions: Readonly<Record<string, (context: ActionContext) => Promise<number>>> = {
  async list({ options, call, json, out }) {
    let count = 0;
    for await (const event of everything(call, options.consumer)) {
      count += 1;
      const { id, parkedAt, reason, event: parkedEvent } = event;
      out(
        json
          ? JSON.stringify(event)
          : `${id}  ${parkedAt}  ${parkedEvent?.subject ?? '-'}  ${reason.code}: ${reason.message}`,
      );
    }
    if (count === 0 && !json) out('Nothing is parked.');
    return 0;
  },

  async show({ options, ids, call, tenant, lines, json, out, err }) {
    if (ids.length === 0) throw new UsageError('Give the ids to show; `polycell parked list` has them.');
    const missing = new Set(ids);
    for await (const event of everything(call, options.consumer)) {
      if (!missing.delete(event.id)) continue;
      const stack = stackIn(await lines(), tenant, event);
      if (json) out(JSON.stringify({ ...event, ...(stack !== undefined && { stack }) }));
      else for (const line of [JSON.stringify(event, null, 2), ...framesOf(stack)]) out(line);
    }
    for (const id of missing) err(`Nothing is parked under ${JSON.stringify(id)}.`);
    return missing.size === 0 ? 0 : 1;
  },

  async redrive(context) {
    const { call, json, out } = context;
    const total = { redriven: 0, failed: 0 };
    const byConsumer = new Map<string, string[]>();
    for await (const id of chosen(context)) {
      const consumer = id.split('.')[0] ?? '';
      byConsumer.set(consumer, [...(byConsumer.get(consumer) ?? []), id]);
    }
    let calls = 0;
    for (const [consumer, ids] of byConsumer) {
      for (let from = 0; from < ids.length && calls < REDRIVES; from += IDS_AT_ONCE, calls += 1) {
        const body = JSON.stringify({ consumer, ids: ids.slice(from, from + IDS_AT_ONCE) });
        const part = (await call('/v1/parked/redrive', { method: 'POST', body })) as typeof total;
        total.redriven += part.redriven;
        total.failed += part.failed;
      }
    }
    out(json ? JSON.stringify(total) : `${total.redriven} redriven, ${total.failed} not found or not sendable.`);
    return total.failed === 0 ? 0 : 1;
  },

  async drop(context) {
    const { call, json, out, err } = context;
    let dropped = 0;
    let missing = 0;
    for await (const id of chosen(context)) {
      if ((await call(`/v1/parked/${encodeURIComponent(id)}`, { method: 'DELETE' })) === undefined) {
        missing += 1;
        err(`Nothing is parked under ${JSON.stringify(id)}.`);
      } else dropped += 1;
    }
    out(json ? JSON.stringify({ dropped, missing }) : `${dropped} dropped.`);
    return missing === 0 ? 0 : 1;
  },
};

/** The stack with which a consumer failed on an event, from the line that its cell has logged: the answer of a cell, which clients see, has none. */
export function stackIn(lines: readonly Line[], tenant: string, { consumer, event }: Parked): string | undefined {
  const line = lines.findLast(
    ({ message, fields = {} }) =>
      message === 'parked an event' &&
      fields.tenant === tenant &&
      fields.consumer === consumer &&
      fields.id === event?.id &&
      fields.source === event?.source,
  );
  const stack = line?.fields?.stack;
  return typeof stack === 'string' ? stack : undefined;
}

async function* everything(call: Call, consumer: unknown): AsyncGenerator<Parked> {
  let cursor: string | null = null;
  do {
    const query: URLSearchParams = new URLSearchParams({
      ...(typeof consumer === 'string' && { consumer }),
      ...(cursor !== null && { cursor }),
    });
    const page = (await call(`/v1/parked?${query}`)) as { items: Parked[]; next: string | null };
    yield* page.items;
    cursor = page.next;
  } while (cursor !== null);
}

/** The ids given, or with `--all` those of everything that is parked now: collected first, as redriving changes the list. */
async function* chosen({ options, ids, call }: ActionContext): AsyncGenerator<string> {
  const wanted = [...ids];
  if (options.all === true) for await (const { id } of everything(call, options.consumer)) wanted.push(id);
  yield* wanted;
}
