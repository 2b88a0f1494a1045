// Parked events of a tenant, grouped by why they are parked; what is redriven or dropped is exactly what is shown and ticked.

import { control } from '../api.js';
import { h } from '../dom.js';
import { time } from '../format.js';
import { button, counted, notice, parkedOf, table, td } from '../parts.js';

/** @typedef {import('../app.js').Context} Context */
/** @typedef {{ id: string, consumer: string, parkedAt: string, reason: { code: string, message: string }, event?: any, text?: string, withheld?: true }} Parked */
/** @typedef {{ key: string, consumer: string, code: string, message: string, events: Parked[] }} Group */

/** Events that are loaded; what is behind them comes when these are gone. */
const LOADED = 500;
const PAGE = 100;

/** Ids that one redrive takes; the cell's limit. */
const IDS_AT_ONCE = 100;

/** The scope that shows what events say, besides that they exist. */
const PAYLOADS = 'tenants.read';

/** @param {string} tenant @param {string} path */
const pathOf = (tenant, path) => `tenants/${encodeURIComponent(tenant)}/api/v1/parked${path}`;

/** @param {Context} context */
export function parkedPage(context) {
  const { overview, id, memory, session } = context;
  const cells = overview.cells.items.filter(({ measured }) => measured?.parked.some(({ parked }) => parked > 0));
  if (memory.of !== id) {
    Object.assign(memory, {
      of: id,
      events: undefined,
      fault: undefined,
      result: undefined,
      left: new Set(),
      sure: undefined,
      open: new Set(),
    });
    if (id !== '' && session.may('tenants.operate')) void load(context);
  }
  return [
    h('h1', null, 'Parked events'),
    h(
      'p',
      { class: 'hint' },
      cells.length === 0
        ? 'No cell reports parked events. '
        : `Parked in ${cells.map((cell) => `${cell.id}: ${parkedOf(cell)}`).join(', ')}. `,
      'They are a tenant’s, so choose one to see them.',
    ),
    h(
      'p',
      { class: 'row' },
      h('label', { for: 'tenant' }, 'Tenant'),
      h(
        'select',
        {
          id: 'tenant',
          onchange: (/** @type {Event} */ event) => {
            location.hash = `#/parked/${/** @type {HTMLSelectElement} */ (event.target).value}`;
          },
        },
        h('option', { value: '', selected: id === '' }, 'Choose one'),
        overview.tenants.items.map(({ id: tenant }) =>
          h('option', { key: tenant, value: tenant, selected: tenant === id }, tenant),
        ),
      ),
      id === '' ? null : button('Look again', () => void load(context), { disabled: memory.isBusy === true }),
    ),
    session.may('tenants.operate')
      ? null
      : notice('info', 'Your token lacks the scope tenants.operate, which shows what is parked.'),
    memory.fault === undefined ? null : notice('bad', memory.fault),
    h(
      'div',
      { 'aria-live': 'polite', id: 'result', tabindex: -1 },
      memory.result === undefined ? null : notice(memory.result.missed === 0 ? 'good' : 'warn', memory.result.text),
    ),
    id !== '' && memory.events === undefined && memory.fault === undefined && session.may('tenants.operate')
      ? h('p', null, 'Loading…')
      : null,
    memory.events === undefined ? null : groupsOf(memory.events).map((group) => groupCard(context, group)),
    memory.events?.length === 0 ? notice('good', `Nothing of ${id} is parked.`) : null,
    memory.more === true ? notice('info', `Only the first ${LOADED} are shown, and only these can be acted on.`) : null,
  ];
}

/** @param {Context} context */
async function load(context) {
  const { id, session, memory, redraw } = context;
  memory.isBusy = true;
  redraw();
  try {
    /** @type {Parked[]} */
    const events = [];
    let cursor = null;
    do {
      const query = new URLSearchParams({ limit: String(PAGE), ...(cursor !== null && { cursor }) });
      const page = await control(session, 'GET', pathOf(id, `?${query}`));
      events.push(...page.items);
      cursor = page.next;
    } while (cursor !== null && events.length < LOADED);
    if (memory.of === id) Object.assign(memory, { events, more: cursor !== null, fault: undefined });
  } catch (error) {
    if (memory.of === id) memory.fault = /** @type {Error} */ (error).message;
  } finally {
    memory.isBusy = false;
    redraw();
  }
}

/** @param {Parked[]} events @returns {Group[]} */
function groupsOf(events) {
  /** @type {Map<string, Group>} */
  const groups = new Map();
  for (const event of events) {
    const { consumer, reason } = event;
    const key = JSON.stringify([consumer, reason.code, reason.message]);
    const group = groups.get(key) ?? { key, consumer, ...reason, events: [] };
    group.events.push(event);
    groups.set(key, group);
  }
  return [...groups.values()].sort((a, b) => b.events.length - a.events.length);
}

/** @param {Context} context @param {Group} group */
function groupCard(context, group) {
  const { memory, redraw, session } = context;
  const { key, consumer, code, message, events } = group;
  // What is unticked is left out; what arrives later is not in the list, so it cannot be acted on.
  const chosen = events.filter(({ id }) => !memory.left.has(id));
  const sendable = chosen.filter(({ event }) => event !== undefined);
  const sure = memory.sure?.key === key ? memory.sure : undefined;
  const progress = memory.progress?.key === key ? memory.progress : undefined;
  const isBusy = memory.isBusy === true;
  /** @param {'redrive' | 'drop'} what @param {Parked[]} some */
  const prepare = (what, some) => () => {
    memory.sure = { key, what, ids: some.map(({ id }) => id) };
    redraw('sure');
  };
  return h(
    'section',
    { class: 'card', key, 'aria-label': `${consumer}: ${code}` },
    h(
      'h2',
      null,
      consumer,
      h('span', { class: 'tag' }, code),
      h('span', { class: 'count' }, counted(events.length, 'event')),
    ),
    h('p', { class: 'mono' }, message),
    eventsTable(context, group),
    progress !== undefined
      ? h(
          'p',
          { role: 'status' },
          `${progress.what === 'drop' ? 'Dropping' : 'Sending'}: ${progress.done} of ${progress.of}…`,
        )
      : sure === undefined
        ? h(
            'p',
            { class: 'row' },
            button(`Redrive ${counted(sendable.length, 'event')}…`, prepare('redrive', sendable), {
              class: 'primary',
              disabled: isBusy || sendable.length === 0,
            }),
            button(`Drop ${counted(chosen.length, 'event')}…`, prepare('drop', chosen), {
              disabled: isBusy || chosen.length === 0,
            }),
            chosen.length > sendable.length
              ? h(
                  'span',
                  { class: 'hint' },
                  `${counted(chosen.length - sendable.length, 'unreadable message')} cannot be sent again.`,
                )
              : null,
          )
        : h(
            'p',
            { class: 'row' },
            button(
              sure.what === 'drop'
                ? `Yes, remove ${counted(sure.ids.length, 'event')} for good`
                : `Yes, send ${counted(sure.ids.length, 'event')} to ${consumer} again`,
              () => void act(context, consumer, sure),
              { class: sure.what === 'drop' ? 'danger' : 'primary', id: 'sure', disabled: isBusy },
            ),
            button('Cancel', () => {
              memory.sure = undefined;
              redraw();
            }),
          ),
    session.may(PAYLOADS)
      ? null
      : h('p', { class: 'hint' }, `What the events say is hidden: your token lacks the scope ${PAYLOADS}.`),
  );
}

/** @param {Context} context @param {Group} group */
function eventsTable({ memory, redraw }, { events, consumer, code }) {
  const all = events.every(({ id }) => !memory.left.has(id));
  const none = events.every(({ id }) => memory.left.has(id));
  /** @param {Parked[]} some @param {boolean} isChosen */
  const choose = (some, isChosen) => {
    for (const { id } of some) isChosen ? memory.left.delete(id) : memory.left.add(id);
    memory.sure = undefined;
    redraw();
  };
  return [
    h(
      'p',
      { class: 'row' },
      h(
        'label',
        null,
        h('input', {
          type: 'checkbox',
          checked: all,
          indeterminate: !all && !none,
          onchange: () => choose(events, !all),
        }),
        ' All of this group',
      ),
    ),
    table(
      `Events of ${consumer}, ${code}`,
      ['', 'Parked', 'Subject', 'Type', 'Event', 'Content'],
      events.map((parked) => {
        const { id, parkedAt, event, text } = parked;
        const isOpen = memory.open.has(id);
        return h(
          'tr',
          { key: id },
          td(
            h('input', {
              type: 'checkbox',
              'aria-label': `Choose ${event?.id ?? id}`,
              checked: !memory.left.has(id),
              onchange: () => choose([parked], memory.left.has(id)),
            }),
          ),
          td(h('time', { datetime: parkedAt }, time(parkedAt))),
          td(event?.subject ?? '–'),
          td(event?.type ?? 'unreadable'),
          td(event?.id ?? id),
          td(
            parked.withheld !== true
              ? [
                  button(
                    isOpen ? 'Hide' : 'Show',
                    () => {
                      isOpen ? memory.open.delete(id) : memory.open.add(id);
                      redraw();
                    },
                    {
                      class: 'small',
                      'aria-expanded': String(isOpen),
                      'aria-label': `${isOpen ? 'Hide' : 'Show'} ${event?.id ?? id}`,
                    },
                  ),
                  isOpen
                    ? h(
                        'pre',
                        null,
                        event === undefined
                          ? (text ?? '')
                          : JSON.stringify(event.data ?? event.data_base64 ?? null, null, 2),
                      )
                    : null,
                ]
              : 'hidden',
          ),
        );
      }),
    ),
  ];
}

/** Acts on these ids and no others, and says what became of each. @param {Context} context @param {string} consumer @param {{ key: string, what: 'redrive' | 'drop', ids: string[] }} sure */
async function act(context, consumer, { key, what, ids }) {
  const { id: tenant, session, memory, redraw, refresh } = context;
  Object.assign(memory, {
    isBusy: true,
    sure: undefined,
    result: undefined,
    progress: { key, what, done: 0, of: ids.length },
  });
  redraw();
  let done = 0;
  let missed = 0;
  let fault;
  try {
    const step = what === 'redrive' ? IDS_AT_ONCE : 1;
    for (let from = 0; from < ids.length; from += step) {
      const some = ids.slice(from, from + step);
      const [good, bad] =
        what === 'redrive' ? await redrive(session, tenant, consumer, some) : await drop(session, tenant, some);
      done += good;
      missed += bad;
      memory.progress = { key, what, done: done + missed, of: ids.length };
      redraw();
    }
  } catch (error) {
    fault = /** @type {Error} */ (error).message;
  }
  const verb = what === 'redrive' ? 'sent again' : 'removed';
  const rest = ids.length - done - missed;
  const text = [
    `${counted(done, 'event')} ${verb}.`,
    missed > 0 ? `${counted(missed, 'event')} not found, or not sendable: another operator may have been faster.` : '',
    rest > 0 ? `${counted(rest, 'event')} not reached. ${fault ?? ''}` : '',
  ].join(' ');
  Object.assign(memory, { progress: undefined, isBusy: false, result: { text, missed: missed + rest } });
  await load(context);
  redraw('result');
  refresh();
}

/** @param {Context['session']} session @param {string} tenant @param {string} consumer @param {string[]} ids */
async function redrive(session, tenant, consumer, ids) {
  const { redriven, failed } = await control(session, 'POST', pathOf(tenant, '/redrive'), { consumer, ids });
  return [redriven, failed];
}

/** @param {Context['session']} session @param {string} tenant @param {string[]} ids one of them */
async function drop(session, tenant, [id = '']) {
  try {
    await control(session, 'DELETE', pathOf(tenant, `/${encodeURIComponent(id)}`));
    return [1, 0];
  } catch (error) {
    if (/** @type {{ status?: number }} */ (error).status === 404) return [0, 1];
    throw error;
  }
}
