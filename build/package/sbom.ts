// The bill of materials of a release, CycloneDX 1.6: which packages each artifact holds, by what the bundler says it has put in.

/** What package-lock.json says of a package. */
export interface LockedPackage {
  readonly version?: string;
  readonly license?: string;
  readonly integrity?: string;
}

/** An artifact and the files that its bundles were made from. */
export interface Artifact {
  readonly name: string;
  readonly sha256: string;
  readonly inputs: readonly string[];
}

/** Licences under which packages may be part of a release. */
export const LICENCES: readonly string[] = [
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'ISC',
  'MIT',
  'MIT-0',
];

/** Licences that packages state in their README alone, where their package.json has none: package and version → licence. */
const STATED: Readonly<Record<string, string>> = { 'semaphore@1.1.0': 'MIT' };

/** Folder of the package that a file belongs to, or undefined for a file of the project. */
export const packageOf = (file: string): string | undefined =>
  /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(file)?.[0];

const nameOf = (folder: string): string => folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);

/** The licence of a package, from the lock file or from its README. */
export const licenceOf = (folder: string, { license, version }: LockedPackage): string | undefined =>
  license ?? STATED[`${nameOf(folder)}@${version}`];

/** https://github.com/package-url/purl-spec: the at sign of a scope is escaped. */
const purlOf = (name: string, version: string): string => `pkg:npm/${name.replace(/^@/, '%40')}@${version}`;

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function component(
  folder: string,
  locked: LockedPackage | undefined,
): Readonly<Record<string, unknown>> & { 'bom-ref': string } {
  const name = nameOf(folder);
  const { version, integrity } = locked ?? {};
  const license = locked === undefined ? undefined : licenceOf(folder, locked);
  if (version === undefined || integrity === undefined)
    throw new Error(`package-lock.json has no version and integrity of ${folder}, which is part of a release.`);
  if (license === undefined || !LICENCES.includes(license))
    throw new Error(
      `${name} ${version} is part of a release under ${license ?? 'no licence'}; there may be ${LICENCES.join(', ')}.`,
    );
  const [algorithm = '', digest = ''] = integrity.split('-', 2);
  if (algorithm !== 'sha512') throw new Error(`The integrity of ${folder} is no SHA-512.`);
  const [scope, short] = name.startsWith('@') ? name.split('/') : [undefined, name];
  return {
    type: 'library',
    'bom-ref': purlOf(name, version),
    ...(scope !== undefined && { group: scope }),
    name: short,
    version,
    hashes: [{ alg: 'SHA-512', content: Buffer.from(digest, 'base64').toString('hex') }],
    licenses: [{ license: { id: license } }],
    purl: purlOf(name, version),
  };
}

/**
 * The document. It has neither a time nor a serial number, so that a build that is repeated makes the same. Throws if a package has no
 * version or a licence that no release may have.
 */
export function sbom(
  { version, artifacts }: { readonly version: string; readonly artifacts: readonly Artifact[] },
  locked: Readonly<Record<string, LockedPackage>>,
): object {
  const components = new Map<string, ReturnType<typeof component>>();
  const dependencies = artifacts.map(({ name, inputs }) => {
    const folders = [...new Set(inputs.map(packageOf).filter((folder) => folder !== undefined))];
    const found = folders.map((folder) => component(folder, locked[folder]));
    for (const each of found) components.set(each['bom-ref'], each);
    return { ref: name, dependsOn: [...new Set(found.map((each) => each['bom-ref']))].sort(byText) };
  });
  const libraries = [...components.values()].sort((a, b) => byText(a['bom-ref'], b['bom-ref']));
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      component: {
        type: 'application',
        'bom-ref': 'polycell',
        name: 'polycell',
        version,
        licenses: [{ license: { id: 'Apache-2.0' } }],
        components: artifacts.map(({ name, sha256 }) => ({
          type: 'file',
          'bom-ref': name,
          name,
          hashes: [{ alg: 'SHA-256', content: sha256 }],
        })),
      },
    },
    components: libraries,
    dependencies: [{ ref: 'polycell', dependsOn: artifacts.map(({ name }) => name) }, ...dependencies],
  };
}
