// `polycell export`: copies a tenant's event log to a folder or a bucket, and shows that the copy is whole.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cell } from '../../core/edge/ports/directory-model.ts';
import { parseTime } from '../../core/events/time.ts';
import { isPortError } from '../../core/ports/errors.ts';
import { ANYWHERE } from '../../core/ports/residency.ts';
import { type Command, type CommandContext, RefusedError, required, UsageError, UserError } from '../command.ts';
import { type Connection, connect } from '../edge/connection.ts';
import { FILE_FORMATS, type FileFormat } from '../export/file-formats.ts';
import { type LogSource, logSource } from '../export/log-source.ts';
import { BUCKETS, type Place, placeAt, placeName } from '../export/places.ts';
import {
  type ExportReport,
  type ExportScope,
  exportLog,
  type Found,
  found,
  type Manifest,
  stateOf,
} from '../export/run.ts';
import { counted } from '../table.ts';

export const exportCommand: Command = {
  summary: 'copy a tenant’s event log to a folder or a bucket, and show that the copy is whole',
  usage: '--tenant T --to FOLDER|ADDRESS [--from TIME] [--until TIME] [--format ndjson|parquet]',
  example: 'npx polycell export --tenant acme --to s3://acme-exports/2026-11/ --until 2026-12-01T00:00:00Z',
  asks: 'edge',
  options: {
    tenant: { type: 'string' },
    to: { type: 'string' },
    from: { type: 'string' },
    until: { type: 'string' },
    format: { type: 'string' },
    jurisdiction: { type: 'string' },
    'dry-run': { type: 'boolean' },
  },
  describe: {
    '--tenant T': 'the tenant whose log it is',
    '--to PLACE': `a folder of this machine, or ${BUCKETS}, with the credentials of that cloud’s own tools`,
    '--from TIME': 'events of this time and later; all if not given',
    '--until TIME': 'events before this time; now if not given. A command that goes on with an export keeps its time',
    '--format FORMAT': 'what the files are: ndjson (lines of JSON, compressed), which is the default, or parquet',
    '--jurisdiction J': 'where the place lies; needed where the tenant has a residency and the place does not show it',
    '--dry-run': 'count the events, and check that the export may go there; write nothing',
  },
  run: async (context) => {
    const tenant = required(context.options, 'tenant');
    if (!/^[a-z0-9-]{1,63}$/.test(tenant)) throw new UsageError(`${JSON.stringify(tenant)} cannot be a tenant.`);
    const name = placeName(required(context.options, 'to'));
    const fileFormat = formatOf(context);
    const times = { from: timeOf(context, 'from'), until: timeOf(context, 'until') };
    if (times.from !== null && times.until !== null && sortKeyOf(times.from) >= sortKeyOf(times.until))
      throw new UsageError('--from must be before --until.');
    const connection = await connect(context.options);
    const place = await placeAt(name);
    try {
      return await exportTo(context, connection, place, { tenant, fileFormat, ...times });
    } catch (error) {
      if (!isPortError(error)) throw error;
      throw new UserError(`${place.where} fails: ${error.message} (${error.code}). Repeat the command to go on.`);
    } finally {
      place.close();
    }
  },
};

interface Wanted {
  readonly tenant: string;
  readonly fileFormat: FileFormat;
  readonly from: string | null;
  readonly until: string | null;
}

async function exportTo(
  context: CommandContext,
  connection: Connection,
  place: Place,
  { tenant, fileFormat, from, until }: Wanted,
): Promise<number> {
  const { json, out, err, options } = context;
  const isDryRun = options['dry-run'] === true;
  if (!isDryRun) await place.prepare();
  const there = await foundAt(place, isDryRun);
  const startedAt = new Date().toISOString();
  const scope: ExportScope = {
    tenant,
    from,
    to: until ?? there.progress?.to ?? startedAt,
    jurisdiction: await jurisdictionOf(context, connection, place, tenant),
    fileFormat,
  };
  if ((parseTime(scope.to)?.epochMs ?? 0) > Date.now())
    throw new UsageError('--until lies in the future: events of that time are still to come.');
  const target = await connection.target(tenant, undefined);
  const source = logSource(target, { ...scope, pause: (milliseconds) => sleep(milliseconds) });

  if (isDryRun) {
    const preview = await previewOf(source, scope, place, there);
    out(json ? JSON.stringify(preview) : describePreview(preview));
    return 0;
  }
  const begin = performance.now();
  const manifest = await exportLog(
    {
      source,
      objects: place.objects,
      where: place.where,
      now: () => new Date().toISOString(),
      report: (each) => out(json ? JSON.stringify({ tenant, ...each }) : describeReport(tenant, each, begin)),
    },
    scope,
  );
  if (manifest.behind !== undefined)
    err(
      `It was compared with a standby: events of the last ${manifest.behind === 'unknown' ? 'time, how long is not known,' : `${manifest.behind} ms before`} may be missing. Export again once the home is back.`,
    );
  const { files, ...summary } = manifest;
  out(json ? JSON.stringify({ ...summary, files: files.length }) : describeDone(manifest, place.where));
  return 0;
}

/** What is there already; before a folder is made there is nothing. */
const foundAt = async ({ objects }: Place, isDryRun: boolean): Promise<Found> =>
  found(objects).catch((error: unknown) => {
    if (isDryRun && isPortError(error, 'not-found')) return {};
    throw error;
  });

/** What files are to be. */
function formatOf({ options: { format = 'ndjson' } }: CommandContext): FileFormat {
  const known = FILE_FORMATS.find((each) => each === format);
  if (known !== undefined) return known;
  throw new UsageError(`--format takes ${FILE_FORMATS.join(' or ')}, not ${JSON.stringify(format)}.`);
}

const sortKeyOf = (time: string): string => parseTime(time)?.sortKey ?? '';

/** An option as a time; `null` if it is not given. */
function timeOf({ options }: CommandContext, name: string): string | null {
  const text = options[name];
  if (text === undefined) return null;
  if (typeof text === 'string' && parseTime(text) !== undefined) return text;
  throw new UsageError(`--${name} must be a time such as 2026-11-21T07:41:03Z, not ${JSON.stringify(text)}.`);
}

/** What the directory says of where the tenant's data must stay, and where cells lie; nothing to a tenant's own token. */
async function residencyOf(connection: Connection, tenant: string) {
  const control = await connection.control();
  try {
    const { residency } = await control('GET', `tenants/${tenant}`);
    const { items } = (await control('GET', 'cells')) as { readonly items: readonly Cell[] };
    return { residency, cells: items };
  } catch (error) {
    const isTenant = error instanceof RefusedError && ['invalid_credential', 'missing_scope'].includes(error.code);
    if (!isTenant) throw error;
    // The cell, which is asked for the events, refuses as well.
    return { residency: ANYWHERE, cells: [] };
  }
}

/**
 * Where the copy will lie, as far as that is known: as the bucket's region shows, if there are cells in it, or as it is declared.
 * @throws RefusedError if the tenant's data must not lie there
 */
async function jurisdictionOf(
  { options }: CommandContext,
  connection: Connection,
  place: Place,
  tenant: string,
): Promise<string | null> {
  const declared = typeof options.jurisdiction === 'string' ? options.jurisdiction : undefined;
  const { residency, cells } = await residencyOf(connection, tenant);
  const shown = cells.find(({ cloud, region }) => cloud === 'aws' && region === place.region)?.jurisdiction;
  const refused = (why: string) => new RefusedError(`${why} (outside_residency).`, 'outside_residency');
  if (declared !== undefined && shown !== undefined && declared !== shown)
    throw refused(`${place.where} lies in ${place.region}, which is in ${shown}, and not in ${declared}`);
  const jurisdiction = shown ?? declared ?? null;
  if (residency === ANYWHERE || residency === jurisdiction) return jurisdiction;
  const where =
    jurisdiction === null
      ? 'where the place lies is not known: say so with --jurisdiction'
      : `${place.where} lies in ${jurisdiction}`;
  throw refused(`The data of ${tenant} must stay in ${residency}, and ${where}`);
}

interface Preview extends ExportScope {
  readonly place: string;
  readonly events: number;
  /** What the command would do there. */
  readonly state: 'begin' | 'go on' | 'done';
}

/** What the export would do; refused as it would be. */
async function previewOf(source: LogSource, scope: ExportScope, place: Place, there: Found): Promise<Preview> {
  await source.page({ after: null, through: null }, 1);
  const { count: events } = await source.digest({ after: null, through: null });
  const state = stateOf(there, scope, place.where);
  return { ...scope, place: place.where, events, state };
}

const megabytes = (bytes: number): string => `${(bytes / 1_000_000).toFixed(1)} MB`;

const many = (events: number): string => `${events.toLocaleString('en')} ${events === 1 ? 'event' : 'events'}`;

function describePreview({ tenant, from, to, events, place, state }: Preview): string {
  const doing = { begin: 'Would copy', 'go on': 'Would go on copying', done: 'Has copied' }[state];
  return `${doing} ${many(events)} of ${tenant}${from === null ? '' : ` from ${from} on`}, before ${to}, to ${place}`;
}

function describeReport(tenant: string, { step, file, files, events, bytes }: ExportReport, begin: number): string {
  if (step === 'equal') return `${tenant}: ${file} is equal to the log`;
  if (step === 'again') return `${tenant}: events have come meanwhile; ${file} has them`;
  const rate = Math.round(events / ((performance.now() - begin) / 1000));
  return `${tenant}: ${counted(files, 'file')}, ${many(events)}, ${megabytes(bytes)}; ${rate.toLocaleString('en')} a second`;
}

const describeDone = ({ tenant, events, bytes, digest, files, to }: Manifest, where: string): string =>
  `${where} has ${events === 1 ? 'the one event' : `all ${many(events)}`} of ${tenant} before ${to}: ${counted(files.length, 'file')}, ${megabytes(bytes)}, digest ${digest.sum}`;
