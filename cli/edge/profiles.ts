// Profiles: which edges the user has, and the credential for each, in files that only the user can read.
import { readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { UsageError, UserError } from '../command.ts';
import { configurationFolder, noneIfAbsent, readPrivate, writePrivate } from './private-file.ts';

/** How a profile gets a new token. */
export interface SignIn {
  readonly issuer: string;
  readonly clientId: string;
  readonly scope: string;
  readonly audience?: string;
  readonly resource?: string;
}

export interface Profile {
  readonly edge: string;
  /** Changes must be confirmed. */
  readonly protected: boolean;
  readonly signIn?: SignIn;
  /** Absent after a logout. */
  readonly token?: string;
  readonly refreshToken?: string;
}

/** Bytes of a profile's file; one has two to ten thousand. */
const FILE_BYTES = 65_536;

const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** What `profiles use` takes for the local stack. */
export const NO_PROFILE = 'none';

export class Profiles {
  readonly #folder: string;

  /** `environment`: where the user's configuration is. */
  constructor(environment: NodeJS.ProcessEnv = process.env) {
    this.#folder = configurationFolder(environment);
  }

  /** Names of all profiles, sorted. */
  async names(): Promise<readonly string[]> {
    const files = await readdir(this.#folder).catch(noneIfAbsent);
    return (files ?? [])
      .flatMap((file) => /^([a-z0-9-]+)\.profile\.json$/.exec(file)?.[1] ?? [])
      .filter((name) => NAME.test(name))
      .sort();
  }

  /** The profile of that name. @throws UsageError if there is none */
  async read(name: string): Promise<Profile> {
    const profile = await this.find(name);
    if (profile !== undefined) return profile;
    const names = (await this.names()).join(', ');
    const others = names === '' ? '`npx polycell login` makes one' : `there are: ${names}`;
    throw new UsageError(`There is no profile ${JSON.stringify(name)}; ${others}.`);
  }

  async find(name: string): Promise<Profile | undefined> {
    const file = this.#file(name);
    const text = await readPrivate(file, FILE_BYTES, 'a profile');
    if (text === undefined) return undefined;
    try {
      const read = JSON.parse(text) as Partial<Profile> | null;
      if (typeof read?.edge === 'string') return { ...read, edge: read.edge, protected: read.protected === true };
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
    throw new UserError(`${file} is no profile; remove it and log in again.`);
  }

  /** Writes a profile in place of any other of that name. */
  async write(name: string, profile: Profile): Promise<void> {
    await writePrivate(this.#file(name), `${JSON.stringify(profile, null, 2)}\n`);
  }

  async remove(name: string): Promise<void> {
    await this.read(name);
    await rm(this.#file(name), { force: true });
    if ((await this.current()) === name) await this.use(undefined);
  }

  /** The name of the profile marked as current. */
  async current(): Promise<string | undefined> {
    const name = (await readFile(path.join(this.#folder, 'current'), 'utf8').catch(noneIfAbsent))?.trim();
    return name === undefined || name === '' ? undefined : name;
  }

  /** Marks a profile as current, or none. */
  async use(name: string | undefined): Promise<void> {
    if (name === undefined) await rm(path.join(this.#folder, 'current'), { force: true });
    else await writePrivate(path.join(this.#folder, 'current'), `${name}\n`);
  }

  #file(name: string): string {
    if (!NAME.test(name) || name === NO_PROFILE)
      throw new UsageError(
        `${JSON.stringify(name)} cannot be a profile: it is 1 to 63 of a-z 0-9 - and not ${NO_PROFILE}.`,
      );
    return path.join(this.#folder, `${name}.profile.json`);
  }
}
