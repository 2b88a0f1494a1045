// The directory contract with as many tenants as a directory has, kept in the Workers runtime.
import { openDirectory } from './cloudflare/directory-harness.ts';
import { WorkersRuntime } from './cloudflare/runtime.ts';
import { directoryAtSize } from './directory.contract.ts';

const runtime = new WorkersRuntime();
beforeAll(() => runtime.start());
afterAll(() => runtime.stop());

directoryAtSize('Durable Object', () => openDirectory(runtime));
