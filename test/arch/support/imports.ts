// Which folder may import what: one table, and the walk that holds every file against it.
import { builtinModules } from 'node:module';
import path from 'node:path';
import ts from 'typescript-api';
import { ROWS, type Row } from './import-rows.ts';
import { type Source, type Violation, violationAt, walk } from './sources.ts';

/** The files whose purpose is to load a module by its path; each with the reason. */
export const LOADERS: Readonly<Record<string, string>> = {
  'bench/cold-start/runner.cjs': 'loads the bundle whose start it measures',
  'build/bundles.mjs': 'runs the TypeScript program that it has just compiled',
  'build/run-later.mjs': 'runs the compiled program that it is asked to',
  'emulators/dynamodb/dynamodb-emulator.ts': 'looks for the binary of the platform it runs on',
  'emulators/sns-sqs/server.mjs': 'reaches parts of the emulator that its package does not export',
  'hosts/azure-functions/bootstrap.cjs': 'is the worker that loads a function app, as the platform does',
  'hosts/lambda/bootstrap.cjs': 'is the runtime that loads a handler, as the platform does',
};

/** The files that look past the exports of a package; each with the one folder it reads and the reason. */
export const INSIDE_PACKAGES: Readonly<Record<string, { readonly folder: string; readonly reason: string }>> = {
  'emulators/cosmos/test/unit/hash.test.ts': {
    folder: 'node_modules/@azure/cosmos/dist/commonjs/utils/hashing/',
    reason: 'compares the emulator with the hash that the SDK sorts documents by and does not export',
  },
};

/** Whether core may bring a file into a bundle; paths are those of esbuild's metafile. */
export const importsAllowedToCore = (file: string): boolean =>
  file.startsWith('core/') || file.startsWith('node_modules/@noble/hashes/');

/** One import of any form; a computed one has no specifier. */
export interface Import {
  readonly node: ts.Node;
  readonly specifier: string | undefined;
  readonly typesOnly: boolean;
  /** `import './file.ts'`: nothing is taken from it. */
  readonly bare: boolean;
}

/** All imports of a file: static, re-exporting, dynamic, `require`, `resolve`, and those inside types. */
export function importsOf({ tree }: Source): Import[] {
  const imports: Import[] = [];
  const add = (node: ts.Node, from: ts.Node | undefined, typesOnly = false, bare = false) =>
    imports.push({ node, specifier: from && ts.isStringLiteralLike(from) ? from.text : undefined, typesOnly, bare });
  walk(tree, (node) => {
    if (ts.isImportDeclaration(node))
      add(node, node.moduleSpecifier, takesTypesOnly(node.importClause), !node.importClause);
    else if (ts.isExportDeclaration(node) && node.moduleSpecifier) add(node, node.moduleSpecifier, node.isTypeOnly);
    else if (ts.isExternalModuleReference(node)) add(node, node.expression);
    else if (ts.isImportTypeNode(node))
      add(node, ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined, true);
    else if (ts.isCallExpression(node) && loads(node.expression)) add(node, node.arguments[0]);
  });
  return imports;
}

function takesTypesOnly(clause: ts.ImportClause | undefined): boolean {
  if (clause === undefined) return false;
  if (clause.isTypeOnly) return true;
  const named = clause.namedBindings;
  return (
    clause.name === undefined && !!named && ts.isNamedImports(named) && named.elements.every((each) => each.isTypeOnly)
  );
}

/** `import(…)`, `require(…)`, `createRequire(…)(…)`, `require.resolve(…)`, `import.meta.resolve(…)`. */
function loads(callee: ts.Expression): boolean {
  if (callee.kind === ts.SyntaxKind.ImportKeyword) return true;
  if (ts.isIdentifier(callee)) return callee.text === 'require';
  if (ts.isCallExpression(callee))
    return ts.isIdentifier(callee.expression) && callee.expression.text === 'createRequire';
  if (!ts.isPropertyAccessExpression(callee) || callee.name.text !== 'resolve') return false;
  return (
    ts.isMetaProperty(callee.expression) || (ts.isIdentifier(callee.expression) && callee.expression.text === 'require')
  );
}

/** `@scope/name` or `name` of a specifier that is neither relative nor Node.js's. */
export const packageOf = (specifier: string): string =>
  specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');

const isNode = (specifier: string): boolean =>
  specifier.startsWith('node:') || builtinModules.includes(packageOf(specifier));

/** Every import that the table does not allow. `declaredFor` knows the packages that the manifest of a file's workspace names. */
export function forbiddenImports(
  sources: readonly Source[],
  declaredFor: (file: string) => ReadonlySet<string>,
): Violation[] {
  return sources.flatMap((source) => {
    const row = ROWS.find(({ files }) => files.test(source.file));
    if (row === undefined) {
      const message = 'This folder has no row in test/arch/support/imports.ts: say there what it may import.';
      return [violationAt(source, source.tree, message)];
    }
    return importsOf(source).flatMap((each) => {
      const message = faultOf(source.file, each, row, declaredFor(source.file));
      return message === undefined ? [] : [violationAt(source, each.node, message)];
    });
  });
}

function faultOf(
  file: string,
  { specifier, typesOnly, bare }: Import,
  row: Row,
  declared: ReadonlySet<string>,
): string | undefined {
  if (specifier === undefined) {
    if (file in LOADERS) return undefined;
    return 'An import is computed, so what it loads cannot be seen. Name the module, or list the file in LOADERS with a reason.';
  }
  if (specifier.startsWith('.')) {
    const target = path.posix.normalize(path.posix.join(path.posix.dirname(file), specifier));
    // package.json promises bundlers that modules have no side effects, so such an import would be dropped.
    if (bare) return `${target} is imported for its side effects. Export a function from it and call that.`;
    const allowed = typesOnly ? [...row.project, ...(row.types ?? [])] : row.project;
    if (allowed.some((beginning) => target.startsWith(beginning))) return undefined;
    if (target.startsWith('node_modules/')) {
      if (target.startsWith(INSIDE_PACKAGES[file]?.folder ?? '\0')) return undefined;
      return `${target} lies inside a package, which may change it at will. Import what the package exports, or list the file in INSIDE_PACKAGES with a reason.`;
    }
    if (target.startsWith('test/') && !file.includes('test/'))
      return 'Nothing imports test/. Move what is needed out of it.';
    return `${target} may not be imported from here. ${row.instead}`;
  }
  if (isNode(specifier)) return row.node ? undefined : `${specifier} is Node.js's. ${row.instead}`;
  if (row.packages === 'declared') {
    if (declared.has(packageOf(specifier))) return undefined;
    if (typesOnly && declared.has(`@types/${packageOf(specifier).replace('@', '').replace('/', '__')}`))
      return undefined;
    return `${packageOf(specifier)} is not in the package.json of this workspace. Declare it there; that another package brings it is luck.`;
  }
  const allowed = row.packages.some(
    (name) => specifier === name || specifier.startsWith(/[/:]$/.test(name) ? name : `${name}/`),
  );
  return allowed ? undefined : `${specifier} may not be imported from here. ${row.instead}`;
}

/** Pairs of folders of core that import each other, at the import that closes the pair. The folder of a file is the one it lies in. */
export function mutualFolders(sources: readonly Source[]): Violation[] {
  const edges = new Set<string>();
  const violations: Violation[] = [];
  for (const source of sources) {
    if (!source.file.startsWith('core/') || source.file.includes('/test/')) continue;
    const folder = path.posix.dirname(source.file);
    for (const { node, specifier } of importsOf(source)) {
      if (!specifier?.startsWith('.')) continue;
      const target = path.posix.dirname(path.posix.join(folder, specifier));
      if (target === folder || !target.startsWith('core')) continue;
      if (!edges.has(`${folder} ${target}`) && edges.has(`${target} ${folder}`)) {
        const message = `${folder} and ${target} import each other. Move what both need into a folder below them.`;
        violations.push(violationAt(source, node, message));
      }
      edges.add(`${folder} ${target}`);
    }
  }
  return violations;
}

/** Every cycle of imports, once, at the import that closes it. Imports of types alone do not count. */
export function importCycles(sources: readonly Source[]): Violation[] {
  const byFile = new Map(sources.map((source) => [source.file, source]));
  const finished = new Set<string>();
  const violations: Violation[] = [];
  const visit = (source: Source, trail: readonly string[]) => {
    for (const { node, specifier, typesOnly } of importsOf(source)) {
      if (typesOnly || !specifier?.startsWith('.')) continue;
      const target = byFile.get(path.posix.join(path.posix.dirname(source.file), specifier));
      if (target === undefined || finished.has(target.file)) continue;
      const start = trail.indexOf(target.file);
      if (start < 0) visit(target, [...trail, target.file]);
      else {
        const cycle = [...trail.slice(start), target.file].join(' → ');
        violations.push(violationAt(source, node, `${cycle} is a cycle. Move what both need into a file of its own.`));
      }
    }
    finished.add(source.file);
  };
  for (const source of sources) if (!finished.has(source.file)) visit(source, [source.file]);
  return violations;
}
