// The bad hours of the day: what fails around the cells while events come in.
import { dayReadings } from './day-ingest.ts';
import { ask, type Caller, deed, event, post, type Step, settle } from './recording.ts';

/** For what is answered with 503 as it should be. */
const atOnce = (name: string) => ({ name, patient: false });

const outage: Caller = { tenant: 'outage' };

export function faultSteps(): Step[] {
  const readings = dayReadings(90, 7).map((each) => event(each));
  let taken = 0;
  const patiently = (name: string) => {
    taken += 15;
    return post('faults', outage, readings.slice(taken - 15, taken), { name });
  };
  return [
    settle('initech', 24),
    deed('store throttles'),
    patiently('a batch while the store throttles'),
    deed('store fails some entries'),
    patiently('a batch of which the store fails entries'),
    deed('bus throttles'),
    patiently('a batch while the bus throttles'),
    settle('outage', 45),
    deed('bus goes down'),
    patiently('a batch while the bus is down'),
    deed('bus comes up'),
    patiently('a batch while workers die'),
    deed('kill workers'),
    settle('outage', 75),
    deed('store goes down'),
    post('faults', outage, readings.slice(75, 80), atOnce('events while the store is down')),
    ask('faults', outage, 'GET', '/v1/devices', atOnce('a read while the store is down')),
    ask('faults', outage, 'GET', '/v1/parked', atOnce('parked events while the store is down')),
    ask('faults', { tenant: 'newcomer' }, 'GET', '/v1/devices', atOnce('a new tenant while the store is down')),
    ask('faults', outage, 'GET', '/v1/health?deep=1', atOnce('deep health while the store is down')),
    ask('faults', null, 'GET', '/v1/health', atOnce('health while the store is down')),
    deed('store comes up'),
    patiently('a batch after the outage'),
    settle('outage', 90),
    ask('faults', null, 'GET', '/v1/health', { name: 'health after the outage' }),
  ];
}
