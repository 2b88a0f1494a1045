// The configuration of a container on AWS: that of the functions whose parts it runs, and its own.
import type { Environment } from '../../core/cell/settings.ts';
import { ConfigError } from '../../core/cell/settings.ts';
import {
  type CellConfig,
  VARIABLES as FUNCTIONS,
  type HttpConfig,
  readHttpConfig,
  readRelayConfig,
  readWorkerConfig,
  type WorkerConfig,
} from '../../functions-aws/config.ts';
import { CONTAINER_VARIABLES, type ContainerSettings, readContainer } from '../settings.ts';

/** Our own variables with their purpose; `docs/environment.md` is generated from this. */
export const VARIABLES = {
  ...CONTAINER_VARIABLES,
  APP_QUEUES: 'Beginning of the addresses of the cell’s queues, to which -<consumer> is added; for consumers',
} as const;

/** Variables of AWS's SDK beyond those of the functions; part of the same document. */
export const PLATFORM_VARIABLES = {
  AWS_ENDPOINT_URL_SQS: 'Address of another SQS server, such as a local one; optional',
  AWS_ENDPOINT_URL_DYNAMODB_STREAMS: 'Address of another DynamoDB Streams server, such as a local one; optional',
} as const;

export interface ContainerConfig extends ContainerSettings {
  readonly http: HttpConfig | undefined;
  readonly relayed: CellConfig | undefined;
  readonly workers: readonly WorkerConfig[];
  /** Beginning of the queues' addresses; empty without consumers. */
  readonly queues: string;
  readonly endpoints: { readonly sqs?: string; readonly streams?: string };
}

/** Throws a `ConfigError`. */
export function readContainerConfig(environment: Environment): ContainerConfig {
  return readContainer(environment, { ...FUNCTIONS, ...VARIABLES }, ({ port, relay, consumers }, given) => {
    const { APP_QUEUES: queues = '', ...functions } = given;
    if (consumers.length > 0 && !URL.canParse(queues))
      throw new ConfigError('APP_QUEUES must be the beginning of the addresses of the queues.');
    const { AWS_ENDPOINT_URL_SQS: sqs, AWS_ENDPOINT_URL_DYNAMODB_STREAMS: streams } = environment;
    return {
      http: port === undefined ? undefined : readHttpConfig(functions),
      relayed: relay ? readRelayConfig(functions) : undefined,
      workers: consumers.map((consumer) => readWorkerConfig({ ...functions, APP_CONSUMER: consumer })),
      queues,
      endpoints: { ...(sqs && { sqs }), ...(streams && { streams }) },
    };
  });
}
