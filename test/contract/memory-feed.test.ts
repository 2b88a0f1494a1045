// The feed contract, kept by MemoryFeed in both ways that children are named.
import { MemoryFeed, type MemoryFeedKind } from '../../adapters/memory/memory-feed.ts';
import { MemoryStore } from '../../adapters/memory/memory-store.ts';
import { PortError } from '../../core/ports/errors.ts';
import { checkedStore } from '../../core/store/checked-store.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { feedContract } from './feed.contract.ts';

const missing = async () => {
  throw new PortError('not-found', 'There is no such collection.');
};

for (const kind of ['named', 'handed'] satisfies MemoryFeedKind[])
  feedContract(`memory, children ${kind}`, () => {
    const feed = new MemoryFeed({ kind, shards: 3, pageRecords: 10 });
    return {
      store: checkedStore(new MemoryStore({ clock: new FakeClock(), onChange: feed.onChange })),
      pageRecords: 10,
      open: () => feed,
      openMissing: () => ({ shards: missing, read: missing }),
      split: async () => feed.split(feed.open[0] ?? ''),
      close: async () => undefined,
    };
  });
