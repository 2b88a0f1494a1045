// Validates commands to the directory, field by field; the OpenAPI document of the control API shows the same rules.
import { ERASURE_PATTERN } from '../../cell/erasure-terms.ts';
import { isName, NAME_PATTERN } from '../../cell/identity.ts';
import { IDENTITY_LIMITS } from '../../cell/identity-proof.ts';
import { isPublicKey } from '../../cell/jws.ts';
import { parseTime } from '../../events/time.ts';
import { isOrigin } from '../../lib/origin.ts';
import { cutUtf8, utf8Length } from '../../lib/text.ts';
import { isJsonObject } from '../../ports/json.ts';
import type { PublicKey } from '../../ports/keys.ts';
import { ANYWHERE } from '../../ports/residency.ts';
import {
  type DirectoryCommand,
  type DirectoryIntent,
  FAILOVER_POLICIES,
  ON_ISOLATION,
  STANDBY_MODES,
  TIERS,
} from '../ports/directory-model.ts';

export const DIRECTORY_LIMITS = {
  /** Bytes of an endpoint; longer host names than 253 do not exist. */
  endpointBytes: 300,
  /** Tenants of one cell. */
  capacity: 100_000_000,
  price: 1_000_000_000,
  /** Bytes of an actor's name. */
  actorBytes: 256,
  /** Bytes of a reason: a sentence or two, kept permanently. */
  reasonBytes: 1000,
  /** Maximum number of other cells that a command names. */
  names: 100,
} as const;

/** The cell name in the edge's own answers. */
const RESERVED_CELL = 'edge';

export interface Field {
  readonly schema: Readonly<Record<string, unknown>>;
  readonly fits: (value: unknown) => boolean;
  /** What the field must be, to follow "it must be ". */
  readonly says: string;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: -- control characters are exactly what is looked for
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f]/;

const isLine = (value: unknown, bytes: number): boolean =>
  typeof value === 'string' && value.trim() !== '' && utf8Length(value) <= bytes && !UNPRINTABLE.test(value);

/** A line of text without control characters. */
export const line = (bytes: number): Field => ({
  schema: { type: 'string', minLength: 1, maxLength: bytes },
  fits: (value) => isLine(value, bytes),
  says: `a line of 1 to ${bytes} bytes`,
});

const actorField = line(DIRECTORY_LIMITS.actorBytes);

/** Why a change is made. */
export const reasonField = line(DIRECTORY_LIMITS.reasonBytes);

const name: Field = { schema: { type: 'string', pattern: NAME_PATTERN }, fits: isName, says: '1 to 63 of a-z 0-9 -' };

export const oneOf = (values: readonly string[]): Field => ({
  schema: { type: 'string', enum: values },
  fits: (value) => (values as readonly unknown[]).includes(value),
  says: `one of ${values.join(', ')}`,
});

const flag: Field = { schema: { type: 'boolean' }, fits: (value) => typeof value === 'boolean', says: 'true or false' };

const confirmation: Field = { schema: { const: true }, fits: (value) => value === true, says: 'true' };

/** A number from 0. */
export const within = (type: 'integer' | 'number', maximum: number): Field => ({
  schema: { type, minimum: 0, maximum },
  fits: (value) =>
    typeof value === 'number' && value >= 0 && value <= maximum && (type === 'number' || Number.isInteger(value)),
  says: `${type === 'integer' ? 'a whole number' : 'a number'} from 0 to ${maximum}`,
});

const names: Field = {
  schema: { type: 'array', maxItems: DIRECTORY_LIMITS.names, items: { type: 'string', pattern: NAME_PATTERN } },
  fits: (value) => Array.isArray(value) && value.length <= DIRECTORY_LIMITS.names && value.every(isName),
  says: `a list of at most ${DIRECTORY_LIMITS.names} names`,
};

const endpoint: Field = {
  schema: { type: 'string', format: 'uri', maxLength: DIRECTORY_LIMITS.endpointBytes },
  fits: (value) => isOrigin(value) && utf8Length(value) <= DIRECTORY_LIMITS.endpointBytes,
  says: 'an https origin in lower case, without a path (http only within this machine)',
};

const cellId: Field = {
  ...name,
  fits: (value) => isName(value) && value !== RESERVED_CELL,
  says: `${name.says}, and not ${RESERVED_CELL}`,
};

const jurisdiction: Field = {
  ...name,
  fits: (value) => isName(value) && value !== ANYWHERE,
  says: `${name.says}, and not ${ANYWHERE}, which stands for all of them`,
};

const standby: Field = {
  schema: { type: ['string', 'null'], pattern: NAME_PATTERN },
  fits: (value) => value === null || isName(value),
  says: `null or ${name.says}`,
};

const standbyMode = oneOf(STANDBY_MODES);

/** Bytes of a key's name. */
const KID_BYTES = 128;

/** 32 bytes as base64url without padding, as a public Ed25519 key is. */
const KEY_PATTERN = '^[A-Za-z0-9_-]{43}$';

const isCellKey = (key: unknown): boolean =>
  isPublicKey(key) &&
  isLine(key.kid, KID_BYTES) &&
  new RegExp(KEY_PATTERN).test(key.x) &&
  Object.keys(key).every((member) => ['kty', 'crv', 'kid', 'x'].includes(member));

const keys: Field = {
  schema: {
    type: 'array',
    minItems: 1,
    maxItems: IDENTITY_LIMITS.keys,
    items: {
      type: 'object',
      required: ['kty', 'crv', 'kid', 'x'],
      additionalProperties: false,
      properties: {
        kty: { const: 'OKP' },
        crv: { const: 'Ed25519' },
        kid: { type: 'string', minLength: 1, maxLength: KID_BYTES },
        x: { type: 'string', pattern: KEY_PATTERN },
      },
    },
  },
  fits: (value) =>
    Array.isArray(value) &&
    value.length >= 1 &&
    value.length <= IDENTITY_LIMITS.keys &&
    value.every(isCellKey) &&
    new Set(value.map(({ kid }: PublicKey) => kid)).size === value.length,
  says: 'one or two public Ed25519 keys with different names, each with kty, crv, kid and x and nothing else',
};

const erasure: Field = {
  schema: { type: 'string', pattern: ERASURE_PATTERN },
  fits: (value) => typeof value === 'string' && new RegExp(ERASURE_PATTERN).test(value),
  says: 'the id of an erasure',
};

const until: Field = {
  schema: { type: 'string', format: 'date-time' },
  fits: (value) => typeof value === 'string' && parseTime(value) !== undefined,
  says: 'a time in RFC 3339',
};

/** Field → its rule; `optional` fields may be omitted. */
export interface Shape {
  readonly required: Readonly<Record<string, Field>>;
  readonly optional: Readonly<Record<string, Field>>;
}

export const shape = (required: Shape['required'], optional: Shape['optional'] = {}): Shape => ({ required, optional });

export const CELL_SHAPE = shape(
  {
    id: cellId,
    cloud: oneOf(['aws', 'azure']),
    region: name,
    jurisdiction,
    endpoint,
    capacity: within('integer', DIRECTORY_LIMITS.capacity),
    price: within('number', DIRECTORY_LIMITS.price),
    failover: oneOf(FAILOVER_POLICIES),
  },
  { keys },
);

/** The fields of each command besides its kind; the cell in `add-cell` is checked separately. */
export const COMMAND_SHAPES: Readonly<Record<DirectoryCommand['kind'], Shape>> = {
  'add-cell': shape({ cell: { schema: { type: 'object' }, fits: isJsonObject, says: 'an object' } }),
  'drain-cell': shape({ cell: name }),
  'resume-cell': shape({ cell: name }),
  'retire-cell': shape({ cell: name }, { leaveData: confirmation }),
  'add-tenant': shape({ tenant: name, residency: name, tier: oneOf(TIERS) }, { cell: name, standby, standbyMode }),
  'place-tenant': shape(
    { tenant: name },
    { cell: name, standby, leaveData: confirmation, ifEpoch: within('integer', Number.MAX_SAFE_INTEGER) },
  ),
  'swap-tenant': shape({ tenant: name, ifTenantRevision: within('integer', Number.MAX_SAFE_INTEGER) }),
  'pin-tenant': shape({ tenant: name, pinned: flag }),
  'isolate-tenant': shape({ tenant: name, onIsolation: oneOf(ON_ISOLATION) }),
  'set-standby-mode': shape({ tenant: name, standbyMode }),
  'remove-tenant': shape({ tenant: name, keepData: confirmation }),
  'fail-over': shape({ cell: name }, { partial: flag, answering: names, silent: names }),
  'fail-back': shape({ cell: name }, { rescue: flag, silent: names, force: confirmation }),
  'erase-data': shape({ tenant: name, erasure, scope: oneOf(['tenant', 'subject']), until }),
  'approve-change': shape({ proposal: within('integer', Number.MAX_SAFE_INTEGER) }),
};

/** Which field is wrong, and how. */
export interface FieldFault {
  readonly field: string;
  readonly detail: string;
}

/** Every fault of a value that should have this shape; `at` prefixes the names of fields. */
export function shapeFaults({ required, optional }: Shape, value: object, at = ''): FieldFault[] {
  const given = new Map(Object.entries(value).filter(([, member]) => member !== undefined));
  const faults: FieldFault[] = [];
  for (const [field, { fits, says }] of Object.entries({ ...required, ...optional })) {
    if (!given.has(field)) {
      if (Object.hasOwn(required, field)) faults.push({ field: at + field, detail: 'it is missing' });
    } else if (!fits(given.get(field))) faults.push({ field: at + field, detail: `it must be ${says}` });
    given.delete(field);
  }
  // Reporting one is enough; a hostile body may have thousands.
  const [unknown] = given.keys();
  if (unknown !== undefined) faults.push({ field: at + cutUtf8(unknown, 64), detail: 'there is no such field' });
  return faults;
}

/** Every fault of a command, which is untrusted input. */
export function commandFaults(command: DirectoryCommand): FieldFault[] {
  const { kind, ...fields } = command;
  const known = Object.hasOwn(COMMAND_SHAPES, String(kind)) ? COMMAND_SHAPES[kind] : undefined;
  if (known === undefined) return [{ field: 'kind', detail: 'there is no such command' }];
  const faults = shapeFaults(known, fields);
  if (faults.length > 0) return faults;
  if (command.kind === 'add-cell') return shapeFaults(CELL_SHAPE, command.cell, 'cell.');
  if (command.kind === 'place-tenant' && command.cell === undefined && command.standby === undefined)
    return [{ field: 'cell', detail: 'say the cell, the standby or both' }];
  return [];
}

/** Every fault of an intent. */
export function intentFaults({ actor, reason, dryRun, ifRevision }: DirectoryIntent): FieldFault[] {
  const faults: FieldFault[] = [];
  if (!actorField.fits(actor)) faults.push({ field: 'actor', detail: `it must be ${actorField.says}` });
  if (!reasonField.fits(reason)) faults.push({ field: 'reason', detail: `it must be ${reasonField.says}` });
  if (dryRun !== undefined && typeof dryRun !== 'boolean')
    faults.push({ field: 'dryRun', detail: `it must be ${flag.says}` });
  if (ifRevision !== undefined && !(Number.isSafeInteger(ifRevision) && ifRevision >= 0))
    faults.push({ field: 'ifRevision', detail: 'it must be a whole number from 0' });
  return faults;
}
