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

/** Which event of a tenant: its subject, and the id of its document in the log (`eventKey`), which is the same in every cell. */
export interface EventIdentity {
  readonly subject: string;
  readonly id: string;
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

  /** Which of these events of a tenant it has applied, in their order. Absent, as `claim` is, where effects are not claimed. */
  claimed?(tenant: string, events: readonly EventIdentity[]): Promise<readonly boolean[]>;

  /** Notes that the effects of these events of one tenant have happened, as another cell says, so that they never happen here. */
  claim?(tenant: string, events: readonly EventIdentity[], from: string): Promise<void>;

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
  /**
   * Whether a log-only standby leaves copies to it underived: nothing but reads may need what it keeps. Registers are needed by writes, which say
   * what they have seen.
   */
  readonly canWait?: true;
}
