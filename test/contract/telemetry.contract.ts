// What every telemetry promises, clause by clause; core/ports/telemetry.ts says the same in words.
import { TELEMETRY_LIMITS, type Telemetry } from '../../core/ports/telemetry.ts';
import { type Clause, type Exemptions, runContract } from './contract.ts';

/** What left the process. */
export interface Exported {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string;
  readonly links: readonly string[];
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly failure: string | undefined;
}

export interface TelemetryHarness {
  /** Telemetry that samples every trace, and one that samples none. */
  readonly all: Telemetry;
  readonly none: Telemetry;
  /** The spans that both have exported. */
  readonly exported: () => Promise<readonly Exported[]>;
  close(): Promise<void>;
}

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SAMPLED = `00-${TRACE}-00f067aa0ba902b7-01`;
const UNSAMPLED = `00-${TRACE}-00f067aa0ba902b7-00`;

export const contextClauses = {
  'a span continues the trace of its parent, and hands on a context of its own': async ({ all }) => {
    const { traceparent } = all.start('a', 'server', SAMPLED);
    expect(traceparent).toMatch(/^00-4bf92f3577b34da6a3ce929d0e0e4736-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$/);
  },

  'without a readable parent, each span begins a trace': async ({ all }) => {
    const traces = [undefined, null, 'nonsense', `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`].map(
      (parent) => all.start('a', 'server', parent).traceparent,
    );
    for (const traceparent of traces) expect(traceparent).toMatch(/^00-(?!4bf92f35)[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(new Set(traces.map((traceparent) => traceparent.slice(3, 35))).size).toBe(traces.length);
  },

  'a trace that is sampled from now on says so to those that continue it': async ({ none }) => {
    const span = none.start('a', 'server', UNSAMPLED);
    expect(span.traceparent).toMatch(/-00$/);
    span.sample();
    expect(span.traceparent).toMatch(/-01$/);
  },
} satisfies Record<string, Clause<TelemetryHarness>>;

export const exportClauses = {
  'a span is exported once it has ended, once, with what was said of it': async ({ all, exported }) => {
    const span = all.start('a', 'client', SAMPLED);
    span.set({ one: 1, both: 'first' });
    expect(await exported()).toEqual([]);
    span.end({ both: 'second', many: ['x', 'y'], left: undefined });
    span.end({ one: 2 }, { failure: 'too late' });
    const [sent, ...others] = await exported();
    expect(others).toEqual([]);
    expect(sent).toMatchObject({
      name: 'a',
      traceId: TRACE,
      parentId: '00f067aa0ba902b7',
      links: [],
      failure: undefined,
    });
    expect(
      Object.fromEntries(Object.entries(sent?.attributes ?? {}).filter(([, value]) => value !== undefined)),
    ).toEqual({
      one: 1,
      both: 'second',
      many: ['x', 'y'],
    });
    expect(span.traceparent).toBe(`00-${TRACE}-${sent?.spanId}-01`);
  },

  'a parent, or one of the links, decides that a trace is sampled': async ({ none, exported }) => {
    const link = SAMPLED.replace('00f0', '10f0');
    none.start('alone', 'client').end();
    none.start('child', 'client', UNSAMPLED).end();
    none.start('sampled child', 'client', SAMPLED).end();
    none.start('linked', 'client', undefined, [UNSAMPLED, link]).end();
    const sent = await exported();
    expect(sent.map(({ name }) => name)).toEqual(['sampled child', 'linked']);
    expect(sent[1]?.links).toEqual([UNSAMPLED, link]);
    expect(none.start('linked', 'client', undefined, [link]).sampled).toBe(true);
  },

  'what fails is exported although its trace is not sampled, and so is what is kept': async ({ none, exported }) => {
    none.start('failed', 'client', UNSAMPLED).end({}, { failure: 'it broke' });
    none.start('kept', 'client', UNSAMPLED).end({}, { keep: true });
    none.start('neither', 'client', UNSAMPLED).end({}, { keep: false });
    expect((await exported()).map(({ name, failure }) => [name, failure])).toEqual([
      ['failed', 'it broke'],
      ['kept', undefined],
    ]);
  },

  'links beyond the limit are left out, and so are repeated and unreadable ones': async ({ all, exported }) => {
    const contexts = Array.from(
      { length: TELEMETRY_LIMITS.links + 1 },
      (_, index) => `00-${TRACE}-${(index + 1).toString(16).padStart(16, '0')}-01`,
    );
    all.start('a', 'client', undefined, ['nonsense', ...contexts.slice(0, 2), ...contexts]).end();
    all.start('b', 'client', undefined, contexts.slice(1)).end();
    const [beyond, full] = await exported();
    expect(beyond?.links).toEqual(contexts.slice(0, 64));
    expect(full?.links).toEqual(contexts.slice(1));
  },
} satisfies Record<string, Clause<TelemetryHarness>>;

const clauses = { ...contextClauses, ...exportClauses };

export const telemetryContract = (
  adapter: string,
  openHarness: () => TelemetryHarness,
  exempt: Exemptions<keyof typeof clauses, TelemetryHarness> = {},
): void => runContract(`telemetry contract, ${adapter}`, clauses, openHarness, exempt);
