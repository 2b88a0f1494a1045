// The files of a new domain: event type, consumer, read and test, small enough to be changed into something else.

/** Words that cannot name a constant. */
const RESERVED = new Set(
  (
    'arguments await break case catch class const continue debugger default delete do else enum eval export extends false finally ' +
    'for function if implements import in instanceof interface let new null package private protected public return static super ' +
    'switch this throw true try typeof undefined var void while with yield application'
  ).split(' '),
);

/** Whether a domain of this name would need an import that the language refuses. */
export const isReservedWord = (identifier: string): boolean => RESERVED.has(identifier);

/** `spare-parts` as `spareParts`. */
export const identifierOf = (name: string): string =>
  name.replace(/-+(.)/g, (_, letter: string) => letter.toUpperCase());

const capital = (text: string) => text.slice(0, 1).toUpperCase() + text.slice(1);

const domain = (name: string, identifier: string) => `// The domain ${name}: amounts are recorded, and added up by day.
import { pageRead } from '../../api/read.ts';
import { count, object } from '../../api/schema.ts';
import { domainPartition } from '../../cell/identity.ts';
import { defineDomain } from '../../domain/domain.ts';
import { eventType } from '../../domain/event-type.ts';
import { derived } from '../../pipeline/derived-consumer.ts';
import { sums } from '../../pipeline/sums.ts';
import { validators } from './validators.generated.ts';

/** What happens. The name ends in the version of the schema. */
export const recorded = eventType(
  'com.example.${name}-recorded.v1',
  object(['amount'], { amount: { type: 'integer', minimum: 0, maximum: 1_000_000 } }),
);

/** Where the documents of a subject lie. */
const totals = domainPartition('${name}.totals');

const byDay = sums(['events', 'amount'], ['1d']);

/** Adds amounts up by day: a function of the log, so nothing is counted twice. */
const addUp = derived({
  name: '${name}-totals',
  types: [recorded.type],
  partition: totals.of,
  project(event) {
    if (recorded.is(event)) return { events: 1, amount: event.data.amount };
    throw new TypeError(\`The event \${event.id} is of another type.\`);
  },
  ...byDay,
});

const Day = object(['day', 'events', 'amount'], {
  day: { type: 'string', format: 'date' },
  events: count,
  amount: count,
});

const readDays = pageRead({
  name: '${identifier}Days',
  path: '/v1/${name}/{id}/days',
  summary: 'What was recorded of a subject, by day.',
  items: Day,
  handle: ({ tenant, id }, { state }, page) =>
    byDay.list(state, totals.of(tenant, id), '1d', page, (sum, day) => ({ day, ...sum })),
});

export const ${identifier} = defineDomain({
  name: '${name}',
  description: 'Amounts in, sums by day out.',
  events: [recorded],
  validators,
  consumers: [addUp],
  state: [totals],
  reads: [readDays],
  schemas: { ${capital(identifier)}Day: Day },
  sample: (subject, round) => ({
    type: recorded.type,
    subject: \`subject-\${subject + 1}\`,
    data: { amount: round % 100 },
  }),
});
`;

const test = (name: string, identifier: string) => `// The domain ${name}: what was recorded is added up once, by day.
import { exactlyOnce, given, happened } from '../../../../test/support/given.ts';
import { ${[identifier, 'recorded'].sort().join(', ')} } from '../domain.ts';

const first = happened(recorded, { subject: 'a', time: '2026-11-20T10:00:00Z' }, { amount: 2 });
const second = happened(recorded, { subject: 'a', time: '2026-11-20T11:00:00Z' }, { amount: 3 });
const nextDay = happened(recorded, { subject: 'a', time: '2026-11-21T00:00:00Z' }, { amount: 5 });

test('amounts are added up by day', () =>
  given(${identifier}, first, second, nextDay)
    .when({ order: 'reversed', groups: 2, repeats: 2, workers: 2 })
    .thenAnswer('/v1/${name}/a/days', {
      items: [
        { day: '2026-11-20', events: 2, amount: 5 },
        { day: '2026-11-21', events: 1, amount: 5 },
      ],
      next: null,
    }));

exactlyOnce(${identifier});
`;

/** The files of a domain, by their paths in its folder. */
export function domainFiles(name: string): Readonly<Record<string, string>> {
  const identifier = identifierOf(name);
  return { 'domain.ts': domain(name, identifier), [`test/${name}.test.ts`]: test(name, identifier) };
}
