// What manifests and the lock file must hold for an installation to be the same everywhere, and no larger than needed.
import path from 'node:path';

/** The parts of package.json that are read. */
export interface Manifest {
  /** Folders, or all folders of one: `hosts/*`. */
  readonly workspaces?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** The parts of package-lock.json that are read. */
export interface LockFile {
  readonly packages: Readonly<
    Record<
      string,
      {
        readonly resolved?: string;
        readonly link?: boolean;
        readonly integrity?: string;
        readonly dependencies?: Readonly<Record<string, string>>;
        readonly optionalDependencies?: Readonly<Record<string, string>>;
        readonly peerDependencies?: Readonly<Record<string, string>>;
      }
    >
  >;
}

/** A use that no import shows: the text that names the package, and the file that holds it. */
export interface OtherUse {
  readonly file: string;
  readonly text: string;
}

/** The names of all packages that a manifest asks for. */
export const packagesOf = (manifest: Manifest): string[] =>
  Object.keys({ ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies }).sort();

/** The folders of the workspaces that a manifest names, given every file of the project. */
export function workspacesOf({ workspaces = [] }: Manifest, files: readonly string[]): string[] {
  return files
    .filter((file) => file.endsWith('/package.json'))
    .map((file) => path.posix.dirname(file))
    .filter((folder) => workspaces.some((one) => one === folder || one === `${path.posix.dirname(folder)}/*`));
}

/** The workspace that a file belongs to; the root's is `''`. */
export const workspaceOf = (file: string, workspaces: readonly string[]): string =>
  workspaces.find((folder) => file.startsWith(`${folder}/`)) ?? '';

/** Everything in a lock file that ties it to one registry or one platform; `unchecked` are packages that may lack an integrity. */
export function lockFileFaults({ packages }: LockFile, unchecked: readonly string[] = []): string[] {
  return Object.entries(packages).flatMap(([place, entry]) => {
    const faults: string[] = [];
    if (entry.resolved !== undefined && entry.link !== true)
      faults.push(
        `${place} names the address ${entry.resolved}: install with the project's .npmrc, which leaves addresses out.`,
      );
    const isInstalled = entry.link !== true && place.startsWith('node_modules/');
    if (isInstalled && entry.integrity === undefined && !unchecked.includes(place.slice('node_modules/'.length)))
      faults.push(`${place} has no integrity, so that anything could be installed in its place.`);
    for (const name of Object.keys({ ...entry.dependencies, ...entry.optionalDependencies }))
      if (!isLocked(packages, place, name))
        faults.push(
          `${name}, which ${place || 'the project'} asks for, is not locked: npm ci would refuse. Choose a version that exists for every platform.`,
        );
    return faults;
  });
}

/** Whether Node.js would find the package from there: below it, or below a folder above it. */
function isLocked(packages: LockFile['packages'], place: string, name: string): boolean {
  for (let folder = place; folder !== ''; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/'))))
    if (`${folder}/node_modules/${name}` in packages) return true;
  return `node_modules/${name}` in packages;
}

/**
 * Packages that nothing uses. `imported` are the packages that the sources import; `otherUses` name the others with the
 * file that shows the use, read by `read`.
 */
export function unusedPackages(
  manifest: Manifest,
  imported: ReadonlySet<string>,
  otherUses: Readonly<Record<string, OtherUse>>,
  read: (file: string) => string,
): string[] {
  const named = packagesOf(manifest);
  const unused = named.filter((name) => {
    const use = otherUses[name];
    if (use !== undefined) return !read(use.file).includes(use.text);
    return !imported.has(name) && !imported.has(name.replace(/^@types\//, ''));
  });
  const gone = Object.keys(otherUses).filter((name) => !named.includes(name));
  return [...unused, ...gone];
}
