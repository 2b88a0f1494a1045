// The catalog domain: dimensional data of a tenant, its devices and its customers, which all of its cells may write.
import { defineDomain } from '../../domain/domain.ts';
import type { Registers } from '../../replication/register-consumer.ts';
import { registers } from '../../replication/register-consumer.ts';
import { entity } from './entity.ts';
import { validators } from './validators.generated.ts';

export const devices = entity({
  kind: 'device',
  plural: 'devices',
  noun: 'catalog device',
  fields: {
    name: 'What people call it.',
    manufacturer: 'Who made it.',
    model: 'The manufacturer’s name of its type.',
    serial: 'The manufacturer’s number of it.',
    site: 'Where it stands.',
    customer: 'The id of the customer that it belongs to.',
  },
});

export const customers = entity({
  kind: 'customer',
  plural: 'customers',
  noun: 'customer',
  fields: {
    name: 'What people call it.',
    country: 'Its country, by ISO 3166.',
    address: 'Where letters go.',
    email: 'Where messages go.',
    phone: 'Where calls go.',
  },
});

const kinds = [devices, customers] as const;

/** The kind that a subject belongs to. */
const kindOf = (subject: string) => kinds.find(({ registers: { key } }) => key('', subject) !== undefined);

const all: Registers = {
  types: kinds.flatMap(({ registers: { types } }) => types),
  key: (tenant, subject) => kindOf(subject)?.registers.key(tenant, subject),
  project(event) {
    const kind = kindOf(event.subject)?.registers;
    if (kind?.types.includes(event.type) !== true)
      throw new TypeError(`The event ${event.id} of the type ${event.type} has the subject ${event.subject}.`);
    return kind.project(event);
  },
};

export const catalog = defineDomain({
  name: 'catalog',
  description: 'Devices and customers described, changed and removed.',
  events: kinds.flatMap(({ events }) => events),
  validators,
  consumers: [registers({ name: 'catalog', delivery: 'latency', ...all })],
  state: kinds.map(({ partition }) => partition),
  reads: kinds.flatMap(({ reads }) => reads),
  writes: kinds.flatMap(({ writes }) => writes),
  missing: { [devices.missing]: 'Unknown device of the catalogue', [customers.missing]: 'Unknown customer' },
  schemas: {
    CatalogDevice: devices.schemas.item,
    CatalogDeviceFields: devices.schemas.body,
    Customer: customers.schemas.item,
    CustomerFields: customers.schemas.body,
  },
  // Every seventh event removes the device, which the next one describes again.
  sample: (subject, round) => ({
    subject: `device:device-${subject + 1}`,
    ...(round % 7 === 6
      ? { type: 'io.polycell.device-removed.v1', data: {} }
      : {
          type: 'io.polycell.device-described.v1',
          data: { name: `Pump ${subject + 1}`, serial: `1.${round}`, ...(round % 2 === 0 && { site: 'hall 4' }) },
        }),
  }),
});
