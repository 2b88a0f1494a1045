// Which copy stands: a total order, checked exhaustively over few copies, cells, deliveries and crashes.
import fc from 'fast-check';
import { bodyHash, type Copy, stands } from '../../../core/events/copies.ts';
import { canonicalJson } from '../../../core/lib/canonical-json.ts';
import type { Json } from '../../../core/ports/json.ts';
import { property } from '../../support/properties.ts';

/** https://www.rfc-editor.org/rfc/rfc8785#section-3.2.2 and the sorting of section 3.2.3. */
test('canonical JSON is that of RFC 8785', () => {
  const value = JSON.parse(
    '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}',
  ) as Json;
  expect(canonicalJson(value)).toBe(
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
  );
  const names = { '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\u0080': 5, '\ud83d\ude00': 6, ö: 7 };
  expect(Object.keys(JSON.parse(canonicalJson(names)) as object).length).toBe(7);
  expect([...canonicalJson(names).matchAll(/:(\d)/g)].map(([, digit]) => digit).join('')).toBe('2457163');
});

property(
  'equal JSON values have one text, whatever the order of their members',
  fc.jsonValue({ depthSize: 'medium' }),
  (value) => {
    const shuffled = (each: unknown): unknown =>
      Array.isArray(each)
        ? each.map(shuffled)
        : typeof each === 'object' && each !== null
          ? Object.fromEntries(
              Object.entries(each)
                .reverse()
                .map(([name, member]) => [name, shuffled(member)]),
            )
          : each;
    expect(canonicalJson(shuffled(value) as Json)).toBe(canonicalJson(value as Json));
    expect(JSON.parse(canonicalJson(value as Json))).toEqual(JSON.parse(JSON.stringify(value)));
  },
);

test('a body’s hash leaves out tracing, and nothing else', () => {
  const body = { id: 'a', data: { value: 1, traceparent: 'inside' } };
  expect(bodyHash({ body: { ...body, traceparent: 'x', tracestate: 'y' } })).toBe(bodyHash({ body }));
  expect(bodyHash({ body: { ...body, data: { value: 1, traceparent: 'other' } } })).not.toBe(bodyHash({ body }));
  expect(bodyHash({ body: { b: 1, a: 2 } })).toBe('d3626ac30a87e6f7a6428233b3c68299976865fa5508e4267c5415c76af7a772');
});

const COPIES: readonly Copy[] = [
  { body: { v: 1 } },
  ...[1, 2, 3].flatMap((epoch) => [
    { body: { v: 1 }, beside: { epoch } },
    { body: { v: 2 }, beside: { epoch } },
  ]),
];

test('the order is total: of two different copies exactly one stands, and no circle', () => {
  for (const a of COPIES)
    for (const b of COPIES) {
      expect([a, b, Number(stands(a, b)) + Number(stands(b, a))]).toEqual([a, b, a === b ? 0 : 1]);
      for (const c of COPIES) if (stands(a, b) && stands(b, c)) expect(stands(a, c)).toBe(true);
    }
});

/** What a cell does with a copy that arrives. */
const merged = (own: Copy | undefined, other: Copy): Copy => (own === undefined || stands(other, own) ? other : own);

test('merging is commutative, associative and idempotent', () => {
  for (const a of COPIES)
    for (const b of COPIES) {
      expect(merged(a, b)).toBe(merged(b, a));
      expect(merged(merged(a, b), b)).toBe(merged(a, b));
      for (const c of COPIES) expect(merged(merged(a, b), c)).toBe(merged(a, merged(b, c)));
    }
});

/**
 * Two cells under one identity. Clients send while either serves (an accepted copy is kept only where there is none yet), and copies go from
 * one cell to the other in any order, late, twice, or not before a crash. Whatever happens, after one push each way both hold the same copy:
 * the one that stands among all that a cell has ever held at the end of the history.
 */
test('every history of two clients, four deliveries and crashes ends with one copy in both cells', () => {
  type Cells = readonly [Copy | undefined, Copy | undefined];
  interface State {
    readonly cells: Cells;
    /** Copies on their way: to which cell. */
    readonly sent: readonly (readonly [to: 0 | 1, copy: Copy])[];
    readonly clients: number;
    readonly steps: number;
  }
  const put = (cells: Cells, at: 0 | 1, copy: Copy | undefined): Cells =>
    at === 0 ? [copy, cells[1]] : [cells[0], copy];
  let ends = 0;
  const seen = new Set<string>();
  const explore = (state: State): void => {
    const key = JSON.stringify(state);
    if (seen.has(key)) return;
    seen.add(key);
    const { cells, sent, clients, steps } = state;
    // The end: one push each way, in either order.
    for (const first of [0, 1] as const) {
      let [a, b] = cells;
      for (const from of [first, 1 - first]) {
        if (from === 0 && a !== undefined) b = merged(b, a);
        if (from === 1 && b !== undefined) a = merged(a, b);
      }
      // The cell that pushed first learns what the other has by the second push.
      expect(a).toBe(b);
      const held = cells.filter((copy) => copy !== undefined);
      if (held.length > 0) expect(a).toBe(held.reduce((best, copy) => merged(best, copy)));
      ends += 1;
    }
    if (steps === 0) return;
    for (const at of [0, 1] as const) {
      // A client's event, under any epoch that the cell may serve by, with one of two bodies.
      if (clients > 0)
        for (const copy of COPIES) {
          const epoch = Number(copy.beside?.epoch ?? 0);
          if (epoch % 2 === at && epoch > 0) continue;
          const next = cells[at] === undefined ? put(cells, at, copy) : cells;
          explore({ cells: next, sent, clients: clients - 1, steps: steps - 1 });
        }
      // A copy is sent, and may arrive any number of steps later, or be lost with a process.
      const own = cells[at];
      if (own !== undefined && sent.length < 2)
        explore({ cells, sent: [...sent, [(1 - at) as 0 | 1, own]], clients, steps: steps - 1 });
    }
    for (const [index, [to, copy]] of sent.entries()) {
      const rest = sent.filter((_, other) => other !== index);
      const arrived = put(cells, to, merged(cells[to], copy));
      explore({ cells: arrived, sent: rest, clients, steps: steps - 1 });
      // Its answer was lost: it comes again.
      explore({ cells: arrived, sent, clients, steps: steps - 1 });
      // It was lost.
      explore({ cells, sent: rest, clients, steps: steps - 1 });
    }
  };
  explore({ cells: [undefined, undefined], sent: [], clients: 2, steps: 5 });
  expect(ends).toBeGreaterThan(1000);
});
