// Which keys the edge signs with: the monitor itself, and each isolate that sends requests to cells, so that no key is removed in use.
import type { Clock } from '../../ports/clock.ts';
import { isSameKey, type PublicKey } from '../../ports/keys.ts';

/** Keys that are remembered; a rotation has two. */
const SIGNERS = 4;

/** A key that something signs with. The field names are part of the control API. */
export interface SeenSigner {
  readonly key: PublicKey;
  /** When it was last seen to be used, RFC 3339. */
  readonly at: string;
}

export interface SignerLedger {
  /** Takes in which key an isolate signs with. */
  seen(key: PublicKey): void;
  /** The monitor's own key, then those of the isolates that have reported since it began, the latest last. */
  list(): readonly SeenSigner[];
}

/** Returns the ledger of a monitor that signs with this key; kept in memory, as every isolate with traffic reports again within seconds. */
export function signerLedger(own: PublicKey, clock: Pick<Clock, 'now'>): SignerLedger {
  let reported: readonly SeenSigner[] = [];
  const now = () => new Date(clock.now()).toISOString();
  return {
    seen(key) {
      reported = [...reported.filter((each) => !isSameKey(each.key, key)), { key, at: now() }].slice(-SIGNERS);
    },
    list: () => [{ key: own, at: now() }, ...reported.filter(({ key }) => !isSameKey(key, own))],
  };
}
