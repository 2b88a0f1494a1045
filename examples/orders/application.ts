// The application of the example: `POLYCELL_APPLICATION=examples/orders/application.ts npm start` runs it.
import type { Application } from '../../core/domain/application.ts';
import { orders } from './domain.ts';

export const application: Application = [orders];
