// Functions entry point of the cell's HTTP API.
import { app } from '@azure/functions';
import { composeHttp } from './compose.ts';
import { readHttpConfig } from './config.ts';

// Without it the platform drops every body that comes in chunks (https://github.com/Azure/azure-functions-nodejs-library/issues/171).
app.setup({ enableHttpStream: true });

app.http('http', {
  // All of them: what a path does not take is answered by the API, not by the platform.
  methods: ['GET', 'POST', 'DELETE', 'HEAD', 'PATCH', 'PUT', 'OPTIONS'],
  authLevel: 'anonymous',
  route: '{*path}',
  handler: composeHttp(readHttpConfig(process.env)),
});
