// Rotations under way, in files that only the user can read: what is rotated, and the new private key until it is where it belongs.
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { isPrivateKey, isPublicKey } from '../../core/cell/jws.ts';
import { isJsonObject } from '../../core/ports/json.ts';
import type { PrivateKey } from '../../core/ports/keys.ts';
import { UserError } from '../command.ts';
import { configurationFolder, readPrivate, writePrivate } from '../edge/private-file.ts';
import type { Rotation } from './rotation.ts';

/** Bytes of a file; one has a few hundred. */
const FILE_BYTES = 16_384;

/** The files of what is rotated at an edge: its own key, or that of a cell. */
export class RotationFiles {
  readonly #rotation: string;
  /** The new private key, as a JSON Web Key and nothing else, so that it can be piped to where secrets are. */
  readonly key: string;
  readonly #subject: { readonly edge: string; readonly cell: string | null };

  constructor(edge: string, cell: string | null, environment: NodeJS.ProcessEnv = process.env) {
    this.#subject = { edge, cell };
    // An address as the name of a folder: neither host names nor ports have other characters.
    const folder = path.join(configurationFolder(environment), 'rotations', edge.replace(/[^a-z0-9.-]+/g, '_'));
    const name = cell === null ? 'edge' : `cell-${cell}`;
    this.#rotation = path.join(folder, `${name}.json`);
    this.key = path.join(folder, `${name}.key`);
  }

  /** The rotation under way, if there is one. @throws UserError if its file cannot be used */
  async read(): Promise<Rotation | undefined> {
    const rotation = await readJson(this.#rotation);
    if (rotation === undefined) return undefined;
    if (!isRotation(rotation) || rotation.edge !== this.#subject.edge || rotation.cell !== this.#subject.cell)
      throw new UserError(`${this.#rotation} is no rotation of this edge; remove it, and npx polycell keys abandon.`);
    return rotation;
  }

  /** The new private key. @throws UserError if it is not there */
  async readKey(rotation: Rotation): Promise<PrivateKey> {
    const key = await readJson(this.key);
    if (isPrivateKey(key) && key.kid === rotation.new.kid && key.x === rotation.new.x) return key;
    throw new UserError(
      `${this.key} does not hold the private key ${rotation.new.kid}: give this rotation up and begin again (npx polycell keys abandon).`,
    );
  }

  /** Begins a rotation. The key comes first: a rotation without its key could not go on. */
  async begin(rotation: Rotation, key: PrivateKey): Promise<void> {
    await put(this.key, key);
    await this.write(rotation);
  }

  async write(rotation: Rotation): Promise<void> {
    await put(this.#rotation, rotation);
  }

  /** The rotation before its key, so that none is left without one. */
  async remove(): Promise<void> {
    await rm(this.#rotation, { force: true });
    await rm(this.key, { force: true });
  }
}

async function readJson(file: string): Promise<unknown> {
  const text = await readPrivate(file, FILE_BYTES, 'a rotation');
  try {
    return text === undefined ? undefined : (JSON.parse(text) as unknown);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UserError(`${file} is not JSON; remove it, and npx polycell keys abandon.`);
  }
}

function isRotation(value: unknown): value is Rotation {
  if (!isJsonObject(value)) return false;
  const isTime = (time: unknown) => time === null || typeof time === 'number';
  return isPublicKey(value.old) && isPublicKey(value.new) && isTime(value.acceptedAt) && isTime(value.switchedAt);
}

const put = (file: string, value: object): Promise<void> => writePrivate(file, `${JSON.stringify(value)}\n`);
