// Functions entry point of the cell's HTTP API.
import { app } from '@azure/functions';
import { composeHttp } from './compose.ts';
import { readHttpConfig, SETUP } from './config.ts';

app.setup(SETUP);
app.http('http', {
  // All of them: what a path does not take is answered by the API, not by the platform.
  methods: ['GET', 'POST', 'DELETE', 'HEAD', 'PATCH', 'PUT', 'OPTIONS'],
  authLevel: 'anonymous',
  route: '{*path}',
  handler: composeHttp(readHttpConfig(process.env)),
});
