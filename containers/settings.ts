// The variables that every container has beside those of its cloud's functions, and how they are read.
import { application } from '../core/application.ts';
import { type Environment, readSettings } from '../core/cell/settings.ts';
import { topologyOf } from '../core/domain/application.ts';

/** The containers' own variables with their purpose; `docs/environment.md` is generated from this. */
export const CONTAINER_VARIABLES = {
  APP_RUN: 'What the container runs, with spaces in between: http, relay, and consumers by their names',
  APP_PORT: 'Port of the cell’s API; for http',
  APP_HEALTH_PORT: 'Port of /healthz and /readyz',
} as const;

/** What a container runs, and where. */
export interface ContainerSettings {
  /** Port of the API; `undefined`: the container does not serve it. */
  readonly port: number | undefined;
  readonly healthPort: number;
  readonly relay: boolean;
  readonly consumers: readonly string[];
}

/**
 * Reads a container's own variables. `declared` are all variables that the container may have; `cloud` reads those of the cloud's
 * functions, from an environment without the containers' own. Throws a `ConfigError` that lists the problems.
 */
export function readContainer<T>(
  environment: Environment,
  declared: Readonly<Record<string, string>>,
  cloud: (settings: ContainerSettings, functions: Environment) => T,
): T & ContainerSettings {
  const own = readSettings(environment, declared, (get, problems): ContainerSettings => {
    const known = ['http', 'relay', ...topologyOf(application).consumers.map(({ name }) => name)];
    const run = get('APP_RUN')
      .split(' ')
      .filter((part) => part !== '');
    for (const part of run)
      if (!known.includes(part)) problems.push(`APP_RUN names ${JSON.stringify(part)}; there are ${known.join(', ')}`);
    if (new Set(run).size < run.length) problems.push('APP_RUN names a part twice');
    const port = (name: string): number => {
      const text = get(name);
      const value = /^\d{1,5}$/.test(text) ? Number(text) : -1;
      if (text !== '' && (value < 0 || value > 65_535))
        problems.push(`${name} is ${JSON.stringify(text)}, which is no port`);
      return value;
    };
    return {
      port: run.includes('http') ? port('APP_PORT') : undefined,
      healthPort: port('APP_HEALTH_PORT'),
      relay: run.includes('relay'),
      consumers: run.filter((part) => part !== 'http' && part !== 'relay'),
    };
  });
  const theirs = Object.entries(environment).filter(([name]) => !Object.hasOwn(CONTAINER_VARIABLES, name));
  return { ...own, ...cloud(own, Object.fromEntries(theirs)) };
}
