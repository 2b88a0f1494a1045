// The way of an event as lines of a terminal: a tree with times.
import type { WayStep } from '../local/telemetry/event-way.ts';

/**
 * One line a step: when it began after the first one, how long it took, where, what, and what came of it. An event that came several times, or
 * several events of one id, have several ways, with an empty line in between.
 */
export function wayLines(way: readonly WayStep[]): readonly string[] {
  const ways = way.flatMap((first, index) => [...(index > 0 ? [''] : []), ...linesOf(first, first.startedAt, '', '')]);
  return ['    began     took', ...ways];
}

function linesOf(step: WayStep, first: number, before: string, below: string): string[] {
  const { startedAt, milliseconds, next } = step;
  const times = `${time(startedAt - first)} ${time(milliseconds)}`;
  return [
    `${times}  ${before}${described(step)}`,
    ...next.flatMap((each, index) => {
      const isLast = index === next.length - 1;
      const branch = each.linked ? '╌' : '─';
      return linesOf(each, first, `${below}${isLast ? '└' : '├'}${branch} `, `${below}${isLast ? ' ' : '│'}  `);
    }),
  ];
}

const time = (milliseconds: number): string => `${Math.round(milliseconds)} ms`.padStart(9);

function described({ cell, service, name, attributes, failure }: WayStep): string {
  const place = cell === '' ? service.replace(/^polycell-/, '') : `${cell} ${service.replace(/^polycell-/, '')}`;
  const {
    'http.response.status_code': status,
    'polycell.peer': peer,
    'messaging.batch.message_count': count,
    'error.type': type,
  } = attributes;
  const words = [
    ...(peer === undefined ? [] : [`to ${peer}`]),
    ...(status === undefined ? [] : [String(status)]),
    ...(typeof count === 'number' && count !== 1 ? [`${count} events`] : []),
    ...(failure === undefined ? [] : [`failed: ${typeof type === 'string' ? type : failure}`]),
  ];
  return [`${place}: ${name}`, ...words].join(', ');
}
