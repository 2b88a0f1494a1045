// The fault matrix: each fault with its promise, the test that holds it on each cloud, and what was last measured. `npm run generate` writes the document.

/** Where a fault is brought about. */
export type Place = 'AWS' | 'Azure' | 'edge';

export interface FaultRow {
  readonly fault: string;
  /** What fails. */
  readonly component:
    | 'cell'
    | 'worker'
    | 'store'
    | 'bus'
    | 'relay'
    | 'router'
    | 'directory'
    | 'read cache'
    | 'monitor'
    | 'client'
    | 'issuer'
    | 'collector';
  readonly promise: string;
  /** Place → file, and a part of the test's name as the file has it. */
  readonly tests: Partial<Readonly<Record<Place, readonly [file: string, name: string]>>>;
  /** What was last measured, and by which command; without it the test alone says that the promise holds. */
  readonly measured?: { readonly figure: string; readonly by: string };
}

/** The same test, run against the emulators of both clouds. */
const onBoth = (file: string, name: string): FaultRow['tests'] => ({ AWS: [file, name], Azure: [file, name] });
const cell = (name: string) => onBoth('test/e2e/faults.suite.ts', name);
const drill = (name: string, file = 'drill') => onBoth(`test/e2e/${file}.e2e.test.ts`, name);
const atEdge = (file: string, name: string): FaultRow['tests'] => ({ edge: [`test/unit/edge/${file}`, name] });

const DETECTOR = 'npm run simulate -- --detector --years 1 --losses 300';
const LEASE_MODEL = {
  figure: '154,767 states, no two effects at once',
  by: 'npx jest test/unit/edge/leases/lease-model',
};

export const FAULTS: readonly FaultRow[] = [
  {
    fault: 'A cell is lost',
    component: 'cell',
    promise:
      'Its tenants are served by their standbys, others go on; nothing acknowledged is lost, nothing counted twice',
    tests: drill('the loss of a cell: its tenants are served elsewhere'),
    measured: { figure: 'order of a silent cell after 3.6 s (p50), 4.1 s (p99)', by: DETECTOR },
  },
  {
    fault: 'A region, or a whole cloud, is lost',
    component: 'cell',
    promise: 'Every tenant with a standby outside is served again',
    tests: drill('every tenant with a standby outside is served again'),
    measured: { figure: 'order of a silent cell after 4.3 s at worst', by: DETECTOR },
  },
  {
    fault: 'A standby is lost with what it has stored, or away for longer than its homes are patient',
    component: 'cell',
    promise: 'Its homes serve on, no queue fills up, and everything comes to it again',
    tests: {
      AWS: ['test/e2e/drill-data.e2e.test.ts', 'clients see every event at each stage, once'],
      Azure: ['test/e2e/drill-data.e2e.test.ts', 'long-outage: a standby in Azure is away'],
    },
  },
  {
    fault: 'The target of a move is killed while tenants are moved to it',
    component: 'cell',
    promise: 'No request of these tenants fails, the move goes on, and nothing is missing or there twice',
    tests: drill('move-under-load: a tenant goes from AWS to Azure', 'drill-data'),
  },
  {
    fault: 'The administrator of a cell turns against the other one',
    component: 'cell',
    promise: 'Nothing of the other cell is deleted or rewritten; events can be added',
    tests: drill('hostile-administrator: with the credentials of either cell', 'drill-data'),
  },
  {
    fault: 'Cells of both clouds are lost at once',
    component: 'cell',
    promise: 'They are failed over as soon as a cell that is left confirms it, and has shown that it reaches others',
    tests: atEdge('monitor/monitor.test.ts', 'cells of both clouds that are lost at once are failed over'),
  },
  {
    fault: 'A cell is slow while another one is slow or silent',
    component: 'monitor',
    promise: 'The slow one goes on showing that it is alive, and is not failed over',
    tests: atEdge('monitor/prober.test.ts', 'each slow one goes on showing that it is alive'),
  },
  {
    fault: 'A cell is slow, and alive',
    component: 'cell',
    promise: 'It is not failed over',
    tests: {
      edge: ['test/integration/edge/starved-observer.int.test.ts', 'a cell that answers late is silent at first'],
    },
    measured: { figure: '0.33 false failovers a year and cell', by: DETECTOR },
  },
  {
    fault: 'A cell was left down, and the next one fails',
    component: 'cell',
    promise: 'The one that answers is failed back in the same step',
    tests: atEdge('monitor/monitor.test.ts', 'a cell that was left down though it answers is failed back'),
  },
  {
    fault: 'A platform answers in the place of its cell',
    component: 'cell',
    promise: 'Clients never see it: what is safe is repeated, the rest is a problem with 503',
    tests: atEdge('router/platform-answers.test.ts', 'twice is a problem of ours'),
  },
  {
    fault: 'A cell is cut off, and failed over',
    component: 'cell',
    promise: 'It has effects for 25 s more at most; its successor begins after that, 75 s after the failover at most',
    tests: {
      ...onBoth(
        'test/e2e/leases.e2e.test.ts',
        'a standby has effects once the lease of a home that is cut off is over, and the former home never',
      ),
      edge: ['test/unit/edge/leases/running-clocks.test.ts', 'a cell that is cut off has effects for 25 s at most'],
    },
    measured: LEASE_MODEL,
  },
  {
    fault: 'Another server answers at a cell’s endpoint',
    component: 'cell',
    promise: 'It is reported at once, and failed over with the reason',
    tests: atEdge('monitor/monitor.test.ts', 'a cell that does not prove its identity is an impostor'),
  },
  {
    fault: 'A worker is killed in the middle of a batch',
    component: 'worker',
    promise: 'Everything is applied, once',
    tests: cell('workers killed in the middle of a batch'),
  },
  {
    fault: 'Workers and relay are killed in turn under half of the load that a cell can take',
    component: 'worker',
    promise: 'Nothing is lost, counted twice or parked',
    tests: cell('a load for some seconds while workers and relay are killed'),
    measured: {
      figure: '0 lost and 0 twice of 51,425 events, with 8 kills on each cloud',
      by: 'npm run soak -- --minutes 9',
    },
  },
  {
    fault: 'An event kills its worker',
    component: 'worker',
    promise: 'It alone is parked',
    tests: cell('an event that kills its worker, again and again'),
  },
  {
    fault: 'An event makes its consumer throw',
    component: 'worker',
    promise: 'It is parked, the others are applied, and redriving it applies it once',
    tests: cell('an event that makes its consumer throw'),
  },
  {
    fault: 'An event never lets its worker finish',
    component: 'worker',
    promise: 'It alone is parked',
    tests: cell('an event that never lets its worker finish'),
  },
  {
    fault: 'A tenant floods its cell with padded events',
    component: 'worker',
    promise:
      'The p99 of other tenants’ events, from the log to the state, is at most twice what it is without the flood',
    tests: onBoth(
      'core/domains/telemetry/test/victims.test.ts',
      'a victim’s p99 beside 39 MB of padded events is at most twice',
    ),
    measured: {
      figure:
        '1.6 times alone on AWS and 1.02 on Azure at most, of 20 seeds in simulated time; straight at the cell 1.9 and 1.02',
      by: 'npx jest core/domains/telemetry/test/victims',
    },
  },
  {
    fault: 'The same, in the order of work',
    component: 'worker',
    promise: 'An event of another tenant lets one of them pass at most in each queue',
    tests: onBoth('test/unit/pipeline/lanes.test.ts', 'a victim’s event lets one of them pass at most'),
    measured: {
      figure: 'a victim’s p99 0.95 to 1.5 s on AWS and 1.8 s on Azure, of a laptop that is busy with the flood',
      by: 'npm run bench -- neighbours',
    },
  },
  {
    fault: 'The same, with a worker of little memory',
    component: 'worker',
    promise: 'It does not end, and all is applied',
    tests: onBoth(
      'test/integration/pipeline/limited-memory.int.test.ts',
      'end no worker, and are applied with others’',
    ),
  },
  {
    fault: 'The store throttles',
    component: 'store',
    promise: 'What was acknowledged is applied once; nothing is parked',
    tests: cell('a store that throttles'),
  },
  {
    fault: 'Answers of the store are lost',
    component: 'store',
    promise: 'Nothing is stored twice',
    tests: cell('writes whose answers are lost'),
  },
  {
    fault: 'The store is gone for a while',
    component: 'store',
    promise: 'Nothing is lost, nothing is parked',
    tests: cell('a store that is gone for a while'),
  },
  {
    fault: 'Requests to the store take up to 5 s',
    component: 'store',
    promise: 'Nothing innocent is parked, by either kind of consumer',
    tests: onBoth('test/unit/pipeline/slow-store.test.ts', 'requests take now this, now that long'),
    measured: { figure: '0 parked in 80 patterns of latencies', by: 'npx jest test/unit/pipeline/slow-store' },
  },
  {
    fault: 'The bus is gone for a while',
    component: 'bus',
    promise: 'Nothing is lost',
    tests: cell('a bus that is gone for a while'),
  },
  {
    fault: 'The relay dies after it has published',
    component: 'relay',
    promise: 'Events come twice, and are applied once',
    tests: cell('a relay that dies after it has published'),
  },
  {
    fault: 'A router is cut off from directory and read cache',
    component: 'router',
    promise: 'It serves for two hours, with marked reads',
    tests: atEdge(
      'router/isolated-routers.test.ts',
      'serve: two cells take writes for as long as the router is cut off',
    ),
  },
  {
    fault: 'The same, for a tenant with on-isolation refuse',
    component: 'router',
    promise: 'Writes end 60 s after the directory last confirmed the route',
    tests: atEdge('router/isolated-routers.test.ts', 'refuse: writes end 60 s after'),
  },
  {
    fault: 'A router’s clock stands still',
    component: 'router',
    promise: 'A cell refuses its tokens once they have expired',
    tests: atEdge('router/fenced-routers.test.ts', 'refuses a router with a stopped clock'),
  },
  {
    fault: 'The directory is lost',
    component: 'directory',
    promise: 'All tenants are served as before',
    tests: drill('the loss of the directory: all tenants are served as before'),
  },
  {
    fault: 'The directory is away while cells have effects',
    component: 'directory',
    promise: 'They go on for 25 s, then wait without being parked, and go on when it is back',
    tests: atEdge('leases/running-clocks.test.ts', 'cells whose edge is away go on for 25 s'),
  },
  {
    fault: 'A write of the read cache arrives late',
    component: 'read cache',
    promise: 'It replaces no newer record',
    tests: { edge: ['test/unit/adapters/kv-route-cache.test.ts', 'a write that timed out and arrives late'] },
  },
  {
    fault: 'The monitor has no processor',
    component: 'monitor',
    promise: 'It holds nothing against cells',
    tests: {
      edge: [
        'test/integration/edge/starved-observer.int.test.ts',
        'a monitor that had no processor time holds nothing',
      ],
    },
  },
  {
    fault: 'The monitor alone does not reach cells of several clouds',
    component: 'monitor',
    promise: 'They are left where they are; those that are lost are not',
    tests: atEdge('monitor/monitor.test.ts', 'cells of both clouds that the monitor alone cannot reach'),
  },
  {
    fault: 'The eraser ends at any of its requests, or a cell is away meanwhile',
    component: 'directory',
    promise: 'It goes on; what was erased is nowhere, and nothing is certified before',
    tests: atEdge('erasures/erasures.test.ts', 'whichever request it ends at, the eraser goes on'),
    measured: {
      figure: '49,960 states, no event behind its certificate',
      by: 'npx jest test/unit/pipeline/erasure-model',
    },
  },
  {
    fault: 'A late copy, a repeat or a message brings an erased event',
    component: 'client',
    promise: 'It is refused on both clouds, and later events are accepted',
    tests: onBoth('test/e2e/erasure.suite.ts', 'an erased subject is gone on both clouds and stays so'),
  },
  {
    fault: 'A client sends its body slowly',
    component: 'client',
    promise: 'It gets 408, and no cell is blamed',
    tests: atEdge('router/streamed-bodies.test.ts', 'a refusal does not wait for a body that does not come'),
  },
  {
    fault: 'A client sends requests that are nearly right',
    component: 'client',
    promise: 'None is answered with 500, nothing crashes, and both clouds answer alike',
    tests: {
      ...onBoth('test/e2e/parity.e2e.test.ts', 'and requests that are nearly right'),
      edge: ['test/unit/fuzz/fuzz.test.ts', 'the edge answers 500 inputs'],
    },
    measured: {
      figure: '0 failures of 100,000 inputs at the edge, and of the first 3,000 at both cells',
      by: 'npm run fuzz -- --inputs 100000 --seed 11',
    },
  },
  {
    fault: 'The first load of the issuer’s keys fails',
    component: 'issuer',
    promise: 'It refuses the requests that waited for it, and no others',
    tests: {
      edge: ['test/contract/jwt-credentials.test.ts', 'a failed first load refuses the requests that waited for it'],
    },
  },
  {
    fault: 'The collector of telemetry hangs, refuses or is gone',
    component: 'collector',
    promise: 'No answer waits for it, a batch for 200 ms at most; what waits is bounded, and drops are counted',
    tests: {
      AWS: ['test/integration/functions/exports.int.test.ts', 'answers while the collector hangs'],
      Azure: ['test/unit/adapters/otlp-telemetry.test.ts', 'a batch waits for the export, for its time at most'],
      edge: ['test/integration/edge/router.int.test.ts', 'a collector that hangs is asked, and holds up no answer'],
    },
  },
];

/** Every test that a row names and that is not there. `read` returns a file's text, or `undefined`. */
export function missingTests(rows: readonly FaultRow[], read: (file: string) => string | undefined): string[] {
  return rows.flatMap(({ fault, tests }) =>
    Object.values(tests).flatMap(([file, name]) => {
      const text = read(file)?.replaceAll("\\'", "'");
      if (text === undefined) return [`${fault}: ${file} is not there.`];
      return text.includes(name) ? [] : [`${fault}: ${file} has no test “${name}”.`];
    }),
  );
}

const HEAD = ['fault', 'component', 'where', 'promise', 'test', 'last measured'];

/** The document. */
export function faultDocument(rows: readonly FaultRow[]): string {
  const lines = rows.map(({ fault, component, promise, tests, measured }) => {
    const places = new Map<string, string[]>();
    for (const [place, [file, name]] of Object.entries(tests)) {
      const test = `\`${file}\`: ${name}`;
      places.set(test, [...(places.get(test) ?? []), place]);
    }
    return [
      fault,
      component,
      [...places.values()].map((all) => all.join(', ')).join('; '),
      promise,
      [...places.keys()].join('; '),
      measured === undefined ? 'by the test' : `${measured.figure} (\`${measured.by}\`)`,
    ];
  });
  return [
    '# The fault matrix',
    '',
    'What fails, what is promised then, and the test that holds it. Generated by `npm run generate` from `build/fault-matrix.ts`; `npm run check` fails',
    'when a test that is named here does not exist. Figures are those that were measured last, by the command beside them.',
    '',
    `| ${HEAD.join(' | ')} |`,
    `|${HEAD.map(() => '---').join('|')}|`,
    ...lines.map((cells) => `| ${cells.join(' | ')} |`),
    '',
  ].join('\n');
}
