// `polycell erasures`: how far erasures are, their certificates, and what a restored cell is to erase again.
import { setTimeout as sleep } from 'node:timers/promises';
import type { CellErasures, Erasure } from '../../core/edge/ports/erasures.ts';
import { type Command, EXIT, UsageError, YES_DESCRIPTION, YES_OPTION } from '../command.ts';
import { type Action, type ActionContext, idOf, runAction } from '../directory.ts';
import { confirm } from '../edge/confirm.ts';
import { describeErasure, describeErasureShort } from '../erasure-text.ts';
import { watchErasure } from '../erasure-watch.ts';
import { LOOK_MS, UNANSWERED_LOOKS } from '../move-watch.ts';
import { patientLook } from '../patient-look.ts';

export const erasures: Command = {
  summary: 'show how far erasures are and their certificates, and have a restored cell erase again',
  usage: 'list|show|watch|replay [ID|CELL]',
  example: 'npx polycell erasures show 4f1c --json',
  asks: 'edge',
  options: {
    tenant: { type: 'string' },
    wait: { type: 'boolean' },
    reason: { type: 'string' },
    ...YES_OPTION,
  },
  positionals: 2,
  takenBy: { tenant: ['list'], wait: ['replay'], reason: ['replay'], yes: ['replay'] },
  describe: {
    list: 'all erasures, the latest first',
    'show ID': 'one, how far it is in each cell, and with --json its certificate',
    'watch ID': 'the same, again and again, until nothing is left in any cell',
    'replay CELL': 'have a cell whose store was restored erase again, before it serves, what was erased there before',
    '--tenant T': 'list: those of this tenant alone',
    '--wait': 'replay: go on until the cell knows all of them, and may serve',
    '--reason TEXT': 'replay: why, for the log; the command itself if not given',
    ...YES_DESCRIPTION,
  },
  run: (context) => runAction('erasures', actions, context),
};

/** Erasures of a page. */
const PAGE = 100;

/** The one argument that is no name of a tenant or a cell. */
function erasureOf({ arguments: given }: ActionContext): string {
  const [id, ...more] = given;
  if (id === undefined || more.length > 0 || !/^[A-Za-z0-9_-]{1,64}$/.test(id))
    throw new UsageError('Give the id of one erasure, as `polycell erasures list` shows it.');
  return id;
}

const actions: Readonly<Record<string, Action>> = {
  async list({ control, options, json, out }) {
    let cursor: string | null = null;
    let count = 0;
    do {
      const query = new URLSearchParams({
        limit: String(PAGE),
        ...(typeof options.tenant === 'string' && { tenant: options.tenant }),
        ...(cursor !== null && { cursor }),
      });
      const page = (await control('GET', `erasures?${query}`)) as {
        readonly items: readonly Erasure[];
        readonly next: string | null;
      };
      for (const erasure of page.items) out(json ? JSON.stringify(erasure) : describeErasureShort(erasure));
      count += page.items.length;
      cursor = page.next;
    } while (cursor !== null);
    if (count === 0 && !json) out('Nothing was erased.');
    return EXIT.done;
  },

  async show(context) {
    const erasure = (await context.control('GET', `erasures/${erasureOf(context)}`)) as Erasure;
    context.out(context.json ? JSON.stringify(erasure) : describeErasure(erasure));
    return EXIT.done;
  },

  watch: (context) => watchErasure(context, erasureOf(context)),

  async replay(context) {
    const { control, options, json, out, err, commandLine } = context;
    const cell = idOf(context, 'cell');
    await confirm(context.connection, context, { name: cell, missing: undefined });
    const reason = typeof options.reason === 'string' ? options.reason : commandLine;
    const shown = (found: CellErasures) =>
      out(
        json
          ? JSON.stringify(found)
          : `${cell}: ${found.erasures} erasures, ${found.unmarked} of which it does not know yet`,
      );
    let found = (await control('POST', `cells/${cell}/erasures`, { reason })) as CellErasures;
    shown(found);
    const look = patientLook(
      () => control('GET', `cells/${cell}/erasures`) as Promise<CellErasures>,
      UNANSWERED_LOOKS,
      (message) => err(`How far it is is not known: ${message}`),
    );
    while (options.wait === true && found.unmarked > 0) {
      await sleep(LOOK_MS);
      const seen = await look();
      if (seen === undefined) continue;
      if (seen.unmarked !== found.unmarked) shown(seen);
      found = seen;
    }
    return EXIT.done;
  },
};
