// Consumers that share a process: while a suspect of one is tried, no other works, so the end of the process is the suspect's alone.
import { MemoryStore } from '../../../adapters/memory/memory-store.ts';
import { SoloGate } from '../../../core/lib/solo-gate.ts';
import { consume } from '../../../core/pipeline/consume.ts';
import { crashMarkers } from '../../../core/pipeline/crash-markers.ts';
import { parking } from '../../../core/pipeline/parking.ts';
import { FakeClock, START } from '../../support/fake-clock.ts';
import { message } from '../../support/messages.ts';
import { RecordingLog } from '../../support/recording-log.ts';

const FAR = START + 60_000;

test('a suspect is tried while no other consumer of the process works', async () => {
  const clock = new FakeClock();
  const state = new MemoryStore({ clock });
  const trials = crashMarkers(state, clock);
  const gate = new SoloGate();
  const working = new Set<string>();
  const seen: string[] = [];
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const consumer = (name: string, wait: Promise<void>) =>
    consume({
      cell: 'cell-1',
      consumer: {
        name,
        async apply() {
          working.add(name);
          seen.push([...working].sort().join(' and '));
          await wait;
          working.delete(name);
        },
      },
      declaration: { tries: 3, crashes: 2, effects: 'derived' },
      ...{ parking: parking({ state, clock }), trials, clock, log: new RecordingLog(), gate },
    });
  // The process has ended while it held this message.
  await trials.mark('rollups', [message('r', { attempt: 2 })]);
  const busy = consumer('device-state', held)([message('a')], FAR);
  const suspect = consumer('rollups', Promise.resolve())([message('r', { attempt: 3 })], FAR);
  for (let turn = 0; turn < 200; turn += 1) await Promise.resolve();
  expect(seen).toEqual(['device-state']);
  release();
  expect(await Promise.all([busy, suspect])).toEqual([[{ status: 'done' }], [{ status: 'done' }]]);
  expect(seen).toEqual(['device-state', 'rollups']);
});
