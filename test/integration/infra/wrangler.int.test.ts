// Wrangler's file for the edge: what wrangler itself makes of it, with the bundle that would be deployed.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { newerNode, WRANGLER_NODE } from '../../support/newer-node.ts';

const PROJECT = path.resolve(__dirname, '../../..');
const WRANGLER = path.join(PROJECT, 'node_modules/wrangler/bin/wrangler.js');

test('wrangler takes the generated file and the bundle', async () => {
  const node = newerNode();
  if (node === undefined) {
    const version = WRANGLER_NODE.join('.');
    process.stderr.write(
      `not run: wrangler needs Node.js ${version}; \`node build/with-node.mjs 24.21.0 build/test.mjs\` brings one.\n`,
    );
    return;
  }
  // Wrangler keeps its settings and logs in the home folder.
  const home = mkdtempSync(path.join(tmpdir(), 'polycell-wrangler-'));
  try {
    const { stdout } = await promisify(execFile)(
      node,
      [WRANGLER, 'deploy', '--dry-run', '--config', path.join(PROJECT, 'infra/live/edge/wrangler.jsonc')],
      {
        cwd: PROJECT,
        env: { PATH: process.env.PATH, HOME: home, XDG_CONFIG_HOME: home, WRANGLER_SEND_METRICS: 'false', CI: 'true' },
      },
    );
    const bound = [...stdout.matchAll(/^env\.(\w+)/gm)].map(([, name]) => name).sort();
    expect(bound).toEqual([
      ...[
        'APP_CONSOLE',
        'APP_CROSS_ORIGIN',
        'APP_DEVICE_CA',
        'APP_FORWARD_TIMEOUT_MS',
        'APP_ISSUER',
        'APP_JWKS_URL',
        'APP_MONITOR',
        'APP_OBJECTIVES',
        'APP_OPERATORS',
        'APP_QUOTAS',
        'APP_TRUST',
        'APP_VERSION',
      ],
      ...[
        'ASSETS',
        'DIRECTORY',
        'MONITOR',
        'MOVER',
        'OTEL_EXPORTER_OTLP_ENDPOINT',
        'OTEL_TRACES_SAMPLER_ARG',
        'ROUTES',
      ],
    ]);
    expect(stdout).toContain('--dry-run: exiting now.');
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});
