// Drills: when something was last proven, and what was missed.

import { control } from '../api.js';
import { h } from '../dom.js';
import { ago, duration, time } from '../format.js';
import { badge, notice, number, table, td } from '../parts.js';

/** @typedef {import('../app.js').Context} Context */
/** @typedef {import('../../../core/edge/ports/drills.ts').DrillRecord} Drill */

/** How often the edge is asked while the page is open, in milliseconds. */
const ASKED_MS = 30_000;

/** @type {Record<Drill['outcome'], import('../parts.js').Tone>} */
const TONES = { passed: 'good', failed: 'bad', inconclusive: 'unsure' };

/** @param {Context} context */
export function drillsPage(context) {
  const { memory, nowMs } = context;
  if (memory.isBusy !== true && nowMs - (memory.askedAt ?? 0) >= ASKED_MS) {
    memory.askedAt = nowMs;
    void load(context);
  }
  /** @type {Drill[]} */
  const drills = memory.drills ?? [];
  return [
    h('h1', null, 'Drills'),
    h(
      'p',
      { class: 'hint' },
      'Each drill that was run against this edge hands over what it has shown; the newest 100 are kept. To run one: npx polycell drill.',
    ),
    memory.fault === undefined ? null : notice('bad', memory.fault),
    table(
      'Drills, the latest first',
      ['Ended', 'Drill', 'Cell', 'Outcome', 'RTO', 'Missed targets', 'By'],
      drills.map((drill) => row(drill, nowMs)),
      memory.drills !== undefined ? 'No drill is known.' : memory.fault === undefined ? 'Loading…' : 'Not known.',
    ),
  ];
}

/** @param {Context} context */
async function load({ session, memory, redraw }) {
  memory.isBusy = true;
  try {
    memory.drills = (await control(session, 'GET', 'drills?limit=100')).items;
    memory.fault = undefined;
  } catch (error) {
    memory.fault = /** @type {Error} */ (error).message;
  } finally {
    memory.isBusy = false;
    redraw();
  }
}

/** @param {Drill} drill @param {number} nowMs */
const row = ({ id, kind, cell, endedAt, outcome, rtoMs, missed, actor }, nowMs) =>
  h(
    'tr',
    { key: id },
    h(
      'th',
      { scope: 'row' },
      h('time', { datetime: endedAt }, time(endedAt)),
      h('span', { class: 'sub' }, ago(Math.max(0, nowMs - Date.parse(endedAt)))),
    ),
    td(kind),
    td(cell ?? '–'),
    td(badge(TONES[outcome], outcome)),
    number(rtoMs === null ? '–' : duration(rtoMs)),
    td(
      missed.length === 0
        ? '–'
        : h(
            'ul',
            null,
            missed.map((text, index) => h('li', { key: index }, text)),
          ),
    ),
    td(actor),
  );
