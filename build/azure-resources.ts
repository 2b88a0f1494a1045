// Translates the topology to Azure resources: written to `infra/azure.json` for Terraform, and used by the local cell.
import { type ConsumerDeclaration, LANE_NAMES, type Lane, queueOf, type Topology } from '../core/cell/topology.ts';

/** The level at which every process sees all other processes' writes; the functions refuse a weaker account. */
export const CONSISTENCY = 'Strong';

/** The partition key of the adapter's documents; a test compares it with the adapter. */
const DOCUMENT_KEY = { partitionKeyPaths: ['/p'], partitionKeyVersion: 2 } as const;

export interface ContainerResource {
  readonly name: string;
  readonly partitionKeyPaths: readonly string[];
  readonly partitionKeyVersion: number;
  /** -1: items do not expire unless they set their own time to live. */
  readonly defaultTtl: -1;
}

export interface SubscriptionResource {
  readonly name: string;
  readonly lockDuration: string;
  readonly maxDeliveryCount: number;
  /** The only rule of the subscription; the rule `$Default` must not exist. */
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
        // The trigger's own documents, with the partition key that it requires.
        { name: 'leases', partitionKeyPaths: ['/id'], partitionKeyVersion: 2, defaultTtl: -1 },
      ],
    },
    serviceBus: { subscriptions: subscriptionsOf(consumers) },
  };
}

/** The subscriptions of consumers, one in each lane. */
export const subscriptionsOf = (consumers: readonly ConsumerDeclaration[]): SubscriptionResource[] =>
  consumers.flatMap((consumer) => LANE_NAMES.map((lane) => subscription(consumer, lane)));

function subscription(
  { name, types, visibilitySeconds, maximumDeliveries }: ConsumerDeclaration,
  lane: Lane,
): SubscriptionResource {
  const typeList = types.map(quoted).join(', ');
  return {
    name: queueOf(name, lane),
    lockDuration: `PT${visibilitySeconds}S`,
    maxDeliveryCount: maximumDeliveries,
    // A redriven event is for one consumer; all others are for every subscriber of their type.
    rule: {
      name: 'topology',
      sqlFilter: `type IN (${typeList}) AND (consumer IS NULL OR consumer = ${quoted(name)}) AND lane ${lane === 'first' ? 'IS NULL' : `= ${quoted(lane)}`}`,
    },
  };
}

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;
