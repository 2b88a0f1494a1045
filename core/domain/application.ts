// What follows from the list of domains: topology, registry, consumers, and what may not be in it.
import type { MissingCodes } from '../api/refusal.ts';
import { bodyValidator } from '../api/write.ts';
import { RESERVED_PREFIXES } from '../cell/identity.ts';
import { LEASE } from '../cell/lease.ts';
import { createTopology, REPLICATE, type Topology } from '../cell/topology.ts';
import { SchemaRegistry } from '../events/registry.ts';
import type { Consumer, ConsumerDefinition, ConsumerDeps } from '../pipeline/consumer.ts';
import type { Domain } from './domain.ts';

/** An application is a list of domains. */
export type Application = readonly Domain[];

/** The topology of every cell that runs this application. */
export const topologyOf = (application: Application): Topology =>
  createTopology(
    application.flatMap(({ consumers }) => consumers.map(({ declaration }) => declaration)),
    application.flatMap(({ events }) => events.map(({ type }) => type)),
  );

/** The names of the reads and writes that may need what a log-only standby leaves underived: those of domains with a consumer that can wait. */
export const waitingRoutes = (application: Application): ReadonlySet<string> =>
  new Set(
    application
      .filter(({ consumers }) => consumers.some(({ canWait }) => canWait))
      .flatMap(({ reads, writes }) => [...reads, ...writes].map(({ name }) => name)),
  );

/** The codes and titles of all domains for items that do not exist. */
export const missingCodes = (application: Application): MissingCodes =>
  Object.assign({}, ...application.map(({ missing }) => missing));

/** The registry of all event types. */
export const registryOf = (application: Application): SchemaRegistry =>
  new SchemaRegistry(
    Object.fromEntries(
      application.flatMap(({ events, validators }) =>
        events.flatMap(({ type }) => (validators[type] === undefined ? [] : [[type, validators[type]] as const])),
      ),
    ),
  );

/** The definition of one consumer; a name that no domain declares is a programming error. */
export function consumerNamed(application: Application, name: string): ConsumerDefinition {
  for (const { consumers } of application) {
    const found = consumers.find(({ declaration }) => declaration.name === name);
    if (found !== undefined) return found;
  }
  throw new TypeError(`No domain of the application declares a consumer ${name}.`);
}

/** A consumer of home-only effects that are claimed, and of which types its events are. */
export type ClaimingConsumer = Required<Pick<Consumer, 'name' | 'claimed' | 'claim'>> & {
  readonly types: readonly string[];
};

/** The consumers whose effects are claimed, by name. */
export const claimingConsumers = (
  application: Application,
  deps: ConsumerDeps,
): ReadonlyMap<string, ClaimingConsumer> =>
  new Map(
    application
      .flatMap(({ consumers }) => consumers)
      .filter(({ declaration }) => declaration.effects === 'home-only')
      .flatMap(({ declaration, create }) => {
        const { name, claimed, claim } = create(deps);
        if (claimed === undefined || claim === undefined) return [];
        return [[name, { name, claimed, claim, types: declaration.types }] as const];
      }),
  );

/** What a domain may be called. */
export const DOMAIN_NAME = /^[a-z][a-z0-9-]{0,31}$/;

/** A type ends in the version of its schema. */
const EVENT_TYPE = /^[a-z0-9.-]+\.v[1-9]\d*$/;

/** Everything about an application that would make two domains collide, or the engine fail; empty for a sound one. */
export function applicationFaults(application: Application): string[] {
  const faults: string[] = [];
  const unique = (what: string, names: readonly (readonly [name: string, domain: string])[]) => {
    const seen = new Map<string, string>();
    for (const [name, domain] of names) {
      const first = seen.get(name);
      if (first !== undefined) faults.push(`${domain}: the ${what} ${name} is declared by ${first} already.`);
      else seen.set(name, domain);
    }
  };
  const all = <T>(pick: (domain: Domain) => readonly T[], name: (each: T) => string) =>
    application.flatMap((domain) => pick(domain).map((each) => [name(each), domain.name] as const));

  unique(
    'domain',
    all(
      (domain) => [domain.name],
      (name) => name,
    ),
  );
  unique(
    'event type',
    all(
      (domain) => domain.events,
      ({ type }) => type,
    ),
  );
  unique(
    'consumer',
    all(
      (domain) => domain.consumers,
      ({ declaration }) => declaration.name,
    ),
  );
  unique(
    'state partition',
    all(
      (domain) => domain.state,
      ({ prefix }) => prefix,
    ),
  );
  unique(
    'read or write',
    all(
      (domain) => [...domain.reads, ...domain.writes],
      ({ name }) => name,
    ),
  );
  const anyId = (path: string) => path.replace(/\{\w+\}/, '{}');
  unique(
    'path',
    all(
      (domain) => domain.reads,
      ({ path }) => anyId(path),
    ),
  );
  unique(
    'write',
    all(
      (domain) => domain.writes,
      ({ method, path }) => `${method} ${anyId(path)}`,
    ),
  );
  unique(
    'problem',
    all(
      (domain) => Object.keys(domain.missing),
      (code) => code,
    ),
  );
  unique(
    'schema',
    all(
      (domain) => Object.keys(domain.schemas),
      (name) => name,
    ),
  );
  const types = new Set(application.flatMap(({ events }) => events.map(({ type }) => type)));
  for (const domain of application) faults.push(...domainFaults(domain, types));
  return faults;
}

function domainFaults(
  { name, events, validators, consumers, state, reads, writes, missing }: Domain,
  types: ReadonlySet<string>,
) {
  const faults: string[] = [];
  const check = (holds: boolean, message: string) => {
    if (!holds) faults.push(`${name}: ${message}`);
  };
  check(DOMAIN_NAME.test(name), 'a name has 1 to 32 of a-z 0-9 -, and begins with a letter.');
  for (const { type } of events) {
    check(
      EVENT_TYPE.test(type),
      `the event type ${type} must be lower-case and end in the version of its schema, such as .v1.`,
    );
    check(Object.hasOwn(validators, type), `the event type ${type} has no validator; run \`npm run generate\`.`);
  }
  for (const { declaration } of consumers) {
    check(declaration.name !== REPLICATE, `the consumer ${REPLICATE} is the engine’s.`);
    check(declaration.types.length > 0, `the consumer ${declaration.name} takes no event type.`);
    check(
      declaration.effects === 'derived' || declaration.timeoutSeconds * 1000 <= LEASE.effectMs,
      `the consumer ${declaration.name} has effects that happen once, which may take ${LEASE.effectMs / 1000} s at most.`,
    );
    for (const type of declaration.types)
      check(
        types.has(type),
        `the consumer ${declaration.name} takes the event type ${type}, which no domain declares.`,
      );
  }
  for (const { prefix } of state) {
    check(!prefix.includes('|'), `the state partition ${prefix} may not hold a |.`);
    check(!RESERVED_PREFIXES.includes(prefix), `the state partition ${prefix} is the engine’s.`);
    check(
      prefix.startsWith(`${name}.`) || UNPREFIXED.has(prefix),
      `the state partition ${prefix} must begin with ${name}. so that no other domain has it.`,
    );
  }
  for (const route of [...reads, ...writes]) {
    const kind = 'method' in route ? 'write' : 'read';
    check(/^\/v1\/[^/]/.test(route.path), `the path ${route.path} must begin with /v1/.`);
    check((route.path.match(/\{/g) ?? []).length <= 1, `the path ${route.path} may have one segment in braces.`);
    const code = route.missing?.code;
    check(
      code === undefined || Object.hasOwn(missing, code),
      `the ${kind} ${route.name} answers ${code}, which is not in missing.`,
    );
  }
  for (const each of writes) {
    check(each.path.includes('{'), `the path ${each.path} of the write ${each.name} must name the subject.`);
    check(
      each.body === undefined || Object.hasOwn(validators, bodyValidator(each)),
      `the body of the write ${each.name} has no validator; run \`npm run generate\`.`,
    );
  }
  return faults;
}

/** Partitions that cells stored before domains had prefixes; what is stored keeps its name. */
const UNPREFIXED: ReadonlySet<string> = new Set(['devices', 'device', 'rollups']);
