// What the topology means in Azure's resources: written to `infra/azure.json` for what sets up the cloud, and used by the local cell.
import type { ConsumerDeclaration, Topology } from '../core/cell/topology.ts';

/** The level that every process needs to see what any other has written; the functions refuse an account with less. */
export const CONSISTENCY = 'Strong';

/** What the adapter's documents are partitioned by; a test holds it against the adapter. */
const DOCUMENT_KEY = { partitionKeyPaths: ['/p'], partitionKeyVersion: 2 } as const;

export interface ContainerResource {
  readonly name: string;
  readonly partitionKeyPaths: readonly string[];
  readonly partitionKeyVersion: number;
  /** -1: items live for ever unless they say otherwise. */
  readonly defaultTtl: -1;
}

export interface SubscriptionResource {
  readonly name: string;
  readonly lockDuration: string;
  readonly maxDeliveryCount: number;
  /** The only rule of the subscription; the rule `$Default` is not to be there. */
  readonly rule: { readonly name: string; readonly sqlFilter: string };
}

export interface AzureResources {
  readonly cosmos: { readonly consistency: typeof CONSISTENCY; readonly containers: readonly ContainerResource[] };
  readonly serviceBus: { readonly subscriptions: readonly SubscriptionResource[] };
}

/** The resources inside account and namespace; their names are the same in every cell. */
export function azureResources({ collections, consumers }: Topology): AzureResources {
  return {
    cosmos: {
      consistency: CONSISTENCY,
      containers: [
        ...Object.keys(collections).map((name) => ({ name, ...DOCUMENT_KEY, defaultTtl: -1 as const })),
        // The trigger's own documents, by the key that it asks for.
        { name: 'leases', partitionKeyPaths: ['/id'], partitionKeyVersion: 2, defaultTtl: -1 },
      ],
    },
    serviceBus: { subscriptions: consumers.map(subscription) },
  };
}

function subscription({
  name,
  types,
  visibilitySeconds,
  maximumDeliveries,
}: ConsumerDeclaration): SubscriptionResource {
  const typeList = types.map(quoted).join(', ');
  return {
    name,
    lockDuration: `PT${visibilitySeconds}S`,
    maxDeliveryCount: maximumDeliveries,
    // An event that is sent again is for one consumer; all others are for everybody who takes their type.
    rule: { name: 'topology', sqlFilter: `type IN (${typeList}) AND (consumer IS NULL OR consumer = ${quoted(name)})` },
  };
}

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;
