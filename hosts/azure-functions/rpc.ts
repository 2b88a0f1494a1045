// The messages between host and worker, in the shapes that the real host sends over gRPC and `@azure/functions` expects.

/** A value on the wire; at most one member is set, and none means null. */
export interface TypedData {
  string?: string;
  json?: string;
  bytes?: Uint8Array;
  int?: number;
  double?: number;
  http?: RpcHttp;
  collectionString?: { string: string[] };
  collectionBytes?: { bytes: Uint8Array[] };
  collectionDouble?: { double: number[] };
  collectionSint64?: { sint64: number[] };
}

/** A nullable string: proto3 maps cannot hold null themselves. */
export interface NullableString {
  value: string;
}

/** An HTTP request or, coming back, a response. */
export interface RpcHttp {
  url?: string;
  method?: string;
  nullableHeaders?: Record<string, NullableString>;
  nullableParams?: Record<string, NullableString>;
  nullableQuery?: Record<string, NullableString>;
  body?: TypedData;
  statusCode?: string;
  headers?: Record<string, string>;
  cookies?: RpcCookie[];
  enableContentNegotiation?: boolean;
}

/** A response cookie. */
export interface RpcCookie {
  name?: string;
  value?: string;
  domain?: { value: string };
  path?: { value: string };
  expires?: { value: { seconds: number } };
  secure?: { value: boolean };
  httpOnly?: { value: boolean };
  sameSite?: 'none' | 'lax' | 'strict' | 'explicitNone';
  maxAge?: { value: number };
}

/** What a retried invocation learns about the attempts before it. */
export interface RpcRetryContext {
  retryCount: number;
  maxRetryCount: number;
  exception?: { message: string; source: string; stackTrace: string };
}

/** One call of a function. */
export interface InvocationRequest {
  inputData: { name: string; data: TypedData }[];
  triggerMetadata?: Record<string, TypedData>;
  retryContext?: RpcRetryContext;
  traceContext?: { traceParent: string; traceState?: string; attributes?: Record<string, string> };
}

/** Its outcome. */
export interface InvocationResponse {
  invocationId: string;
  outputData?: { name: string; data: TypedData }[];
  returnValue?: TypedData | null;
}

/** A binding as the app declared it; everything but name, type and direction depends on the type. */
export interface BindingInfo {
  readonly type: string;
  readonly direction: 'in' | 'out';
  readonly [option: string]: unknown;
}

/** Retry policy as the library sends it, with durations in whole seconds. */
export interface RpcRetryOptions {
  readonly retryStrategy: string;
  readonly maxRetryCount: number;
  readonly delayInterval?: { seconds: number };
  readonly minimumInterval?: { seconds: number };
  readonly maximumInterval?: { seconds: number };
}

/** A function as the app registered it. */
export interface FunctionMetadata {
  readonly name: string;
  readonly bindings: Readonly<Record<string, BindingInfo>>;
  readonly retryOptions?: RpcRetryOptions;
}

/** An error that crossed the process border. */
export interface RpcError {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
}

/** Capabilities by name; any value but an empty one switches a capability on. */
export type Capabilities = Readonly<Record<string, string>>;

/** From the worker. */
export type WorkerMessage =
  | { kind: 'ready'; functions: FunctionMetadata[]; capabilities: Capabilities }
  | { kind: 'failed'; message: string; stack: string }
  | { kind: 'log'; level: string; category: string; message: string; functionName?: string; invocationId?: string }
  | { kind: 'result'; id: string; response: InvocationResponse }
  | { kind: 'error'; id: string; error: RpcError };

/** To the worker. */
export type HostMessage =
  | { kind: 'preload'; file: string; hostVersion: string }
  | { kind: 'start'; appFolder: string; files: AppFile[]; capabilities: Capabilities; hostVersion: string }
  | { kind: 'invoke'; id: string; functionName: string; request: InvocationRequest }
  | { kind: 'terminate' };

/** An entry file of the app and how to load it. */
export interface AppFile {
  readonly path: string;
  readonly esm: boolean;
}

/** What the Node worker of the real host announces before the app adds its own. */
export const WORKER_CAPABILITIES: Capabilities = Object.fromEntries(
  [
    'RawHttpBodyBytes',
    'RpcHttpTriggerMetadataRemoved',
    'RpcHttpBodyOnly',
    'IgnoreEmptyValuedRpcHttpHeaders',
    'UseNullableValueDictionaryForHttp',
    'WorkerStatus',
    'TypedDataCollection',
    'HandlesWorkerTerminateMessage',
  ].map((name) => [name, 'true']),
);

/** The one trigger of a function. */
export function triggerOf(metadata: FunctionMetadata): { name: string; binding: BindingInfo } {
  for (const [name, binding] of Object.entries(metadata.bindings)) {
    if (/trigger$/i.test(binding.type)) return { name, binding };
  }
  throw new Error(`The function "${metadata.name}" has no trigger.`);
}
