// The change stream contract, kept by the stream in memory.
import { MemoryChangeStream } from '../../adapters/memory/memory-change-stream.ts';
import { MemoryStore } from '../../adapters/memory/memory-store.ts';
import { checkedStore } from '../../core/store/checked-store.ts';
import { HastyClock } from '../support/fake-clock.ts';
import { changeStreamContract } from './change-stream.contract.ts';

const BATCH_SIZE = 10;

changeStreamContract(
  'memory',
  () => {
    const clock = new HastyClock();
    const stream = new MemoryChangeStream({ clock, batchSize: BATCH_SIZE });
    return {
      store: checkedStore(new MemoryStore({ clock, onChange: stream.onChange })),
      clock,
      commits: clock,
      batchSize: BATCH_SIZE,
      start: (handler) => stream.start(handler),
      stop: () => stream.stop(),
      quirks: { everyWrite: true, tellsInserts: true },
      close: () => stream.stop(),
    };
  },
  {
    'a stream that cannot be reached for a while loses nothing': {
      reason: 'it has no network',
      instead: async ({ faults }) => expect(faults).toBeUndefined(),
    },
  },
);
