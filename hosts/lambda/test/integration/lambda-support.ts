// What the tests of the Lambda host share: hosts that are stopped after each test, and waiting for conditions.
import path from 'node:path';
import { PATIENCE_MS } from '../../../processes/test/patience.ts';
import type { LambdaLogRecord } from '../../environment.ts';
import { LambdaHost, type LambdaHostOptions } from '../../lambda-host.ts';

export const fixture = (name: string): string => path.join(__dirname, 'fixtures', name);

const hosts: LambdaHost[] = [];
afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.stop({ graceMs: 0 })));
});

export function openHost(options: Partial<LambdaHostOptions> = {}): LambdaHost {
  const host = new LambdaHost({
    functionName: 'fn',
    bundle: fixture('function.cjs'),
    handler: 'handler',
    warmEnvironments: 0,
    // Unless it is what the test is about: Lambda's three and ten seconds are for Lambda's processors.
    timeoutMs: PATIENCE_MS,
    initTimeoutMs: PATIENCE_MS,
    ...options,
  });
  hosts.push(host);
  return host;
}

/** Collects log records and lets a test wait for one. */
export function recorder(): {
  records: LambdaLogRecord[];
  log: (record: LambdaLogRecord) => void;
  until: (matches: (record: LambdaLogRecord) => boolean) => Promise<LambdaLogRecord>;
} {
  const records: LambdaLogRecord[] = [];
  const waiting = new Set<(record: LambdaLogRecord) => void>();
  return {
    records,
    log: (record) => {
      records.push(record);
      for (const tell of waiting) tell(record);
    },
    until: (matches) => {
      const known = records.find(matches);
      if (known !== undefined) return Promise.resolve(known);
      return new Promise((resolve) => {
        const tell = (record: LambdaLogRecord): void => {
          if (!matches(record)) return;
          waiting.delete(tell);
          resolve(record);
        };
        waiting.add(tell);
      });
    },
  };
}

/** Resolves when the condition holds; looks every few milliseconds, for a limited time. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`Waited too long for ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}
