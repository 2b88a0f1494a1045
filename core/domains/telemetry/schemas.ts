// The JSON Schemas of the built-in domain's event types. The build compiles them; the OpenAPI document shows them.

/** Bounds that keep a device's state small enough to be one document, even if every character takes six bytes in JSON. */
export const READING_LIMITS = { metricCharacters: 128, unitCharacters: 48 } as const;

export const READING_TYPE = 'io.polycell.reading.v1';

/** Event type → the schema of its `data`. An application adds its types here. */
export const eventSchemas = {
  [READING_TYPE]: {
    type: 'object',
    description: 'One measurement of one metric of a device.',
    required: ['metric', 'value'],
    properties: {
      metric: { type: 'string', minLength: 1, maxLength: READING_LIMITS.metricCharacters },
      value: { type: 'number' },
      unit: { type: 'string', maxLength: READING_LIMITS.unitCharacters },
    },
  },
} as const;
