// The bus's promises about failures of publishing: what is repeated, what is reported, and that nothing is lost.
import { times } from '../contract.ts';
import { type BusClause, faultsOf, Inbox, message, words } from './harness.ts';

const ids = (count: number): string[] => times(count, (index) => `m${String(index).padStart(2, '0')}`);

export const busFaultClauses = {
  'a missing topic is not-found, for every message': async ({ missing }) => {
    if (missing === undefined) throw new TypeError('This clause needs a client of a missing topic.');
    expect(words(await missing.publish(ids(12).map((id) => message(id))))).toStrictEqual(times(12, () => 'not-found'));
  },

  'refused credentials are denied, for every message': async (harness) => {
    faultsOf(harness).deny();
    expect(words(await harness.bus.publish(ids(12).map((id) => message(id))))).toStrictEqual(times(12, () => 'denied'));
  },

  'a bus that cannot be reached is unavailable, and what is published again once it is back arrives': async (
    harness,
  ) => {
    const inbox = new Inbox(harness);
    harness.consume('readings', inbox.handler);
    await faultsOf(harness).disconnect();
    const sent = ids(12).map((id) => message(id));
    expect(words(await harness.bus.publish(sent))).toStrictEqual(times(12, () => 'unavailable'));
    await faultsOf(harness).heal();
    expect(words(await harness.bus.publish(sent))).toStrictEqual(times(12, () => 'published'));
    await inbox.untilAll(ids(12));
    expect(inbox.ids).toStrictEqual(ids(12));
  },

  'throttling within the budget is ridden out, and each message arrives once': async (harness) => {
    const inbox = new Inbox(harness);
    harness.consume('readings', inbox.handler);
    faultsOf(harness).throttle(2);
    expect(words(await harness.bus.publish(ids(5).map((id) => message(id))))).toStrictEqual(
      times(5, () => 'published'),
    );
    await inbox.untilAll(ids(5));
    expect(inbox.ids).toStrictEqual(ids(5));
  },

  'throttling beyond the budget is throttled, for every message': async (harness) => {
    faultsOf(harness).throttle();
    expect(words(await harness.bus.publish(ids(12).map((id) => message(id))))).toStrictEqual(
      times(12, () => 'throttled'),
    );
  },

  'messages that the service refuses for now are repeated alone': async (harness) => {
    const inbox = new Inbox(harness);
    harness.consume('readings', inbox.handler);
    faultsOf(harness).refuse([1, 4], 'for now');
    expect(words(await harness.bus.publish(ids(6).map((id) => message(id))))).toStrictEqual(
      times(6, () => 'published'),
    );
    await inbox.untilAll(ids(6));
    await harness.bus.publish([message('n')]);
    await inbox.untilAll(['n']);
    expect(inbox.ids).toStrictEqual([...ids(6), 'n']);
  },

  'messages that the service refuses for good fail as invalid at once, in their places': async (harness) => {
    const inbox = new Inbox(harness);
    harness.consume('readings', inbox.handler);
    faultsOf(harness).refuse([0, 3], 'for good');
    const outcomes = await harness.bus.publish(ids(5).map((id) => message(id)));
    expect(words(outcomes)).toStrictEqual(['invalid', 'published', 'published', 'invalid', 'published']);
    expect(harness.requests?.()).toBe(1);
    await inbox.untilAll(['m01', 'm02', 'm04']);
    await harness.bus.publish([message('n')]);
    await inbox.untilAll(['n']);
    expect(inbox.ids).toStrictEqual(['m01', 'm02', 'm04', 'n']);
  },

  'a message for which the service refuses whole requests fails alone': async (harness) => {
    const inbox = new Inbox(harness);
    harness.consume('readings', inbox.handler);
    faultsOf(harness).refuseRequestsWith('m05');
    const outcomes = await harness.bus.publish(ids(12).map((id) => message(id)));
    expect(words(outcomes)).toStrictEqual(times(12, (index) => (index === 5 ? 'invalid' : 'published')));
    const others = ids(12).filter((id) => id !== 'm05');
    await inbox.untilAll(others);
    expect(inbox.ids).toStrictEqual(others);
  },

  'messages that are refused for now until the budget ends fail alone, with a code that may be tried again': async (
    harness,
  ) => {
    for (let request = 0; request < 6; request += 1) faultsOf(harness).refuse([0], 'for now');
    const [first, ...others] = await harness.bus.publish(ids(4).map((id) => message(id)));
    expect(words(others)).toStrictEqual(times(3, () => 'published'));
    expect(first?.status === 'failed' && first.error.retryable).toBe(true);
  },

  'messages whose answer was lost are published, perhaps twice': async (harness) => {
    const inbox = new Inbox(harness);
    harness.consume('readings', inbox.handler);
    faultsOf(harness).loseAnswers(1);
    expect(words(await harness.bus.publish(ids(4).map((id) => message(id))))).toStrictEqual(
      times(4, () => 'published'),
    );
    await inbox.untilAll(ids(4));
    for (const id of ids(4)) expect([1, 2]).toContain(inbox.of(id).length);
  },

  'messages whose answers stay lost are unknown-outcome': async (harness) => {
    faultsOf(harness).loseAnswers();
    const outcomes = await harness.bus.publish(ids(4).map((id) => message(id)));
    expect(words(outcomes)).toStrictEqual(times(4, () => 'unknown-outcome'));
  },
} satisfies Record<string, BusClause>;
