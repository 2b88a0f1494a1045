// `npm run infra:generate`: writes the generated files of infra/: the cells' roots and manifests, wrangler's configuration and the READMEs.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Topology } from '../../core/cell/topology.ts';
import { OBJECTIVE_DEFAULTS } from '../../core/edge/monitor/objectives.ts';
import { root } from '../bundles.mjs';
import type { DeclaredCell } from './declared.ts';
import { kubernetesFiles } from './kubernetes.ts';
import { modulesBelow, readModule } from './modules.ts';
import { grafanaDashboard, type Objectives, prometheusRules } from './monitoring.ts';
import { readmeOf } from './readme.ts';
import { cellRoot } from './scaffold.ts';
import type { Problem } from './schema.ts';
import { type EdgeDeclaration, wranglerConfig } from './wrangler.ts';

const read = (projectRoot: string, file: string): string | undefined => {
  const full = path.join(projectRoot, file);
  return existsSync(full) ? readFileSync(full, 'utf8') : undefined;
};

const text = (document: unknown): string => `${JSON.stringify(document, null, 2)}\n`;

/** Path → content of every generated file. */
export function generatedFiles(projectRoot: string): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  const cells: readonly DeclaredCell[] = JSON.parse(read(projectRoot, 'infra/cells.json') ?? '[]');
  for (const cell of cells)
    for (const [name, text] of Object.entries(cellRoot(cell))) files.set(`infra/live/${cell.id}/${name}`, text);
  const topology = read(projectRoot, 'infra/topology.json');
  if (topology !== undefined)
    for (const cell of cells)
      for (const [name, text] of Object.entries(kubernetesFiles(cell, JSON.parse(topology) as Topology)))
        files.set(`infra/kubernetes/${name}`, text);
  const edge = read(projectRoot, 'infra/edge.json');
  const objectives = read(projectRoot, 'infra/objectives.json');
  const wanted = objectives === undefined ? undefined : (JSON.parse(objectives) as Objectives);
  if (edge !== undefined)
    files.set(
      'infra/live/edge/wrangler.jsonc',
      wranglerConfig(JSON.parse(edge) as EdgeDeclaration, wanted?.cells ?? OBJECTIVE_DEFAULTS),
    );
  if (wanted !== undefined) {
    files.set('infra/monitoring/prometheus-rules.generated.json', text(prometheusRules(wanted)));
    files.set('infra/monitoring/grafana-cells.generated.json', text(grafanaDashboard(wanted)));
  }
  for (const folder of modulesBelow(projectRoot, 'infra/modules')) {
    const file = `${folder}/README.md`;
    files.set(
      file,
      readmeOf(readModule(projectRoot, folder), read(projectRoot, file) ?? `# ${path.posix.basename(folder)}`),
    );
  }
  return files;
}

/** Every generated file that is missing or stale. */
export function checkGenerated(projectRoot: string): Problem[] {
  return [...generatedFiles(projectRoot)].flatMap(([file, wanted]) => {
    const text = read(projectRoot, file);
    if (text === wanted) return [];
    const lines = (text ?? '').split('\n');
    const line = wanted.split('\n').findIndex((each, index) => each !== lines[index]) + 1;
    return [
      {
        file,
        line: Math.max(1, line),
        message: `It is ${text === undefined ? 'missing' : 'stale'}: run npm run infra:generate.`,
      },
    ];
  });
}

/** Writes missing and stale files. */
export async function main(args: readonly string[]): Promise<number> {
  if (args.length > 0) {
    process.stderr.write('Usage: npm run infra:generate\n');
    return 2;
  }
  for (const { file } of checkGenerated(root)) {
    const text = generatedFiles(root).get(file) ?? '';
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    writeFileSync(path.join(root, file), text);
    process.stdout.write(`Wrote ${file}.\n`);
  }
  return 0;
}
