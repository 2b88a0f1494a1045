// The CloudEvents 1.0 event as Polycell keeps it, as it is on the bus and as consumers receive it.
import type { Json } from './json.ts';

/** An accepted event: the required attributes are present and well formed, and `data` is valid under its type's schema. */
export interface CloudEvent {
  readonly specversion: '1.0';
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject: string;
  readonly time: string;
  readonly data?: Json;
  readonly datacontenttype?: string;
  readonly dataschema?: string;
  /** W3C trace context: the trace this event continues. */
  readonly traceparent?: string;
  readonly [extension: string]: Json | undefined;
}
