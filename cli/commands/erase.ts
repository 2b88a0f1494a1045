// `polycell erase`: erases events of a tenant, or of one of its subjects, in all cells.
import type { Erasure } from '../../core/edge/ports/erasures.ts';
import { type Command, EXIT, UsageError, YES_DESCRIPTION, YES_OPTION } from '../command.ts';
import { confirm } from '../edge/confirm.ts';
import { connect } from '../edge/connection.ts';
import { describeErasure, describeErasurePlan } from '../erasure-text.ts';
import { watchErasure } from '../erasure-watch.ts';

export const erase: Command = {
  summary: 'erase events of a tenant, or of one of its subjects, in all cells, with a certificate',
  usage: 'TENANT [--subject S] [--until TIME] [--dry-run] [--wait]',
  example: 'npx polycell erase acme --subject pump-1 --reason "request 4711 of the customer" --wait',
  asks: 'edge',
  options: {
    subject: { type: 'string' },
    until: { type: 'string' },
    'dry-run': { type: 'boolean' },
    wait: { type: 'boolean' },
    reason: { type: 'string' },
    ...YES_OPTION,
  },
  positionals: 1,
  describe: {
    '--subject S': 'the events of this subject alone; those of all subjects if not given',
    '--until TIME': 'events whose time is not after this, in RFC 3339; now if not given',
    '--dry-run': 'show in which cells it would be done, without doing it',
    '--wait': 'go on until nothing is left in any cell; the certificate follows behind the retention of queues',
    '--reason TEXT': 'why, for the audit log and the certificate; the command itself if not given',
    ...YES_DESCRIPTION,
  },
  async run(context) {
    const { positionals, options, json, out, err } = context;
    const [tenant] = positionals;
    if (tenant === undefined) throw new UsageError('Name the tenant.');
    if (!/^[a-z0-9-]{1,63}$/.test(tenant))
      throw new UsageError(`${JSON.stringify(tenant)} cannot be a tenant: it is 1 to 63 of a-z 0-9 -`);
    const connection = await connect(options);
    const control = await connection.control();
    const { subject, until } = options;
    // The name of a subject is not for the audit log.
    const reason = typeof options.reason === 'string' ? options.reason : `polycell erase ${tenant}`;
    const body = { reason, ...(subject !== undefined && { subject }), ...(until !== undefined && { until }) };
    const ask = async (dryRun: boolean) =>
      (await control('POST', `tenants/${tenant}/erase${dryRun ? '?dryRun=1' : ''}`, body)) as Erasure;
    const shown = (erasure: Erasure, text: string) => out(json ? JSON.stringify(erasure) : text);
    if (options['dry-run'] === true) {
      const planned = await ask(true);
      shown(planned, describeErasurePlan(planned));
      return EXIT.done;
    }
    const preview = async () => err(describeErasurePlan(await ask(true)));
    await confirm(connection, context, { name: tenant, missing: undefined, because: 'This cannot be undone', preview });
    const erasure = await ask(false);
    if (options.wait === true) return watchErasure({ ...context, control }, erasure.id);
    shown(erasure, describeErasure(erasure));
    return EXIT.done;
  },
};
