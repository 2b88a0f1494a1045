// Lambda entry point of the cell's HTTP API.
import { composeHttp } from './compose.ts';
import { readHttpConfig } from './config.ts';

export const handler = composeHttp(readHttpConfig(process.env));
