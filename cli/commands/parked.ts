// `polycell parked`: the events that a consumer could not process, and what to do with them.
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
    for (const option of ['all', 'yes'])
      if ((action === 'list' || action === 'show') && context.options[option] === true)
        throw new UsageError(`--${option} is for redrive and drop, not for ${action}.`);
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
    return run({ ...context, ids, call });
  },
};

/** Answers with the body, `true` where there is none, and `undefined` where there is no such thing. */
type Call = (path: string, init?: RequestInit) => Promise<unknown>;
type ActionContext = CommandContext & { readonly ids: readonly string[]; readonly call: Call };

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

  async show({ options, ids, call, json, out, err }) {
    if (ids.length === 0) throw new UsageError('Give the ids to show; `polycell parked list` has them.');
    const missing = new Set(ids);
    for await (const event of everything(call, options.consumer)) {
      if (missing.delete(event.id)) out(JSON.stringify(event, null, json ? undefined : 2));
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
