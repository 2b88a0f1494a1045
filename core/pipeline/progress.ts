// How far relay and replication have come, noted around a bus and a handler that know nothing of it.
import type { Delays } from '../cell/delays.ts';
import type { Bus, BusMessage, DeliveryHandler } from '../ports/bus.ts';

export interface ProgressDeps<Method extends keyof Delays> {
  /** The id of this cell. */
  readonly cell: string;
  readonly delays: Pick<Delays, Method>;
}

/** When this cell accepted the event; `undefined` of one that another cell has accepted, or that is redriven (to all consumers: without an origin): these are not compared. */
export const ownAcceptance = (cell: string, { origin, acceptedAt, consumer }: BusMessage): number | undefined =>
  origin === cell && consumer === undefined ? acceptedAt : undefined;

/** Returns the bus of a relay, which notes what it has published. */
export const notedBus = ({ cell, delays }: ProgressDeps<'published'>, bus: Bus): Bus => ({
  async publish(messages) {
    const outcomes = await bus.publish(messages);
    const events = messages.flatMap((message, index) => {
      const acceptedAt = ownAcceptance(cell, message);
      return acceptedAt === undefined || outcomes[index]?.status !== 'published'
        ? []
        : [{ type: message.event.type, acceptedAt }];
    });
    if (events.length > 0) await delays.published(events);
    return outcomes;
  },
});

/** Returns the handler of `replicate`, which notes how far it has come: also where nothing had to be sent. */
export const notedReplication =
  ({ cell, delays }: ProgressDeps<'passed'>, handler: DeliveryHandler): DeliveryHandler =>
  async (messages, ...more) => {
    const outcomes = await handler(messages, ...more);
    const passed = messages.flatMap((message, index) => {
      const acceptedAt = 'unreadable' in message ? undefined : ownAcceptance(cell, message);
      return acceptedAt === undefined || outcomes[index]?.status !== 'done' ? [] : [acceptedAt];
    });
    if (passed.length > 0) await delays.passed(passed.reduce((newest, each) => Math.max(newest, each)));
    return outcomes;
  };
