// The interface of consumers: the event types they take, and the exactly-once application of effects.
import type { ConsumerDeclaration } from '../cell/topology.ts';
import type { RetryDeps } from '../lib/retry.ts';
import type { CloudEvent } from '../ports/cloud-event.ts';
import type { Store, StoredDocument } from '../ports/store.ts';
import type { WindowLimits } from './log-windows.ts';

/** An event of a tenant, as consumers get it. */
export interface TenantEvent {
  readonly tenant: string;
  readonly event: CloudEvent;
}

/** What a consumer keeps of a subject. */
export interface Kept {
  readonly partition: string;
  /** Whether a document, which is no claim, is the subject's; absent where the consumer cannot say so. */
  readonly isOf?: (document: StoredDocument) => boolean;
}

export interface Consumer {
  /** The name in the topology. */
  readonly name: string;

  /**
   * Applies the effects of events of one tenant's subject: of all of them, or it rejects. May be called again with the same events,
   * in any order and grouping, even concurrently in another process; each effect is still applied exactly once (`derivedConsumer`
   * and `claimingConsumer` ensure that). An error other than a retryable port error means that one of the events cannot be
   * processed; the caller isolates it by applying each event alone.
   */
  apply(events: readonly TenantEvent[]): Promise<void>;

  /**
   * Removes what it keeps of a subject, so that applying all of the subject's events derives it anew. Others may apply events meanwhile:
   * they have to try again later. `token` distinguishes callers; one must not call it twice at the same time. Rejects with
   * `unavailable` when it has to be called again. Absent where what is kept is no function of the log.
   */
  forget?(tenant: string, subject: string, token: string): Promise<void>;

  /** Where it keeps what is no function of the log; absent without such. An erasure removes what is the subject's, and the claims of erased events. */
  keeps?(tenant: string, subject: string): Kept;
}

/** Dependencies of consumers. */
export interface ConsumerDeps extends RetryDeps {
  /** The event log. */
  readonly events: Store;
  readonly state: Store;
  /** Bounds of what derived consumers read of the log at once; `WINDOW_LIMITS` by default. */
  readonly windows?: WindowLimits;
  /** Throws `unavailable` unless the cell's lease for the tenant gives time for one write of a home-only effect. */
  readonly permit?: ((tenant: string) => void) | undefined;
}

/** A consumer as a domain declares it: its row in the topology, and its factory. */
export interface ConsumerDefinition {
  readonly declaration: ConsumerDeclaration;
  create(deps: ConsumerDeps): Consumer;
}
