// Reads an app's output folder: which files the worker must load, and the settings of host.json.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { textOf } from './errors.ts';
import { type HostJson, parseHostJson } from './host-json.ts';
import type { AppFile } from './rpc.ts';

/** A Functions app as it lies on disk. */
export interface AppFolder {
  readonly folder: string;
  readonly hostJson: HostJson;
  readonly files: readonly AppFile[];
}

/** The app cannot be run as it is; the message says what to change. */
export class AppError extends Error {
  override name = 'AppError';
}

/**
 * @param folder the folder `func start` would be run in
 * @throws AppError naming the file and the fault
 */
export function readAppFolder(folder: string): AppFolder {
  const absolute = path.resolve(folder);
  if (!existsSync(absolute)) throw new AppError(`There is no Functions app in ${absolute}: the folder does not exist.`);
  const hostJsonFile = path.join(absolute, 'host.json');
  const problems: string[] = [];
  const hostJson = parseHostJson(readJson(hostJsonFile), problems);
  if (problems.length > 0) throw new AppError(`${hostJsonFile}: ${problems.join('; ')}.`);

  const packageFile = path.join(absolute, 'package.json');
  const manifest = readJson(packageFile);
  const { main, type } = manifest;
  if (typeof main !== 'string' || main === '') {
    throw new AppError(`${packageFile} has no "main"; it must name the file (or a glob) that registers the functions.`);
  }
  const files = matchGlob(absolute, main).map((file) => ({ path: file, esm: isEsModule(file, type) }));
  if (files.length === 0) throw new AppError(`${packageFile}: "main" is "${main}", and no file matches it.`);
  return { folder: absolute, hostJson, files };
}

function isEsModule(file: string, packageType: unknown): boolean {
  if (file.endsWith('.mjs')) return true;
  return !file.endsWith('.cjs') && packageType === 'module';
}

function readJson(file: string): Record<string, unknown> {
  if (!existsSync(file)) throw new AppError(`${file} does not exist; a Functions app needs it.`);
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  } catch (error) {
    throw new AppError(`${file} is not valid JSON: ${textOf(error)}`);
  }
  throw new AppError(`${file} must hold a JSON object.`);
}

/** Files below `folder` that match, sorted; node_modules is never searched. */
function matchGlob(folder: string, glob: string): string[] {
  const pattern = globToRegExp(path.posix.normalize(glob.replaceAll('\\', '/')));
  const found: string[] = [];
  const walk = (relative: string): void => {
    for (const entry of readdirSync(path.join(folder, relative), { withFileTypes: true })) {
      const name = relative === '' ? entry.name : `${relative}/${entry.name}`;
      if (entry.isDirectory()) {
        if (entry.name !== 'node_modules') walk(name);
      } else if (pattern.test(name)) {
        found.push(path.join(folder, name));
      }
    }
  };
  walk('');
  return found.sort();
}

/** The globs that package.json#main is used with: `*`, `**`, `?` and `{a,b}`. */
export function globToRegExp(glob: string): RegExp {
  let source = '';
  for (let i = 0; i < glob.length; i++) {
    const char = glob.charAt(i);
    if (char === '*' && glob.charAt(i + 1) === '*') {
      // `**/` also matches no folder at all.
      const withSlash = glob.charAt(i + 2) === '/';
      source += withSlash ? '(?:.*/)?' : '.*';
      i += withSlash ? 2 : 1;
    } else if (char === '*') {
      source += '[^/]*';
    } else if (char === '?') {
      source += '[^/]';
    } else if (char === '{') {
      source += '(?:';
    } else if (char === '}') {
      source += ')';
    } else if (char === ',') {
      source += '|';
    } else {
      source += char.replace(/[.+^$()|[\]\\]/, '\\$&');
    }
  }
  return new RegExp(`^${source}$`);
}
