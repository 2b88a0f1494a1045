// Lambda entry point of the relay: event log's stream in, topic out.
import { composeRelay } from './compose.ts';
import { readRelayConfig } from './config.ts';

export const handler = composeRelay(readRelayConfig(process.env));
