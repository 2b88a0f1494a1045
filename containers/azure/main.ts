// Entry point of the container on Azure.
import { platform } from '../../functions-azure/compose.ts';
import { runContainer } from '../container.ts';
import { compose } from './compose.ts';
import { readContainerConfig } from './config.ts';

const exit = (code: number) => process.exit(code);

void runContainer({ ...platform({}), exit }, () => {
  const config = readContainerConfig(process.env);
  return { parts: compose(config, exit), healthPort: config.healthPort };
});
