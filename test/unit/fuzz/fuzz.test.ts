// Fuzzing finds nothing wrong with the edge; what it finds can be made again from its seed, and is shown in its smallest form.
import { FUZZ_LIMITS, fuzz } from '../../fuzz/fuzz.ts';
import { inputOf } from '../../fuzz/inputs.ts';
import { edge, type Target } from '../../fuzz/targets.ts';

test('the edge answers 500 inputs, none of them with 500 or more', async () => {
  const { inputs, kinds, failures } = await fuzz(await edge(), 1, 500);
  expect({ inputs, failures }).toEqual({ inputs: 500, failures: [] });
  expect(Object.keys(kinds).sort()).toEqual(['binary', 'ingest', 'operate', 'read']);
});

test('the same seed makes the same input, another seed another one', () => {
  expect(inputOf(3, 17, 1)).toEqual(inputOf(3, 17, 1));
  expect(inputOf(4, 17, 1)).not.toEqual(inputOf(3, 17, 1));
});

/** Fails for requests with a coding, and for events without a subject. */
const faulty: Target = {
  name: 'a faulty one',
  close: async () => undefined,
  attempt: async ({ headers, body, group }) => {
    if (headers['content-encoding'] !== undefined) return `it answers 500: ${JSON.stringify(headers)}`;
    return group === 'ingest' && typeof body === 'string' && body.startsWith('{') && !body.includes('"subject"')
      ? `it gives no answer: ${body}`
      : undefined;
  },
};

test('of each way to fail the first is shown, in its smallest form', async () => {
  const { failures, inputs } = await fuzz(faulty, 1, 400);
  expect(failures.map(({ failure }) => failure.split(':', 1)[0]).sort()).toEqual([
    'it answers 500',
    'it gives no answer',
  ]);
  expect(inputs).toBe(400);
  const [coded, bare] = ['it answers 500', 'it gives no answer'].map(
    (way) => failures.find(({ failure }) => failure.startsWith(way))?.smallest,
  );
  expect(Object.keys(coded?.headers ?? {})).toEqual(['content-encoding']);
  expect(coded?.body).toBe('');
  expect(bare?.headers).toEqual({});
  expect(['{', '{}']).toContain(bare?.body);
});

test('it ends at a number of failures', async () => {
  let count = 0;
  const hopeless: Target = { ...faulty, attempt: async () => `way ${(count += 1)}` };
  expect((await fuzz(hopeless, 1, 1000)).failures.length).toBeLessThan(FUZZ_LIMITS.failures + FUZZ_LIMITS.lanes);
});
