// The licences of the locked packages: those of a release and those of development have lists of their own.
import { LICENCES, type LockedPackage, licenceOf } from './sbom.ts';

/** Licences that tools may have in addition, which are run and never passed on. */
export const DEVELOPMENT_LICENCES: readonly string[] = [
  'BlueOak-1.0.0',
  'CC-BY-4.0',
  'CC0-1.0',
  'LGPL-3.0-or-later',
  'MPL-2.0',
];

/** A package of the lock file with what it is installed for. */
export interface InstalledPackage extends LockedPackage {
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly link?: boolean;
}

/** Whether an SPDX expression can be met with these licences: all of `AND`, one of `OR`, without precedence between brackets. */
function isAllowed(expression: string, allowed: readonly string[]): boolean {
  const plain = expression.replace(/^\((.*)\)$/, '$1');
  if (/[()]/.test(plain)) return false;
  return plain.split(' OR ').some((part) => part.split(' AND ').every((licence) => allowed.includes(licence)));
}

/** Every installed package whose licence its use does not allow. */
export function licenceFaults(packages: Readonly<Record<string, InstalledPackage>>): string[] {
  return Object.entries(packages).flatMap(([folder, locked]) => {
    if (!folder.includes('node_modules/') || locked.link === true) return [];
    const isTool = locked.dev === true || locked.devOptional === true;
    const licence = licenceOf(folder, locked);
    const allowed = isTool ? [...LICENCES, ...DEVELOPMENT_LICENCES] : LICENCES;
    if (licence !== undefined && isAllowed(licence, allowed)) return [];
    return [`${folder}: ${licence ?? 'no licence'}, ${isTool ? 'for development' : 'for a release'}`];
  });
}
