// Profiles on disk: readable by their user alone, one file each, and nothing else taken for one.
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Profiles } from '../../../cli/edge/profiles.ts';

const PROFILE = { edge: 'https://edge.example', protected: true, token: 'a.b.c' };
const folders: string[] = [];
const made = () => {
  const base = mkdtempSync(path.join(tmpdir(), 'polycell-profiles-'));
  folders.push(base);
  return { base, folder: path.join(base, 'polycell'), profiles: new Profiles({ XDG_CONFIG_HOME: base }) };
};
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

test('what is written is read again, and listed; its file and folder are the user’s alone', async () => {
  const { folder, profiles } = made();
  expect([await profiles.names(), await profiles.current()]).toEqual([[], undefined]);
  await profiles.write('prod', PROFILE);
  await profiles.write('a', { ...PROFILE, protected: false });
  await profiles.use('prod');
  expect([await profiles.names(), await profiles.current()]).toEqual([['a', 'prod'], 'prod']);
  expect(await profiles.read('prod')).toEqual(PROFILE);
  const mode = (file: string) => statSync(path.join(folder, file)).mode & 0o777;
  expect([mode('.'), mode('prod.profile.json')]).toEqual([0o700, 0o600]);
  expect(readdirSync(folder).sort()).toEqual(['a.profile.json', 'current', 'prod.profile.json']);
});

test('a file that others could read is written anew for its user alone, and refused until then', async () => {
  const { folder, profiles } = made();
  await profiles.write('prod', PROFILE);
  const file = path.join(folder, 'prod.profile.json');
  chmodSync(file, 0o640);
  await expect(profiles.read('prod')).rejects.toThrow('other users can read it: chmod 600 it');
  await profiles.write('prod', PROFILE);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test('writing replaces a link instead of following it', async () => {
  const { base, folder, profiles } = made();
  await profiles.write('other', PROFILE);
  writeFileSync(path.join(base, 'elsewhere'), 'untouched', { mode: 0o644 });
  symlinkSync(path.join(base, 'elsewhere'), path.join(folder, 'prod.profile.json'));
  await profiles.write('prod', PROFILE);
  expect(await profiles.read('prod')).toEqual(PROFILE);
  expect(statSync(path.join(base, 'elsewhere')).size).toBe('untouched'.length);
});

test('removing the current one leaves none current', async () => {
  const { profiles } = made();
  await profiles.write('prod', PROFILE);
  await profiles.use('prod');
  await profiles.remove('prod');
  expect([await profiles.names(), await profiles.current()]).toEqual([[], undefined]);
});

test.each(['../prod', 'Prod', '', 'none', '-a', 'a'.repeat(64)])('%j is no name', async (name) => {
  await expect(made().profiles.write(name, PROFILE)).rejects.toThrow('cannot be a profile');
});

test('one that is not there is refused with those that are', async () => {
  const { profiles } = made();
  await profiles.write('prod', PROFILE);
  await expect(profiles.read('prd')).rejects.toThrow('There is no profile "prd"; there are: prod.');
});

test.each(['{', '{}', '[]', 'null', '"text"'])('a file with %s is no profile', async (text) => {
  const { folder, profiles } = made();
  await profiles.write('prod', PROFILE);
  writeFileSync(path.join(folder, 'prod.profile.json'), text);
  await expect(profiles.read('prod')).rejects.toThrow('is no profile; remove it and log in again');
});

test('a file of more than 64 KiB is not read', async () => {
  const { profiles } = made();
  await profiles.write('prod', { ...PROFILE, token: 'x'.repeat(65_536) });
  await expect(profiles.read('prod')).rejects.toThrow('is too large for a profile');
});

test('a relative XDG_CONFIG_HOME is ignored, as its specification wants it', async () => {
  const profiles = new Profiles({ XDG_CONFIG_HOME: 'relative' });
  await expect(profiles.read('surely-not-there')).rejects.toThrow('There is no profile');
  expect(readdirSync('.')).not.toContain('relative');
});
