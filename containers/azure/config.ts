// The configuration of a container on Azure: that of the functions whose parts it runs, and its own.
import type { Environment } from '../../core/cell/settings.ts';
import {
  type CellConfig,
  CLUSTER_IDENTITY,
  VARIABLES as FUNCTIONS,
  type HttpConfig,
  readHttpConfig,
  readRelayConfig,
  readWorkerConfig,
  type WorkerConfig,
} from '../../functions-azure/config.ts';
import { CONTAINER_VARIABLES, type ContainerSettings, readContainer } from '../settings.ts';

/** Our own variables with their purpose; `docs/environment.md` is generated from this. */
export const VARIABLES = CONTAINER_VARIABLES;

/** Variables of the platform beyond those of the functions; part of the same document. */
export const PLATFORM_VARIABLES = CLUSTER_IDENTITY;

export interface ContainerConfig extends ContainerSettings {
  readonly http: HttpConfig | undefined;
  readonly relayed: CellConfig | undefined;
  /** Of all consumers that run here. */
  readonly worker: WorkerConfig | undefined;
}

/** Throws a `ConfigError`. */
export function readContainerConfig(environment: Environment): ContainerConfig {
  return readContainer(environment, { ...FUNCTIONS, ...VARIABLES }, ({ port, relay, consumers }, functions) => ({
    http: port === undefined ? undefined : readHttpConfig(functions),
    relayed: relay ? readRelayConfig(functions) : undefined,
    worker: consumers.length > 0 ? readWorkerConfig(functions) : undefined,
  }));
}
