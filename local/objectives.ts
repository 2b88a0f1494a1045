// The objectives of cells as the platform declares them, in infra/objectives.json.
import { readFile } from 'node:fs/promises';
import { type CellObjectives, OBJECTIVE_DEFAULTS, objectiveFaults } from '../core/edge/monitor/objectives.ts';
import { isJsonObject } from '../core/ports/json.ts';
import { sourceFile } from './source-file.ts';

/** Reads the declared objectives. Rejects with an error that names what is wrong with the file. */
export async function declaredObjectives(): Promise<CellObjectives> {
  return objectivesIn(JSON.parse(await readFile(sourceFile('infra/objectives.json'), 'utf8')));
}

/** Of the file's content, what budgets are judged by; the rest is for alarms. @throws Error with every fault */
export function objectivesIn(content: unknown): CellObjectives {
  const cells = isJsonObject(content) && isJsonObject(content.cells) ? content.cells : {};
  const own = Object.entries(cells).filter(([name]) => Object.hasOwn(OBJECTIVE_DEFAULTS, name));
  const objectives = { ...OBJECTIVE_DEFAULTS, ...(Object.fromEntries(own) as Partial<CellObjectives>) };
  const faults = objectiveFaults(objectives);
  if (faults.length > 0) throw new Error(`infra/objectives.json: cells: ${faults.join(' ')}`);
  return objectives;
}
