// Functions entry point of the cell's HTTP API.
import { METHODS } from 'node:http';
import { app, type HttpMethod } from '@azure/functions';
import { composeHttp } from './compose.ts';
import { readHttpConfig, SETUP } from './config.ts';

app.setup(SETUP);
app.http('http', {
  // All methods, even those that the library's type lacks: the API answers unsupported methods, instead of the platform with an empty
  // 404. The library cannot represent TRACE and CONNECT (https://fetch.spec.whatwg.org/#forbidden-method) and would answer 500.
  methods: METHODS.filter((method) => method !== 'TRACE' && method !== 'CONNECT') as HttpMethod[],
  authLevel: 'anonymous',
  route: '{*path}',
  handler: composeHttp(readHttpConfig(process.env)),
});
