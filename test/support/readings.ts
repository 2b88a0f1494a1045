// Readings for tests, and the straightforward computation of what they must lead to.

export interface TestReading {
  readonly id: string;
  readonly device: string;
  readonly time: string;
  readonly value: number;
  readonly metric: string;
}

/** A reading; what is not given is some default. */
export const reading = (over: Partial<TestReading> & { id: string }): TestReading => ({
  device: 'device-1',
  time: '2026-11-01T10:00:00.000Z',
  value: 1,
  metric: 'temperature',
  ...over,
});

/** A reading as a client posts it. */
export const asEvent = ({ id, device, time, value, metric }: TestReading): Record<string, unknown> => ({
  specversion: '1.0',
  type: 'io.polycell.reading.v1',
  source: 'urn:test',
  id,
  subject: device,
  time,
  data: { metric, value, unit: 'Cel' },
});

/** Readings of some devices, one a second each, with values that doubles add up exactly. */
export function manyReadings(count: number, devices: number, prefix = 'r'): TestReading[] {
  const start = Date.UTC(2026, 10, 1, 9, 58, 30);
  return Array.from({ length: count }, (_, index) =>
    reading({
      id: `${prefix}-${index}`,
      device: `device-${index % devices}`,
      time: new Date(start + Math.floor(index / devices) * 1000).toISOString(),
      value: ((index * 37) % 400) / 4,
    }),
  );
}

export interface ExpectedRollup {
  count: number;
  min: number;
  max: number;
  sum: number;
  last: number;
}

/** Rollups by device and window start, added up one by one in the order of time. */
export function expectedRollups(readings: readonly TestReading[], widthMs: number): Map<string, ExpectedRollup> {
  const rollups = new Map<string, ExpectedRollup>();
  for (const { device, time, value } of [...readings].sort((a, b) => Date.parse(a.time) - Date.parse(b.time))) {
    const start = new Date(Math.floor(Date.parse(time) / widthMs) * widthMs).toISOString();
    const key = `${device} ${start}`;
    const known = rollups.get(key);
    if (known === undefined) rollups.set(key, { count: 1, min: value, max: value, sum: value, last: value });
    else {
      known.count += 1;
      known.min = Math.min(known.min, value);
      known.max = Math.max(known.max, value);
      known.sum += value;
      known.last = value;
    }
  }
  return rollups;
}
