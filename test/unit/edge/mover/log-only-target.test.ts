// A tenant whose standby is log-only goes to a cell that has derived nothing: reads there must be complete at the switch.
import { UNDERIVED_LIMITS } from '../../../../core/pipeline/underived.ts';
import { movingTenant } from '../../../support/moving-tenant.ts';

/** The tenant acme with a log-only standby, and the events a and b. */
async function moving() {
  const m = await movingTenant();
  await m.change({ kind: 'set-standby-mode', tenant: 'acme', standbyMode: 'log-only' });
  for (const id of ['a', 'b']) await m.send(id);
  /** What a read of the tenant answers where it is served now. */
  const read = async () => {
    const { cell, epoch } = await m.tenant();
    const claims = { ten: 'acme', cel: cell, epo: epoch, iat: m.clock.now() / 1000, exp: m.clock.now() / 1000 + 30 };
    const { status, body } = await m.where.cell(cell).call('/v1/devices/pump-1', { token: { claims } });
    return `${cell} ${status} ${body.readings}`;
  };
  /** Rounds until the move is at this step; its target consumes meanwhile. */
  const until = async (state: string): Promise<readonly string[]> => {
    const problems = new Set<string>();
    for (let rounds = 0; rounds < 60; rounds += 1) {
      await m.where.cell('third').pump();
      const move = await m.shown();
      if (move?.problem) problems.add(move.problem);
      if (move?.state === state) return [...problems];
      if (move !== undefined && move.notBefore > m.clock.now()) m.clock.jump(move.notBefore - m.clock.now());
      await m.round();
    }
    throw new Error(`It does not get to ${state}: ${JSON.stringify(await m.shown())}`);
  };
  return { ...m, read, until };
}

test('the target derives what it has got before it is the home, and the source leaves what comes then', async () => {
  const m = await moving();
  await m.where.cell('home').pump();
  expect(await m.read()).toBe('home 200 2');
  await m.order('third');
  await m.until('following');
  const problems = await m.until('switched');
  expect(problems.join()).toContain('processes of the cell may still leave what comes underived');
  expect(await m.shown()).toMatchObject({ problem: null });
  expect(await m.read()).toBe('third 200 2');
  await m.until('verified');
  await m.send('c');
  await m.where.flow('third');
  m.clock.jump(UNDERIVED_LIMITS.rememberedMs);
  await m.where.cell('home').pump();
  const notes = await m.where.cell('home').stored();
  expect(notes.replicas?.['acme!own!home']?.body).toMatchObject({ leaves: true, underivedSince: expect.any(Number) });
  expect(await m.read()).toBe('third 200 3');
});

test('a move that rests before the switch does not cost a warm standby, and derives what has come when it goes on', async () => {
  const m = await moving();
  await m.order('third', { pauseBefore: 'switched' });
  await m.until('following');
  await m.until('following');
  await m.act('pause');
  m.clock.jump(UNDERIVED_LIMITS.aheadMs);
  await m.send('late');
  await m.where.flow('home');
  await m.where.cell('third').pump();
  expect((await m.where.cell('third').stored()).replicas?.['acme!own!third']?.body).toMatchObject({
    ...{ leaves: true, underivedSince: expect.any(Number), derivesSince: null },
  });
  await m.act('resume');
  await m.until('switched');
  expect(await m.read()).toBe('third 200 3');
});
