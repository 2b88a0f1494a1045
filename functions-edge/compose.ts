// Wires the parts of the edge.
import { type DirectoryObjectMethods, directoryObject } from '../adapters/cloudflare/directory-object.ts';
import { KvRouteCache } from '../adapters/cloudflare/kv-route-cache.ts';
import type { KvNamespace, ObjectStorage } from '../adapters/cloudflare/platform.ts';
import { SqliteDirectoryStorage } from '../adapters/cloudflare/sqlite-directory-storage.ts';
import { systemClock as clock, jsonLog } from '../adapters/system/system.ts';
import { directory } from '../core/routing/directory.ts';
import { publisher } from '../core/routing/publisher.ts';

/** What the directory's object is bound to. */
export interface DirectoryBindings {
  readonly ROUTES: KvNamespace;
}

/** Returns the methods of the object that keeps the directory. */
export function composeDirectory(storage: ObjectStorage, { ROUTES }: DirectoryBindings): DirectoryObjectMethods {
  const records = new SqliteDirectoryStorage(storage);
  const cache = new KvRouteCache({ namespace: ROUTES, clock });
  const publish = publisher({ storage: records, cache, log: jsonLog(console.log) });
  return directoryObject({ directory: directory({ storage: records, clock }), records, publish, storage, clock });
}
