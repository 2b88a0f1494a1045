// The variables by which a person puts a server of theirs in the place of one of the stack's emulators.

/** Address of each service that is not to be emulated. */
export interface Endpoints {
  readonly dynamodb?: string;
  readonly sns?: string;
  readonly sqs?: string;
  /** Connection string of a Cosmos DB account. */
  readonly cosmos?: string;
  /** Connection string of a Service Bus namespace. */
  readonly serviceBus?: string;
}

const VARIABLES = { dynamodb: 'DYNAMODB_ENDPOINT', sns: 'SNS_ENDPOINT', sqs: 'SQS_ENDPOINT' } as const;

const AZURE_VARIABLES = { cosmos: 'COSMOS_ENDPOINT', key: 'COSMOS_KEY', serviceBus: 'SERVICE_BUS_CONNECTION' } as const;

/**
 * Reads the variables; an empty one is one that is not set: an SDK that is given no address would call the cloud itself.
 * @throws Error that names the variable to correct
 */
export function readEndpoints(environment: Readonly<Record<string, string | undefined>>): Endpoints {
  const set = Object.entries(VARIABLES).flatMap(([service, name]) => {
    const value = environment[name] ?? '';
    if (value === '') return [];
    if (!isAddress(value))
      throw new Error(`${name} must be an address such as http://127.0.0.1:8000, not ${JSON.stringify(value)}.`);
    return [[service, value]];
  });
  const endpoints: Endpoints = { ...Object.fromEntries(set), ...readAzure(environment) };
  if ((endpoints.sns === undefined) !== (endpoints.sqs === undefined))
    throw new Error(
      'Set SNS_ENDPOINT and SQS_ENDPOINT both or not at all: a topic delivers only to queues that its server knows.',
    );
  return endpoints;
}

function readAzure(
  environment: Readonly<Record<string, string | undefined>>,
): Pick<Endpoints, 'cosmos' | 'serviceBus'> {
  const [endpoint = '', key = '', serviceBus = ''] = Object.values(AZURE_VARIABLES).map(
    (name) => environment[name] ?? '',
  );
  if ((endpoint === '') !== (key === '')) throw new Error('Set COSMOS_ENDPOINT and COSMOS_KEY both or not at all.');
  if (endpoint !== '' && !isAddress(endpoint))
    throw new Error(
      `COSMOS_ENDPOINT must be an address such as http://127.0.0.1:8081, not ${JSON.stringify(endpoint)}.`,
    );
  if (serviceBus !== '' && !serviceBus.includes('Endpoint=sb://'))
    throw new Error('SERVICE_BUS_CONNECTION must be a connection string that begins with Endpoint=sb://.');
  return {
    ...(endpoint !== '' && { cosmos: `AccountEndpoint=${endpoint};AccountKey=${key};` }),
    ...(serviceBus !== '' && { serviceBus }),
  };
}

/** The variables that are set, for a message about servers that do not do what they should. */
export const tellEndpoints = (endpoints: Endpoints): string =>
  Object.entries(VARIABLES)
    .flatMap(([service, name]) => {
      const value = endpoints[service as keyof Endpoints];
      return value === undefined ? [] : [`${name}=${value}`];
    })
    .join(', ');

function isAddress(value: string): boolean {
  return URL.canParse(value) && /^https?:$/.test(new URL(value).protocol);
}
