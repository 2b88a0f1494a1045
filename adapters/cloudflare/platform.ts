// The interfaces of the Workers platform that are used here; its full types conflict with those of Node.js.

/** A value that SQLite can store. */
export type SqlValue = string | number | null;

/** The rows of one statement; https://developers.cloudflare.com/durable-objects/api/sqlite-storage-api/ */
export interface SqlCursor {
  toArray(): Record<string, SqlValue>[];
}

export interface SqlStorage {
  exec(query: string, ...bindings: SqlValue[]): SqlCursor;
}

/** The storage of an object: values by key, a database, and one alarm. */
export interface ObjectStorage {
  get<T>(key: string): Promise<T | undefined>;
  put<T>(key: string, value: T): Promise<void>;
  delete(key: string): Promise<boolean>;
  list<T>(query: { readonly prefix: string; readonly limit: number }): Promise<ReadonlyMap<string, T>>;
  readonly sql: SqlStorage;
  transactionSync<T>(work: () => T): T;
  getAlarm(): Promise<number | null>;
  setAlarm(at: number): Promise<void>;
  deleteAlarm(): Promise<void>;
}

/** The context passed to the constructor of an object. */
export interface ObjectContext {
  readonly storage: ObjectStorage;
}

/** The objects of one class; `Stub` has their methods. */
export interface ObjectNamespace<Stub> {
  getByName(name: string): Stub;
}

/** A namespace of Workers KV; https://developers.cloudflare.com/kv/api/ */
export interface KvNamespace {
  get(key: string, options: { readonly type: 'text'; readonly cacheTtl?: number }): Promise<string | null>;
  put(key: string, value: string): Promise<void>;
  /** Deleting what is not there succeeds. */
  delete(key: string): Promise<void>;
}

/** A client's request, with the platform's information about its connection. */
export interface ConnectingRequest extends Request {
  /** https://developers.cloudflare.com/workers/runtime-apis/request/#incomingrequestcfproperties */
  readonly cf?: {
    readonly tlsClientAuth?: { readonly certPresented: string; readonly certFingerprintSHA256: string };
  };
}
