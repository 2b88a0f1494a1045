// What an export writes, that it is whole whatever happens meanwhile, and what it refuses.
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { FolderObjects } from '../../../adapters/folder/folder-objects.ts';
import type { Target } from '../../../cli/edge/edge-client.ts';
import { logSource, SOURCE_LIMITS } from '../../../cli/export/log-source.ts';
import { EXPORT_LIMITS, type ExportReport, type ExportScope, exportLog } from '../../../cli/export/run.ts';
import type { JsonObject } from '../../../core/ports/json.ts';
import type { Objects } from '../../../core/ports/objects.ts';
import { digestOf, entryOf } from '../../../core/replication/digests.ts';
import { candidate, measured } from '../../support/events.ts';
import { tenantCells } from '../../support/tenant-cells.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'polycell-export-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const SCOPE: ExportScope = {
  tenant: 'acme',
  from: null,
  to: '2026-11-21T07:42:00Z',
  jurisdiction: null,
  fileFormat: 'ndjson',
};

const event = (id: string, second: number, subject = 'pump-1') =>
  candidate({
    id,
    subject,
    time: `2026-11-21T07:41:${String(second).padStart(2, '0')}Z`,
    data: measured('m', second),
  });

const batchOf = (subjects: number, each: number): JsonObject[] =>
  Array.from({ length: subjects * each }, (_, index) =>
    event(`r-${index}`, Math.floor(index / subjects), `pump-${index % subjects}`),
  );

/** Two cells, and the way to one of them that an export takes; `before` is called with the path of each request. */
function setUp(before: (path: string) => unknown = () => undefined) {
  const cells = tenantCells();
  const serving = { id: 'home' };
  const paths: string[] = [];
  const target: Pick<Target, 'call'> = {
    call: async (scope, asked) => {
      expect(scope).toBe('read');
      paths.push(asked);
      const given = await before(asked);
      if (given instanceof Response) return given;
      const { status, headers, body } = await cells.ask(serving.id, asked);
      return new Response(JSON.stringify(body), { status, headers });
    },
  };
  const pauses: number[] = [];
  const reports: ExportReport[] = [];
  const source = () => logSource(target, { ...SCOPE, pause: async (milliseconds) => void pauses.push(milliseconds) });
  const run = (objects: Objects = new FolderObjects(folder), scope = SCOPE) =>
    exportLog(
      {
        source: source(),
        objects,
        where: folder,
        now: () => '2026-11-21T08:00:00.000Z',
        report: (each) => void reports.push(each),
      },
      scope,
    );
  /** What `replicas verify` compares, of all that the cell has. */
  const logDigest = async (subjects: number) => {
    const logs = await Promise.all(
      Array.from({ length: subjects }, (_, index) => cells.log(serving.id, `pump-${index}`)),
    );
    return digestOf(logs.flat().map(entryOf));
  };
  return { cells, serving, paths, pauses, reports, source, run, logDigest };
}

const filesIn = async () => (await readdir(folder)).sort();

/** Every line of the files that the manifest names. */
async function linesIn(files: readonly { readonly name: string; readonly sha256: string }[]): Promise<JsonObject[]> {
  const found: JsonObject[] = [];
  for (const { name, sha256 } of files) {
    const bytes = await readFile(path.join(folder, name));
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(sha256);
    for (const line of gunzipSync(bytes).toString('utf8').split('\n').slice(0, -1))
      found.push(JSON.parse(line) as JsonObject);
  }
  return found;
}

const idsOf = (lines: readonly JsonObject[]) => lines.map(({ event: of }) => String((of as JsonObject).id)).sort();

test('an export has every event once, the digest of the log, the sums of its files and scripts to load them', async () => {
  const { cells, run, logDigest } = setUp();
  await cells.send('home', batchOf(3, 4));
  const manifest = await run();
  expect(manifest).toMatchObject({
    format: 'polycell-export-1',
    ...SCOPE,
    completedAt: '2026-11-21T08:00:00.000Z',
    cells: ['home'],
    events: 12,
    digest: await logDigest(3),
  });
  expect(JSON.parse(await readFile(path.join(folder, 'manifest.json'), 'utf8'))).toEqual(manifest);
  const lines = await linesIn(manifest.files);
  expect(idsOf(lines)).toEqual(
    batchOf(3, 4)
      .map(({ id }) => String(id))
      .sort(),
  );
  expect(Object.keys(lines[0] ?? {})).toEqual(['tenant', 'subject', 'key', 'epoch', 'origin', 'hash', 'event']);
  expect(lines[0]).toMatchObject({ tenant: 'acme', epoch: 1, origin: 'home' });
  expect(await filesIn()).toEqual(
    [...manifest.files.map(({ name }) => name), 'manifest.json', 'merge-bigquery.sql', 'merge-snowflake.sql'].sort(),
  );
  for (const script of ['merge-snowflake.sql', 'merge-bigquery.sql']) {
    const text = await readFile(path.join(folder, script), 'utf8');
    for (const member of Object.keys(lines[0] ?? {})) expect(text).toContain(member);
    expect(text).toContain('loaded.epoch < known.epoch OR (loaded.epoch = known.epoch AND');
  }
  expect(await readFile(path.join(folder, 'merge-snowflake.sql'), 'utf8')).toContain(
    "'.*events-[0-9a-f]+[.]ndjson[.]gz'",
  );
  expect(manifest.files[0]?.name).toMatch(/^events-[0-9a-f]{32}\.ndjson\.gz$/);
});

test('an empty log is a whole export, too', async () => {
  const manifest = await setUp().run();
  expect(manifest).toMatchObject({ events: 0, digest: { count: 0, sum: '0'.repeat(32) } });
  expect(await linesIn(manifest.files)).toEqual([]);
});

/** Ends the process before or after the work of its n-th request to the place. */
class Ending implements Objects {
  left: number;

  readonly objects: Objects;
  readonly when: 'before' | 'after';

  constructor(objects: Objects, at: number, when: 'before' | 'after') {
    this.objects = objects;
    this.left = at;
    this.when = when;
  }

  async #then<T>(work: () => Promise<T>): Promise<T> {
    this.left -= 1;
    if (this.left < 0 || (this.left === 0 && this.when === 'before')) throw new Error('the end');
    const done = await work();
    if (this.left === 0) throw new Error('the end');
    return done;
  }

  get = (name: string) => this.#then(() => this.objects.get(name));
  put = (name: string, bytes: Uint8Array) => this.#then(() => this.objects.put(name, bytes));
  remove = (name: string) => this.#then(() => this.objects.remove(name));
}

test.each(['before', 'after'] as const)(
  'an export that ends %s any request to its place goes on, and in the end there is nothing else',
  async (when) => {
    for (let at = 1; ; at += 1) {
      // One event comes after the walk, so that a file is written anew as well.
      let isLate = false;
      const { cells, run, logDigest } = setUp(async (asked) => {
        if (!asked.startsWith('/v1/log/digest') || isLate) return;
        isLate = true;
        await cells.send('home', [event('late', 1, 'pump-0')]);
      });
      await cells.send('home', batchOf(2, 2));
      const ending = new Ending(new FolderObjects(folder), at, when);
      const ended = await run(ending).then(
        () => false,
        (error: Error) => {
          expect(error.message).toBe('the end');
          return true;
        },
      );
      const manifest = await run();
      expect(manifest).toMatchObject({ events: 5, digest: await logDigest(2) });
      expect(idsOf(await linesIn(manifest.files))).toEqual(['late', 'r-0', 'r-1', 'r-2', 'r-3']);
      expect(await filesIn()).toEqual(
        [
          ...manifest.files.map(({ name }) => name),
          'manifest.json',
          'merge-bigquery.sql',
          'merge-snowflake.sql',
        ].sort(),
      );
      await rm(folder, { recursive: true });
      folder = await mkdtemp(path.join(tmpdir(), 'polycell-export-'));
      if (!ended) {
        // Every request of a whole export has been an end.
        expect(at).toBeGreaterThan(10);
        return;
      }
    }
  },
);

test('what comes to a part that was written is read anew, until it is equal to the log', async () => {
  let more = 0;
  const { cells, run, reports, logDigest } = setUp(async (asked) => {
    // Two times: a new subject, and an event of a known one.
    if (asked.startsWith('/v1/log/digest') && more < 2) {
      more += 1;
      await cells.send('home', [event(`late-${more}`, 30, `pump-${more === 1 ? 5 : 0}`)]);
    }
  });
  await cells.send('home', batchOf(2, 2));
  const manifest = await run();
  expect(manifest).toMatchObject({ events: 6, digest: await logDigest(6) });
  expect(idsOf(await linesIn(manifest.files))).toEqual(['late-1', 'late-2', 'r-0', 'r-1', 'r-2', 'r-3']);
  expect(reports.map(({ step }) => step)).toEqual(['written', 'again', 'again', 'equal']);
});

test('a part that changes is divided, so that what does not change is compared once', async () => {
  let more = 0;
  const { cells, run, paths, logDigest } = setUp(async (asked) => {
    if (!asked.startsWith('/v1/log/digest') || more === 3) return;
    more += 1;
    await cells.send('home', [event(`late-${more}`, 59, 'pump-0')]);
  });
  const batch = batchOf(50, 50);
  for (let from = 0; from < batch.length; from += 500) await cells.send('home', batch.slice(from, from + 500));
  const manifest = await run();
  expect(manifest).toMatchObject({ events: 2503, digest: await logDigest(50) });
  expect(new Set(idsOf(await linesIn(manifest.files))).size).toBe(2503);
  // It was one file, then three of a page each; the middle one of which has changed once more.
  expect(manifest.files.map(({ events }) => events)).toEqual([1000, 1000, 2, 501]);
  expect((await filesIn()).filter((name) => name.startsWith('events-'))).toHaveLength(4);
  const compared = paths.filter((each) => each.startsWith('/v1/log/digest'));
  expect(compared).toHaveLength(6);
});

test('a log that changes faster than it is read is no export, and the command goes on later', async () => {
  let more = 0;
  let isBusy = true;
  const { cells, run } = setUp(async (asked) => {
    if (!asked.startsWith('/v1/log/digest') || !isBusy) return;
    more += 1;
    await cells.send('home', [event(`late-${more}`, 30)]);
  });
  await expect(run()).rejects.toThrow(/differed 11 times/);
  expect(more).toBe(EXPORT_LIMITS.looks + 1);
  expect(await filesIn()).not.toContain('manifest.json');
  isBusy = false;
  expect(await run()).toMatchObject({ events: 11 });
  expect((await filesIn()).filter((name) => name.startsWith('events-'))).toHaveLength(1);
});

test('an export goes on in the other cell where the first one left off', async () => {
  let pages = 0;
  const { cells, serving, run, logDigest } = setUp((asked) => {
    if (asked.startsWith('/v1/log?')) pages += 1;
    if (pages > 1) serving.id = 'standby';
  });
  // More than fit into one answer.
  const large = measured('m', 1, { note: 'x'.repeat(150_000) });
  for (let second = 0; second < 30; second += 5)
    await cells.send(
      'home',
      Array.from({ length: 5 }, (_, index) => ({
        ...event(`r-${second + index}`, second + index, 'pump-0'),
        data: large,
      })),
    );
  await cells.push('home');
  const manifest = await run();
  expect(pages).toBe(2);
  expect(manifest).toMatchObject({ events: 30, cells: ['standby'], digest: await logDigest(1) });
});

test('an export that a standby serves says how far that may be behind', async () => {
  const { cells, serving, run } = setUp();
  await cells.send('home', [event('a', 1)]);
  await cells.push('home');
  await cells.tell('standby');
  cells.state.switches = 1;
  serving.id = 'standby';
  expect(await run()).toMatchObject({ cells: ['standby'], behind: expect.stringMatching(/^(\d+|unknown)$/) });
});

test('an export that a standby served is whole if the home has no more', async () => {
  const served: string[] = [];
  const { cells, serving, run } = setUp((asked) => {
    serving.id = asked.startsWith('/v1/log?') ? 'standby' : 'home';
    served.push(serving.id);
  });
  await cells.send('home', [event('a', 1)]);
  await cells.push('home');
  await cells.tell('standby');
  cells.state.switches = 1;
  const manifest = await run();
  expect(served).toEqual(['standby', 'home']);
  expect(manifest).toMatchObject({ cells: ['home'], events: 1 });
  expect(manifest).not.toHaveProperty('behind');
});

test('an event that is not what its hash says is not written', async () => {
  const { cells, source, run } = setUp(async (asked) => {
    if (!asked.startsWith('/v1/log?')) return undefined;
    const { body } = await cells.ask('home', asked);
    const [first] = body.items as unknown as { event: { data: JsonObject } }[];
    if (first !== undefined) first.event.data = measured('m', 666);
    return new Response(JSON.stringify(body));
  });
  await cells.send('home', [event('a', 1)]);
  await expect(run()).rejects.toThrow(/is not what its hash says/);
  await expect(source().page({ after: null, through: null })).rejects.toThrow(/is not what its hash says/);
  expect(await filesIn()).toEqual([]);
});

const problem = (status: number, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify({ code: 'store_unavailable', detail: 'Later.' }), { status, headers });

test('what may pass is asked for again, at the time that the answer names, and no more often than the limit', async () => {
  const answers = [problem(503), problem(429, { 'retry-after': '7' }), new Response('{"items": [', { status: 200 })];
  const { cells, run, pauses } = setUp(() => answers.shift());
  await cells.send('home', [event('a', 1)]);
  expect(await run()).toMatchObject({ events: 1 });
  expect(pauses).toEqual([500, 7000, 2000]);

  const down = setUp(() => problem(503));
  await rm(path.join(folder, 'manifest.json'));
  await expect(down.run()).rejects.toThrow('answered 503: Later. (store_unavailable)');
  expect(down.paths).toHaveLength(SOURCE_LIMITS.attempts);
  expect(Math.max(...down.pauses)).toBe(SOURCE_LIMITS.pauseMostMs);
});

test('an answer of another server on the way is none: it is asked for again, after a pause', async () => {
  const answers = [
    new Response('null', { status: 502 }),
    new Response('null', { status: 200 }),
    problem(503, { 'retry-after': 'Sat, 28 Nov 2026 12:00:00 GMT' }),
  ];
  const { cells, run, pauses } = setUp(() => answers.shift());
  await cells.send('home', [event('a', 1)]);
  expect(await run()).toMatchObject({ events: 1 });
  expect(pauses).toEqual([500, 1000, 2000]);
});

test('a refusal is final', async () => {
  const { run, paths } = setUp(() => problem(403));
  await expect(run()).rejects.toMatchObject({ name: 'RefusedError', message: expect.stringContaining('403') });
  expect(paths).toHaveLength(1);
});

test('a cell of the previous release is named as what is in the way', async () => {
  const { run } = setUp(
    () => new Response(JSON.stringify({ code: 'not_found', detail: 'Unknown path.' }), { status: 404 }),
  );
  await expect(run()).rejects.toThrow(/Exports need cells of this release; deploy them first\./);
});

test('a place has one export: the same again changes nothing, another one is refused', async () => {
  const { cells, run, paths } = setUp();
  await cells.send('home', [event('a', 1)]);
  const first = await run();
  await cells.send('home', [event('b', 2)]);
  const asked = paths.length;
  expect(await run()).toEqual(first);
  expect(paths).toHaveLength(asked);
  for (const other of [{ tenant: 'globex' }, { to: '2026-11-21T07:43:00Z' }, { from: '2026-11-21T07:00:00Z' }])
    await expect(run(undefined, { ...SCOPE, ...other })).rejects.toThrow(
      `${folder} has an export of acme to 2026-11-21T07:42:00Z as ndjson; choose another place, or give the same options.`,
    );
});

test('a file of another origin under the name of a manifest is left alone', async () => {
  const { run } = setUp();
  for (const text of ['{}', 'null', 'no JSON']) {
    await new FolderObjects(folder).put('manifest.json', Buffer.from(text));
    await expect(run()).rejects.toMatchObject({ code: 'not_an_export' });
    expect(await readFile(path.join(folder, 'manifest.json'), 'utf8')).toBe(text);
  }
});

test('an export has no more files than its list can hold', async () => {
  const { cells, run } = setUp();
  await cells.send('home', [event('a', 1)]);
  const files = Array.from({ length: EXPORT_LIMITS.files }, () => ({
    after: null,
    through: 'pump-0/~',
    events: 0,
    bytes: 0,
  }));
  const progress = { format: 'polycell-export-progress-1', ...SCOPE, startedAt: '', files, doomed: [] };
  await new FolderObjects(folder).put('progress.json', Buffer.from(JSON.stringify(progress)));
  await expect(run()).rejects.toThrow(
    'An export has 10000 files at most; export a shorter time with --from and --until.',
  );
});
