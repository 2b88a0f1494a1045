// The application: the list of domains that every cell runs. This is the only place that names them.
import type { Application } from './domain/application.ts';
import { catalog } from './domains/catalog/domain.ts';
import { telemetry } from './domains/telemetry/domain.ts';

export const application: Application = [telemetry, catalog];
