// What the pipelines run: the order of cells, the gate between them, and the packages that are what was built.
import { createHash } from 'node:crypto';
import { GATE, healthGate } from '../../../build/infra/pipeline/health-gate.mjs';
import { releaseOf, verify } from '../../../build/infra/pipeline/packages.mjs';
import { waves } from '../../../build/infra/pipeline/waves.mjs';

const cell = (id: string) => ({ id, cloud: 'aws', region: 'eu-central-1', price: 1 });

describe('waves', () => {
  test('the first cell is the canary unless another one is named', () => {
    const cells = [cell('a'), cell('b'), cell('c')];
    expect(waves(cells).canary).toEqual({ id: 'a', cloud: 'aws', region: 'eu-central-1' });
    expect(waves(cells, 'b').rest.map(({ id }) => id)).toEqual(['a', 'c']);
  });

  test('a canary that is no cell is refused', () => {
    expect(() => waves([cell('a')], 'z')).toThrow('There is no cell "z"; there are a.');
  });
});

describe('health gate', () => {
  /** A world whose clock moves when it pauses, and that gives these answers in turn, the last one from then on. */
  function world(answers: readonly ({ status: number; body: unknown } | Error)[]) {
    let now = 0;
    let asked = 0;
    const told: string[] = [];
    return {
      told,
      ask: async () => {
        const answer = answers[Math.min(asked, answers.length - 1)];
        asked += 1;
        if (answer === undefined || answer instanceof Error) throw answer ?? new Error('no answer');
        return answer;
      },
      pause: async (ms: number) => {
        now += ms;
      },
      now: () => now,
      report: (line: string) => told.push(line),
    };
  }
  const ok = { status: 200, body: { status: 'ok', version: '2' } };

  test('opens after good answers in a row', async () => {
    const made = world([
      new Error('refused'),
      { status: 503, body: {} },
      ok,
      { status: 200, body: { status: 'ok', version: '1' } },
      ok,
    ]);
    expect(await healthGate(made, '2')).toBe(true);
    expect(made.told).toEqual([
      'it does not answer: refused',
      'it answers 503',
      'good answer 1 of 6',
      'it runs "1"',
      ...['good answer 1 of 6', 'good answer 2 of 6', 'good answer 3 of 6'],
      ...['good answer 4 of 6', 'good answer 5 of 6', 'good answer 6 of 6'],
    ]);
  });

  test('stays shut when time is up', async () => {
    const made = world([{ status: 200, body: { status: 'down', version: '2' } }]);
    expect(await healthGate(made, '2')).toBe(false);
    expect(made.told).toHaveLength(GATE.allMs / GATE.pauseMs);
  });
});

describe('packages', () => {
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
  const sums = `${sha256('one')}  aws-http.zip\n`;
  const folder = (files: Record<string, string>) => (file: string) => Buffer.from(files[file] ?? '');

  test('what was built is taken', () => {
    expect(() => verify(folder({ SHA256SUMS: sums, 'aws-http.zip': 'one' }), sha256(sums))).not.toThrow();
  });

  test('another file is refused, and another list', () => {
    expect(() => verify(folder({ SHA256SUMS: sums, 'aws-http.zip': 'two' }), sha256(sums))).toThrow(
      'aws-http.zip is not what was built.',
    );
    expect(() => verify(folder({ SHA256SUMS: sums, 'aws-http.zip': 'one' }), sha256('other'))).toThrow(
      'SHA256SUMS has the digest',
    );
  });

  test('a root gets the packages of its cloud', () => {
    expect(releaseOf('/p', '1', 'aws')).toEqual({
      version: '1',
      artifacts: { http: '/p/aws-http.zip', relay: '/p/aws-relay.zip', worker: '/p/aws-worker.zip' },
    });
    expect(releaseOf('/p', '1', 'azure')).toEqual({ version: '1', artifacts: {} });
    expect(releaseOf('/p', '1', 'azure', 'r/i@sha256:1')).toEqual({
      version: '1',
      artifacts: {},
      image: 'r/i@sha256:1',
    });
    expect(releaseOf('/p', '1', 'edge')).toEqual({ version: '1', artifacts: { edge: '/p/edge.mjs' } });
  });
});
