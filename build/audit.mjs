// `npm run check -- audit`: asks the registry for known vulnerabilities of the locked packages; without an answer it is not run, and fails a release.
import { spawn } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import { root } from './bundles.mjs';

/** For the registry's answer, in milliseconds. */
const TIMEOUT_MS = 60_000;

/** What fails the check; milder findings are named. */
const SEVERE = ['high', 'critical'];

/**
 * What an answer of `npm audit --json` means. `release`: a check that could not be run fails.
 * @param {string} text @param {boolean} release @returns {{ code: number, lines: string[] }}
 */
export function judge(text, release) {
  const { vulnerabilities, why } = read(text);
  if (vulnerabilities === undefined) {
    const line = `not run: npm audit: ${why}`;
    return { code: release ? 1 : 0, lines: [line] };
  }
  const found = Object.values(vulnerabilities).map(({ name, severity, range }) => ({ name, severity, range }));
  const severe = found.filter(({ severity }) => SEVERE.includes(severity));
  const lines = found.map(({ name, severity, range }) => `${severity}: ${name} ${range}`).sort();
  return { code: severe.length > 0 ? 1 : 0, lines };
}

/**
 * @param {string} text
 * @returns {{ vulnerabilities?: Record<string, { name: string, severity: string, range: string }>, why?: string | undefined }}
 */
function read(text) {
  try {
    const answer = JSON.parse(text);
    return answer?.vulnerabilities === undefined || answer.error !== undefined
      ? { why: String(answer?.message ?? 'the registry gave no findings').split('\n', 1)[0] }
      : { vulnerabilities: answer.vulnerabilities };
  } catch (error) {
    if (error instanceof SyntaxError) return { why: 'the registry gave no answer' };
    throw error;
  }
}

/** @returns {Promise<string>} what npm prints; nothing if it cannot be run */
function ask() {
  return new Promise((resolve) => {
    const args = ['audit', '--json', '--fetch-retries=0', '--fetch-timeout=20000'];
    const child = spawn('npm', args, { cwd: root, stdio: ['ignore', 'pipe', 'ignore'], timeout: TIMEOUT_MS });
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
    });
    child.on('error', () => resolve(''));
    child.on('close', () => resolve(text));
  });
}

if (process.argv[1] && pathToFileURL(process.argv[1]).href === import.meta.url) {
  void ask().then((text) => {
    const { code, lines } = judge(text, process.argv.includes('--release'));
    for (const line of lines) process.stdout.write(`${line}\n`);
    process.exitCode = code;
  });
}
