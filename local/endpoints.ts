// The variables by which a person puts a server of theirs in the place of one of the stack's emulators.

/** Address of each service that is not to be emulated. */
export interface Endpoints {
  readonly dynamodb?: string;
  readonly sns?: string;
  readonly sqs?: string;
}

const VARIABLES = { dynamodb: 'DYNAMODB_ENDPOINT', sns: 'SNS_ENDPOINT', sqs: 'SQS_ENDPOINT' } as const;

/**
 * Reads the variables; an empty one is one that is not set: an SDK that is given no address would call the cloud itself.
 * @throws Error that names the variable to mend
 */
export function readEndpoints(environment: Readonly<Record<string, string | undefined>>): Endpoints {
  const set = Object.entries(VARIABLES).flatMap(([service, name]) => {
    const value = environment[name] ?? '';
    if (value === '') return [];
    if (!isAddress(value))
      throw new Error(`${name} must be an address such as http://127.0.0.1:8000, not ${JSON.stringify(value)}.`);
    return [[service, value]];
  });
  const endpoints: Endpoints = Object.fromEntries(set);
  if ((endpoints.sns === undefined) !== (endpoints.sqs === undefined))
    throw new Error(
      'Set SNS_ENDPOINT and SQS_ENDPOINT both or not at all: a topic delivers only to queues that its server knows.',
    );
  return endpoints;
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
