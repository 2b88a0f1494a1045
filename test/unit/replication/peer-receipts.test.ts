// Questions for receipts: how many there are, what an answer must be, what is remembered of cells and tenants, and since when nothing is missing.
import { MemoryStore } from '../../../adapters/memory/memory-store.ts';
import type { Assignment } from '../../../core/cell/assignment.ts';
import { LEASE } from '../../../core/cell/lease.ts';
import { eventKey } from '../../../core/events/cloud-event.ts';
import { claimingConsumer } from '../../../core/pipeline/claiming-consumer.ts';
import { pendingCopies } from '../../../core/pipeline/pending.ts';
import { itemOf, RECEIPT_LIMITS, type ReceiptQuestion } from '../../../core/pipeline/receipts.ts';
import type { DeliveredMessage } from '../../../core/ports/bus.ts';
import type { EpochSeconds } from '../../../core/ports/clock.ts';
import { PortError } from '../../../core/ports/errors.ts';
import { NOTE_LIMITS, replicaNotes } from '../../../core/replication/notes.ts';
import { PeerRefusal } from '../../../core/replication/peer-client.ts';
import { peerReceipts } from '../../../core/replication/peer-receipts.ts';
import { FakeClock, START } from '../../support/fake-clock.ts';
import { countingIds } from '../../support/ids.ts';
import { message } from '../../support/messages.ts';

const FAR = START + 600_000;

function setUp(epoch = 11, copies: 'apply' | 'leave' = 'apply') {
  const clock = new FakeClock();
  const state = new MemoryStore({ clock });
  const notes = replicaNotes(state, clock);
  const cell = (id: string) => ({ id, endpoint: `https://${id}.example`, keys: [] });
  let assignment: Assignment | undefined = {
    ...{ tenant: 'acme', home: cell('home'), standby: cell('standby'), firstEpoch: 10, epoch },
    issuedAt: 0 as EpochSeconds,
  };
  let reads = 0;
  const timeouts: number[] = [];
  const asked: { consumer: string; events: { subject: string; id: string }[] }[] = [];
  let answer: (events: readonly { id: string }[]) => unknown = (events) => events.map(() => 'unclaimed');
  const claiming = claimingConsumer({ name: 'mail', effects: async () => [] }, { state, clock, ids: countingIds() });
  const { name, claimed, claim } = claiming as Required<typeof claiming>;
  const receipts = peerReceipts({
    cell: 'standby',
    consumer: { name, claimed, claim },
    assignments: {
      newest: async () => {
        reads += 1;
        return assignment && { signed: 'signed', assignment };
      },
    },
    notes,
    pending: pendingCopies(state, clock),
    peer: async (address, path, content, timeoutMs) => {
      expect([address.to.id, address.signed, path]).toEqual(['home', 'signed', 'receipts']);
      timeouts.push(timeoutMs);
      const question = content as (typeof asked)[number];
      asked.push(question);
      return { found: { states: answer(question.events) } as never, bytes: 1 };
    },
    copies,
    clock,
  });
  const judge = async (messages: readonly DeliveredMessage[], more: Partial<ReceiptQuestion> = {}) => {
    const question = {
      tenant: 'acme',
      items: messages.map(itemOf),
      hindrance: undefined,
      epoch,
      deadline: FAR,
      ...more,
    };
    const { verdicts, wasAsked } = await receipts.judge(question);
    const said = [...verdicts.values()].map((each) =>
      each === 'apply' || each.status === 'done' ? each : `${each.reason}${each.timedOut ? ' (late)' : ''}`,
    );
    return { said: said.map((each) => (typeof each === 'string' ? each : 'done')), wasAsked };
  };
  return {
    ...{
      clock,
      notes,
      state,
      asked,
      timeouts,
      judge,
      claimed,
      defer: (copies: readonly DeliveredMessage[]) => receipts.defer('acme', copies.map(itemOf)),
    },
    reads: () => reads,
    answers: (next: typeof answer) => {
      answer = next;
    },
    assign: (more: Partial<Assignment> | undefined) => {
      assignment = more && ({ ...assignment, ...more } as Assignment);
    },
  };
}

const copy = (id: string, more = {}) => message(id, { origin: 'home', acceptedAt: START, ...more });
const own = (id: string, more = {}) => message(id, { origin: 'standby', acceptedAt: START, ...more });
const lost = () => {
  throw new PortError('unavailable', 'home: ECONNREFUSED');
};

test('a question names events by subject and key, at most 500 at a time', async () => {
  const { judge, asked } = setUp();
  const many = Array.from({ length: RECEIPT_LIMITS.events + 1 }, (_, index) => copy(`e-${index}`));
  expect((await judge(many)).said).toEqual(many.map(() => 'apply'));
  expect(asked.map(({ events }) => events.length)).toEqual([RECEIPT_LIMITS.events, 1]);
  const first = many[0] as (typeof many)[number];
  expect(asked[0]).toMatchObject({
    consumer: 'mail',
    events: [{ subject: 'pump-1', id: eventKey('acme', first.event).id }, ...Array(499).fill(expect.anything())],
  });
});

test('what has happened is noted, and known also once the other cell is gone', async () => {
  const { judge, answers } = setUp();
  answers(() => ['claimed', 'unclaimed']);
  expect(await judge([copy('a'), copy('b')], { hindrance: 'no lease' })).toEqual({
    said: ['done', 'no lease'],
    wasAsked: true,
  });
  answers(lost);
  expect((await judge([copy('a'), copy('b')], { hindrance: 'no lease' })).said).toEqual(['done', 'no lease']);
});

test('an answer of another form is none', async () => {
  const { judge, answers } = setUp();
  for (const wrong of ['claimed', [], ['claimed', 'claimed']]) {
    answers(() => wrong);
    expect((await judge([copy('a')])).said).toEqual([
      'whether home has had the effect is not known: home answers otherwise than it was asked',
    ]);
  }
  // A state that is not known lets nothing happen, and ends nothing.
  answers(() => ['perhaps']);
  expect((await judge([copy('a')], { hindrance: 'no lease' })).said).toEqual(['no lease']);
});

test('a cell that does not answer is left alone for five seconds; then it is asked again', async () => {
  const { judge, answers, asked, clock } = setUp();
  answers(lost);
  // It stands in for the other one: what that has done is not known.
  expect((await judge([copy('a'), own('b')])).said).toEqual(['apply', 'apply']);
  clock.jump(RECEIPT_LIMITS.pauseMs - 1);
  expect((await judge([copy('a')])).said).toEqual(['apply']);
  expect(asked).toHaveLength(1);
  clock.jump(1);
  answers(() => ['claimed']);
  expect((await judge([copy('a')])).said).toEqual(['done']);
});

test('a home waits for an answer, says why, and does its own where the other cell is of an earlier release', async () => {
  const { judge, answers, assign, clock } = setUp(20);
  const [home, standby] = ['standby', 'home'].map((id) => ({ id, endpoint: `https://${id}.example`, keys: [] }));
  assign({ home: home as never, standby: standby as never, firstEpoch: 20, epoch: 20 });
  answers(lost);
  const why = 'whether home has had the effect is not known: home: ECONNREFUSED';
  expect((await judge([copy('a'), own('b')])).said).toEqual([why, why]);
  clock.jump(RECEIPT_LIMITS.pauseMs);
  answers(() => {
    throw new PeerRefusal(404, 'not_found', 'home answers 404 not_found');
  });
  expect((await judge([copy('a'), own('b')])).said).toEqual([expect.stringContaining('404'), 'apply']);
  clock.jump(RECEIPT_LIMITS.pauseMs);
  answers(() => ['erased', 'parked']);
  expect((await judge([copy('a'), own('b')])).said).toEqual(['home has erased the event, and this cell will', 'apply']);
});

test('a question has no more time than the function has left, and none begins with too little', async () => {
  const { judge, timeouts, clock } = setUp();
  const deadline = clock.now() + RECEIPT_LIMITS.marginMs + RECEIPT_LIMITS.requestMs;
  const said: string[][] = [];
  for (const passedMs of [0, 1, RECEIPT_LIMITS.requestMs - 1 - RECEIPT_LIMITS.leastMs, 1]) {
    clock.jump(passedMs);
    said.push((await judge([copy('a')], { deadline })).said);
  }
  expect(said).toEqual([['apply'], ['apply'], ['apply'], ['the deadline is near (late)']]);
  expect(timeouts).toEqual([RECEIPT_LIMITS.requestMs, RECEIPT_LIMITS.requestMs - 1, RECEIPT_LIMITS.leastMs]);
});

test('a refusal concerns its tenant: others are asked about, and nothing begins as if the cell were lost', async () => {
  const { judge, answers, asked, clock } = setUp();
  answers(() => {
    throw new PeerRefusal(401, 'invalid_peer', 'home answers 401 invalid_peer');
  });
  const why = 'whether home has had the effect is not known: home answers 401 invalid_peer';
  expect((await judge([copy('a')])).said).toEqual([why]);
  clock.jump(RECEIPT_LIMITS.pauseMs - 1);
  expect((await judge([copy('a')])).said).toEqual([why]);
  expect(asked).toHaveLength(1);
  answers(() => ['claimed']);
  expect((await judge([{ ...copy('a'), tenant: 'globex' }], { tenant: 'globex' })).said).toEqual(['done']);
  clock.jump(1);
  expect((await judge([copy('a')])).said).toEqual(['done']);
});

test('while a cell is left alone, what it said stays what it was; and what stands before it says nothing for it', async () => {
  for (const [status, code, said] of [
    [404, 'not_found', 'apply'],
    [503, 'store_unavailable', 'apply'],
    [429, 'quota_exceeded', 'apply'],
    [421, 'misdirected', expect.stringContaining('421')],
    // Gateways and stopped apps answer like this for a cell that is lost.
    [403, undefined, 'apply'],
    [404, undefined, 'apply'],
  ] as const) {
    // An own event of the cell that stands in: an earlier release has not had its effect, a silent cell is lost, and one that refuses is neither.
    const { judge, answers, asked } = setUp();
    answers(() => {
      throw new PeerRefusal(status, code, `home answers ${status}`);
    });
    for (const id of ['a', 'b']) expect((await judge([own(id)])).said).toEqual([said]);
    expect(asked).toHaveLength(1);
  }
});

test('copies of a home of an earlier release are its own matter, until this cell has the lease', async () => {
  const { judge, answers } = setUp();
  answers(() => {
    throw new PeerRefusal(404, 'not_found', 'home answers 404');
  });
  expect((await judge([copy('a')], { hindrance: 'no lease' })).said).toEqual(['done']);
  for (const id of ['a', 'b']) expect((await judge([copy(id)])).said).toEqual([expect.stringContaining('404')]);
});

test('a silence is its tenant’s, and that of two tenants in a row the cell’s, until it answers', async () => {
  const { judge, answers, asked, clock } = setUp();
  const of = async (tenant: string) => {
    const before = asked.length;
    const { said } = await judge([{ ...copy('a'), tenant }], { tenant });
    return [...said, asked.length - before];
  };
  answers(lost);
  expect(await of('acme')).toEqual(['apply', 1]);
  expect(await of('acme')).toEqual(['apply', 0]);
  answers(() => ['claimed']);
  expect(await of('globex')).toEqual(['done', 1]);
  answers(lost);
  expect(await of('initech')).toEqual(['apply', 1]);
  expect(await of('hooli')).toEqual(['apply', 1]);
  answers(() => ['claimed']);
  expect(await of('umbrella')).toEqual(['apply', 0]);
  clock.jump(RECEIPT_LIMITS.pauseMs);
  expect(await of('umbrella')).toEqual(['done', 1]);
});

test('no answer within too little time says nothing of a cell', async () => {
  const { judge, answers, clock, asked } = setUp();
  answers(lost);
  const deadline = clock.now() + RECEIPT_LIMITS.marginMs + RECEIPT_LIMITS.requestMs - 1;
  expect((await judge([copy('a'), own('b')], { deadline })).said).toEqual(Array(2).fill('the deadline is near (late)'));
  answers(() => ['claimed', 'claimed']);
  expect((await judge([copy('a'), own('b')])).said).toEqual(['done', 'done']);
  expect(asked).toHaveLength(2);
});

test('a consumer that the other cell has not has had no effects there', async () => {
  const { judge, answers } = setUp();
  answers(() => ['unknown', 'unknown']);
  expect((await judge([copy('a'), own('b')])).said).toEqual(['apply', 'apply']);
  expect((await judge([copy('a'), own('b')], { hindrance: 'no lease' })).said).toEqual(['no lease', 'no lease']);
});

test('copies that wait are kept, but for those of long ago; not where a log is walked again', async () => {
  const { defer, state, clock } = setUp();
  clock.jump(RECEIPT_LIMITS.pastMs + 1);
  const { acceptedAt: _, ...earlier } = copy('c');
  await defer([copy('a'), earlier, copy('b', { acceptedAt: clock.now() }), copy('d', { consumer: 'mail' })]);
  const { items } = await pendingCopies(state, clock).page(
    { consumer: 'mail', tenant: 'acme', after: null } as never,
    10,
  );
  expect(items.map(({ id }) => id).sort()).toEqual(['b', 'd'].map((id) => eventKey('acme', copy(id).event).id).sort());
  const walking = setUp(11, 'leave');
  await walking.defer([copy('a')]);
  expect((await pendingCopies(walking.state, clock).lists({ limit: 1 })).items).toEqual([]);
});

test('the assignment is read once in five seconds, and again at once if it is not the one of the lease', async () => {
  const { judge, reads, clock, assign } = setUp();
  await judge([copy('a')]);
  clock.jump(RECEIPT_LIMITS.rememberedMs - 1);
  await judge([copy('a')]);
  expect(reads()).toBe(1);
  const untold = 'the cell has not been told yet which cells are the tenant’s under its lease';
  expect([(await judge([copy('a')], { epoch: 13 })).said, reads()]).toEqual([[untold], 2]);
  assign({ epoch: 13 });
  expect([(await judge([copy('a')], { epoch: 13 })).said, reads()]).toEqual([['apply'], 3]);
  clock.jump(RECEIPT_LIMITS.rememberedMs);
  await judge([copy('a')], { epoch: 13 });
  expect(reads()).toBe(4);
});

test('a copy of long ago is left, unless it is redriven', async () => {
  const { judge, clock, asked } = setUp();
  clock.jump(RECEIPT_LIMITS.pastMs);
  expect((await judge([copy('a')], { deadline: clock.now() + 60_000 })).said).toEqual(['apply']);
  clock.jump(1);
  const deadline = clock.now() + 60_000;
  const { acceptedAt: _, ...earlier } = copy('c');
  expect((await judge([copy('a'), earlier], { deadline })).said).toEqual(['done', 'done']);
  expect(asked).toHaveLength(1);
  expect((await judge([copy('a', { consumer: 'mail' })], { deadline })).said).toEqual(['apply']);
});

test('where a log is walked again, copies end with their receipts or without, and nothing else changes', async () => {
  const { judge, answers } = setUp(11, 'leave');
  answers(() => ['unclaimed', 'claimed', 'unclaimed']);
  expect((await judge([copy('a'), copy('b'), own('c')])).said).toEqual(['done', 'done', 'apply']);
  answers(lost);
  expect((await judge([copy('a')])).said).toEqual(['done']);
});

test('a comparison settles under the lease alone, once it began behind it; what is accepted later is not asked about', async () => {
  const { judge, notes, clock, asked } = setUp();
  const heard = (agoMs: number, epoch = 11) => notes.heard('acme', 'home', { agoMs, epoch });
  const isAsked = async (acceptedAt: number) => {
    const before = asked.length;
    expect((await judge([own('a', { acceptedAt })], { deadline: clock.now() + 60_000 })).said).toEqual(['apply']);
    return asked.length > before;
  };
  await heard(0);
  expect(await isAsked(clock.now())).toBe(true);
  const leasedAt = clock.now();
  expect(await notes.receiver('acme', 'home')).toMatchObject({ leasedEpoch: 11, leasedAt, settledAt: null });
  clock.jump(NOTE_LIMITS.leasedMs - 1);
  await heard(0);
  expect((await notes.receiver('acme', 'home'))?.settledAt).toBeNull();
  clock.jump(10);
  await heard(0, 10);
  expect((await notes.receiver('acme', 'home'))?.settledAt).toBeNull();
  clock.jump(10);
  await heard(1);
  const settledAt = clock.now();
  expect((await notes.receiver('acme', 'home'))?.settledAt).toBe(settledAt);
  expect(await isAsked(settledAt + LEASE.skewMs)).toBe(true);
  expect(await isAsked(settledAt + LEASE.skewMs + 1)).toBe(false);
  // Of copies, and of what says no time, nothing is known.
  clock.jump(1000);
  const { acceptedAt: _, ...untimed } = own('b');
  expect((await judge([untimed])).wasAsked).toBe(true);
  // What its relay had parked comes without its cell, which is this one.
  const { origin: __, ...redriven } = own('b', { acceptedAt: settledAt + LEASE.skewMs + 1 });
  expect((await judge([redriven])).wasAsked).toBe(false);
  expect((await judge([copy('c')])).wasAsked).toBe(true);
  // Another lease needs another comparison.
  expect(await notes.leased('acme', 'home', 13)).toMatchObject({ leasedEpoch: 13, settledAt: null });
});
