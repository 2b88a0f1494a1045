// The script that deploys a cell, run by the shell with programs that stand in for the clouds' own: it goes back where it must.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { root } from '../../../build/bundles.mjs';

const SCRIPT = 'build/infra/pipeline/deploy-cell.sh';
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'polycell-deploy-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const sha256 = (data: string) => createHash('sha256').update(data).digest('hex');

function program(name: string, text: string): void {
  const file = path.join(folder, 'bin', name);
  writeFileSync(file, `#!/usr/bin/env bash\nset -eu\n${text}\n`);
  chmodSync(file, 0o755);
}

/**
 * Deploys version 2 into a cell that runs `before`; `healthy` are the versions that become healthy, `fails` is a program's step that fails.
 * Returns the exit code, what was said, and what was done in order.
 */
function run({
  before = '1.0.0',
  healthy,
  cloud = 'aws',
  applyFails = '',
  method = cloud === 'aws' ? 'terraform' : 'one-deploy',
  image = '',
}: {
  /** How the cell gets a release, as its output says. */
  method?: string;
  /** Of the release; the cell runs one of its own. */
  image?: string;
  before?: string;
  healthy: readonly string[];
  cloud?: string;
  applyFails?: string;
}) {
  for (const each of ['bin', 'dist/packages', 'build/infra/pipeline'])
    mkdirSync(path.join(folder, each), { recursive: true });
  cpSync(path.join(root, SCRIPT), path.join(folder, SCRIPT));
  // The real check of the packages, and a release of one file.
  cpSync(path.join(root, 'build/infra/pipeline/packages.mjs'), path.join(folder, 'build/infra/pipeline/packages.mjs'));
  const release = (version: string) => {
    const sums = `${sha256(version)}  azure.zip\n`;
    return { sums, digest: sha256(sums) };
  };
  const wanted = release('2.0.0');
  writeFileSync(path.join(folder, 'dist/packages/azure.zip'), '2.0.0');
  writeFileSync(path.join(folder, 'dist/packages/SHA256SUMS'), wanted.sums);
  const log = path.join(folder, 'log');
  writeFileSync(log, '');
  writeFileSync(
    path.join(folder, 'build/infra/pipeline/health-gate.mjs'),
    `import { appendFileSync } from 'node:fs';
     const [url, version] = process.argv.slice(2);
     appendFileSync(${JSON.stringify(log)}, 'gate ' + url + ' ' + version + '\\n');
     process.exit(${JSON.stringify(healthy)}.includes(version) ? 0 : 1);`,
  );
  program(
    'terraform',
    `case "$*" in
       *"output -raw version") ${before === '' ? 'exit 1' : `printf %s ${before}`} ;;
       *"output -raw health_url") printf %s https://cell/v1/health ;;
       *"output -json deployment") printf %s '${JSON.stringify({ method, app: 'app', resource_group: 'group', image: image === '' ? null : 'r/i@sha256:1' })}' ;;
       *apply*) version="$(jq -r .version <<< "$TF_VAR_release")"; image="$(jq -r .image <<< "$TF_VAR_release")"; [ "$image" != null ] || image=""; echo "apply $version\${image:+ }$image" >> ${log}; [ "$version" != "${applyFails}" ] ;;
       *) exit 9 ;;
     esac`,
  );
  program(
    'jq',
    `exec node -e 'const [, path] = process.argv; let text = ""; process.stdin.on("data", (d) => (text += d)).on("end", () => console.log(JSON.parse(text)[path.slice(1)] ?? null))' "$2"`,
  );
  program('az', `echo "send $(cat dist/packages/azure.zip) to $8 \${10}" >> ${log}`);
  program(
    'fetch',
    `echo "fetch $1" >> ${log}; mkdir -p dist/packages; printf %s "$1" > dist/packages/azure.zip; printf '%s  azure.zip\\n' "$(sha256sum dist/packages/azure.zip | cut -d ' ' -f 1)" > dist/packages/SHA256SUMS`,
  );
  const { status, stderr } = spawnSync(
    'bash',
    [SCRIPT, 'some-cell', cloud, '2.0.0', wanted.digest, path.join(folder, 'bin/fetch')],
    {
      cwd: folder,
      env: { ...process.env, CONTAINER_IMAGE: image, PATH: `${path.join(folder, 'bin')}:${process.env.PATH}` },
      encoding: 'utf8',
    },
  );
  return { status, said: stderr, done: readFileSync(log, 'utf8').trim().split('\n') };
}

const GATE = 'gate https://cell/v1/health';

test('a healthy release stays', () => {
  expect(run({ healthy: ['2.0.0'] })).toEqual({ status: 0, said: '', done: ['apply 2.0.0', `${GATE} 2.0.0`] });
});

test('one that does not become healthy is taken back, and the job fails', () => {
  const { status, said, done } = run({ healthy: ['1.0.0'], cloud: 'azure' });
  expect([status, done]).toEqual([
    1,
    [
      'apply 2.0.0',
      'send 2.0.0 to app group',
      `${GATE} 2.0.0`,
      'fetch 1.0.0',
      'apply 1.0.0',
      'send 1.0.0 to app group',
      `${GATE} 1.0.0`,
    ],
  ]);
  expect(said).toContain('some-cell runs 1.0.0 again.');
});

test('an apply that fails half-way is taken back without waiting for health', () => {
  const { status, done } = run({ healthy: ['1.0.0', '2.0.0'], applyFails: '2.0.0' });
  expect([status, done]).toEqual([1, ['apply 2.0.0', 'fetch 1.0.0', 'apply 1.0.0', `${GATE} 1.0.0`]]);
});

test('without a version before, nothing is taken back', () => {
  for (const before of ['', '2.0.0']) {
    const { status, said, done } = run({ healthy: [], before });
    expect([status, done]).toEqual([1, ['apply 2.0.0', `${GATE} 2.0.0`]]);
    expect(said).toContain('there is no version before it');
  }
});

test('if the version before is not healthy either, the job says so', () => {
  const { status, said } = run({ healthy: [] });
  expect([status, said.trim().split('\n').at(-1)]).toEqual([
    1,
    'some-cell is not healthy with 1.0.0 either: see to it.',
  ]);
});

test('a cell in containers is given its image, and goes back to the one that it ran', () => {
  const { status, done } = run({ healthy: ['1.0.0'], image: 'r/i@sha256:2', cloud: 'azure', method: 'terraform' });
  expect([status, done]).toEqual([
    1,
    ['apply 2.0.0 r/i@sha256:2', `${GATE} 2.0.0`, 'fetch 1.0.0', 'apply 1.0.0 r/i@sha256:1', `${GATE} 1.0.0`],
  ]);
});

test('what a cluster runs is not waited for', () => {
  const { status, said, done } = run({ healthy: [], method: 'cluster' });
  expect([status, done]).toEqual([0, ['apply 2.0.0']]);
  expect(said).toContain('its cluster takes the image');
});
