// The directory contract, kept by DurableObjectDirectory and the object behind it in the Workers runtime.
import { openDirectory } from './cloudflare/directory-harness.ts';
import { WorkersRuntime } from './cloudflare/runtime.ts';
import { directoryContract } from './directory.contract.ts';

const runtime = new WorkersRuntime();
beforeAll(() => runtime.start());
afterAll(() => runtime.stop());

directoryContract('Durable Object', () => openDirectory(runtime));
