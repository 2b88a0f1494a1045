// App settings as the app sees them: environment variables, %names% in bindings, and connections.

/** The emulator's public key; no secret. */
const COSMOS_EMULATOR_KEY = 'C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw==';

/** Read access to an app's settings. */
export class AppSettings {
  /** Upper-cased name to value: .NET's configuration, which reads them on Azure, ignores case. */
  readonly #values: ReadonlyMap<string, string>;

  constructor(settings: Readonly<Record<string, string>>) {
    this.#values = new Map(Object.entries(settings).map(([name, value]) => [canonical(name), value]));
  }

  /** The value of a setting, if there is one. */
  get(name: string): string | undefined {
    return this.#values.get(canonical(name));
  }

  /** Replaces each `%name%` by the setting. @throws Error naming a setting that is missing */
  resolve(text: string): string {
    return text.replace(/%([^%]+)%/g, (whole, name: string) => {
      const value = this.get(name);
      if (value === undefined)
        throw new Error(`The app setting "${name}" is not set; a binding refers to it as ${whole}.`);
      return value;
    });
  }

  /** True if the app setting `AzureWebJobs.<function>.Disabled` says so. */
  isDisabled(functionName: string): boolean {
    return /^(true|1)$/i.test(this.get(`AzureWebJobs.${functionName}.Disabled`) ?? '');
  }

  /**
   * The connection string for Cosmos DB that a binding's `connection` refers to.
   * @throws Error if it is missing, or identity-based and not local
   */
  cosmosConnection(connection: string): string {
    return this.#connection(connection, 'Cosmos DB', 'accountEndpoint', (endpoint) => {
      const { hostname } = new URL(endpoint);
      return isLocal(hostname) ? `AccountEndpoint=${endpoint};AccountKey=${COSMOS_EMULATOR_KEY};` : undefined;
    });
  }

  /** The same for Service Bus. */
  serviceBusConnection(connection: string): string {
    return this.#connection(connection, 'Service Bus', 'fullyQualifiedNamespace', (namespace) =>
      isLocal(namespace.replace(/:\d+$/, ''))
        ? `Endpoint=sb://${namespace};SharedAccessKeyName=local;SharedAccessKey=local;UseDevelopmentEmulator=true;`
        : undefined,
    );
  }

  #connection(name: string, service: string, part: string, local: (value: string) => string | undefined): string {
    // In the order in which the WebJobs SDK looks.
    const text = this.get(name) ?? this.get(`AzureWebJobs${name}`) ?? this.get(`ConnectionStrings:${name}`);
    if (text !== undefined && text !== '') return text;
    const endpoint = this.get(`${name}:${part}`);
    if (endpoint !== undefined) {
      const connection = local(endpoint);
      if (connection !== undefined) return connection;
      throw new Error(
        `The connection "${name}" uses a managed identity (${name}__${part}=${endpoint}), and there is none on this machine. ` +
          `Set the app setting "${name}" to a ${service} connection string, or ${name}__${part} to a local address.`,
      );
    }
    throw new Error(`The app setting "${name}" is not set; it must hold a ${service} connection string.`);
  }
}

/** Environment variables cannot hold colons, so two underscores stand for one. */
function canonical(name: string): string {
  return name.replaceAll('__', ':').toUpperCase();
}

function isLocal(hostname: string): boolean {
  return /^(localhost|127(\.\d+){3}|\[?::1\]?)$/i.test(hostname);
}
