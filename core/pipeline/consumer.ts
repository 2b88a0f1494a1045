// What a consumer is: the event types it takes, and how their effects are applied exactly once.
import type { ConsumerDeclaration } from '../cell/topology.ts';
import type { RetryDeps } from '../lib/retry.ts';
import type { CloudEvent } from '../ports/cloud-event.ts';
import type { Store } from '../ports/store.ts';

/** An event of a tenant, as consumers get it. */
export interface TenantEvent {
  readonly tenant: string;
  readonly event: CloudEvent;
}

export interface Consumer {
  /** As the topology declares it. */
  readonly name: string;

  /**
   * Applies the effects of some events of one tenant's subject: of all of them, or it rejects. May be called again with the
   * same events, in any order and any grouping, also at the same time in another process: an effect is applied once all the
   * same (`derivedConsumer` and `claimingConsumer` see to that). An error that is no retryable port error means that one of
   * the events cannot be processed; the caller finds out which by applying each alone.
   */
  apply(events: readonly TenantEvent[]): Promise<void>;
}

/** What consumers are made with. */
export interface ConsumerDeps extends RetryDeps {
  /** The event log. */
  readonly events: Store;
  readonly state: Store;
}

/** A consumer as a domain declares it: its row in the topology, and how a worker makes it. */
export interface ConsumerDefinition {
  readonly declaration: ConsumerDeclaration;
  create(deps: ConsumerDeps): Consumer;
}
