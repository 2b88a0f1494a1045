// `npm run infra:apply` where terraform, the provider aws and moto are installed: a cell is applied, held against its declarations, and destroyed.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { root } from '../../../build/bundles.mjs';
import { AwsClient } from '../../../build/infra/apply/aws-client.ts';
import { NoEmulator, type RunningEmulator, startMoto } from '../../../build/infra/apply/emulator.ts';
import { observedInventory } from '../../../build/infra/apply/observed.ts';
import type { Step } from '../../../build/infra/apply/run.ts';
import { Providers, terraformIsInstalled } from '../../../build/infra/terraform.ts';
import { LONG_TEST_MS } from '../../support/patience.ts';

const NEVER = new AbortController().signal;

let folder = '';
/** Why the cell cannot be applied here; '' where it can. */
let missing = '';
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'polycell-apply-test-'));
  if (!terraformIsInstalled()) missing = 'terraform is not installed';
  else if ((await new Providers(folder).argumentsFor('aws')) === undefined)
    missing = 'the provider aws cannot be installed';
  else
    await startMoto(NEVER).then(
      (moto) => moto.stop(),
      (error: unknown) => {
        if (!(error instanceof NoEmulator)) throw error;
        missing = error.message;
      },
    );
  if (missing !== '') process.stderr.write(`not run: terraform apply of a cell: ${missing}\n`);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly steps: readonly Step[];
  readonly err: string;
  /** What is left in the folder for temporary files. */
  readonly left: readonly string[];
}

/** Runs the program; `until` is what it says on standard error before it is interrupted. */
function run(args: readonly string[], { until, PATH }: { until?: string; PATH?: string } = {}): Promise<Ended> {
  const temporary = mkdtempSync(path.join(folder, 'run-'));
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['build/run.mjs', 'build/apply-infra.ts', '--', '--json', ...args], {
      cwd: root,
      env: { ...process.env, TMPDIR: temporary, ...(PATH !== undefined && { PATH }) },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [out, err, interrupted] = ['', '', false];
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk.toString();
      if (until === undefined || interrupted || !err.includes(until)) return;
      interrupted = true;
      child.kill('SIGINT');
    });
    child.on('error', reject);
    child.on('close', (code) => {
      const lines = out.split('\n').filter((line) => line !== '');
      resolve({ code, err, steps: lines.map((line) => JSON.parse(line) as Step), left: readdirSync(temporary) });
    });
  });
}

/** Applying whole cells takes minutes, beside which nothing else should be measured: `INFRA_APPLY=whole` asks for it. */
const whole = process.env.INFRA_APPLY === 'whole' ? test : test.skip;

const inWords = ({ steps }: Ended): string[] => steps.map(({ status, what }) => `${status}: ${what}`);

const BUT = 'but for what the emulator cannot represent';

const WHOLE = [
  'ok: terraform apply',
  `ok: what was created is what is declared, ${BUT}`,
  `ok: a second plan is empty, ${BUT}`,
  'ok: terraform destroy',
  'ok: destroy leaves nothing',
];

test('without terraform it is not run, says so, and a release fails', async () => {
  const PATH = path.join(folder, 'empty');
  mkdirSync(PATH, { recursive: true });
  const ended = await run([], { PATH });
  expect(inWords(ended)).toEqual(['not run: terraform apply of aws-alpha']);
  expect(ended.steps[0]?.detail).toContain('terraform is not installed');
  expect(ended).toMatchObject({ code: 0, left: [] });
  expect((await run(['--release'], { PATH })).code).toBe(1);
});

test(
  'an interrupted run ends its own moto',
  async () => {
    if (missing !== '') return;
    const ended = await run([], { until: 'Making the packages.' });
    expect(ended).toMatchObject({ code: 130, steps: [], left: [] });
  },
  LONG_TEST_MS,
);

describe('an emulator that goes on', () => {
  let moto: RunningEmulator | undefined;
  beforeAll(async () => {
    if (missing === '') moto = await startMoto(NEVER);
  });
  afterAll(() => moto?.stop());

  const remaining = (endpoint: string) =>
    observedInventory(new AwsClient({ endpoint, region: 'eu-central-1', signal: NEVER }), 'aws-alpha');

  whole(
    'has a cell with all options as it is declared, and nothing of it afterwards',
    async () => {
      if (moto === undefined) return;
      const ended = await run(['--endpoint', moto.endpoint, '--with', 'all', '--release']);
      expect(ended.steps.filter(({ status }) => status !== 'ok')).toEqual([]);
      expect(inWords(ended)).toEqual(WHOLE);
      expect(ended).toMatchObject({ code: 0, left: [] });
      expect(await remaining(moto.endpoint)).toEqual({});
    },
    LONG_TEST_MS,
  );

  whole(
    'has nothing of a cell whose run was interrupted',
    async () => {
      if (moto === undefined) return;
      const ended = await run(['--endpoint', moto.endpoint], { until: '25 resources' });
      expect(inWords(ended)).toEqual(['ok: terraform destroy', 'ok: destroy leaves nothing']);
      expect(ended).toMatchObject({ code: 130, left: [] });
      expect(await remaining(moto.endpoint)).toEqual({});
    },
    LONG_TEST_MS,
  );

  test('is left alone where the cell is there already', async () => {
    if (moto === undefined) return;
    const { endpoint } = moto;
    const client = new AwsClient({ endpoint, region: 'eu-central-1', signal: NEVER });
    await client.json('sqs', 'AmazonSQS.CreateQueue', { QueueName: 'aws-alpha-catalog' }, '1.0');
    const ended = await run(['--endpoint', endpoint]);
    expect(inWords(ended)).toEqual(['failed: the emulator has nothing of aws-alpha']);
    expect(ended).toMatchObject({ code: 1, left: [] });
    expect(Object.keys(await remaining(endpoint))).toEqual(['queue aws-alpha-catalog']);
  });
});
