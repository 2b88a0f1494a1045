// The environment variables that the Lambda service gives a function.
import { randomBytes } from 'node:crypto';

/** What they are made of. */
export interface FunctionVariables {
  readonly functionName: string;
  /** The function's own. */
  readonly environment: Readonly<Record<string, string>>;
  readonly memoryMb: number;
  readonly region: string;
}

/** https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime */
export function variablesOf({
  functionName,
  environment,
  memoryMb,
  region,
}: FunctionVariables): Record<string, string> {
  const stream = `${new Date().toISOString().slice(0, 10).replaceAll('-', '/')}/[$LATEST]${randomBytes(16).toString('hex')}`;
  return {
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    AWS_SESSION_TOKEN: 'local',
    // A laptop's real profile must never be read by mistake, nor its instance's metadata service be waited for.
    AWS_EC2_METADATA_DISABLED: 'true',
    NODE_NO_WARNINGS: '1',
    ...(process.env.PATH === undefined ? {} : { PATH: process.env.PATH }),
    LANG: 'en_US.UTF-8',
    TZ: ':UTC',
    ...environment,
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs22.x',
    AWS_LAMBDA_FUNCTION_NAME: functionName,
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(memoryMb),
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${functionName}`,
    AWS_LAMBDA_LOG_STREAM_NAME: stream,
  };
}
