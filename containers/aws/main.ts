// Entry point of the container on AWS.
import { platform } from '../../functions-aws/compose.ts';
import { runContainer } from '../container.ts';
import { compose } from './compose.ts';
import { readContainerConfig } from './config.ts';

const deps = {
  ...platform({ cell: process.env.APP_CELL ?? '' }, {}),
  exit: (code: number) => process.exit(code),
};

void runContainer(deps, () => {
  const config = readContainerConfig(process.env);
  return { parts: compose(config, deps), healthPort: config.healthPort };
});
