// Failover: choose a cell, see what it would change, confirm exactly that, and watch how long it takes.

import { control } from '../api.js';
import { h } from '../dom.js';
import { badge, button, counted, notice, number, stateOf, table, td } from '../parts.js';
import { timeline } from './timeline.js';

/** @typedef {import('../app.js').Context} Context */

/** Changed records that are listed. */
const SHOWN = 20;

/** While cells are being compared, it is asked for again after this, in milliseconds. */
const AGAIN_MS = 2000;

/** @param {Context} context */
export function failoverPage(context) {
  const { overview, id, memory } = context;
  const { items } = overview.cells;
  const cell = items.find((each) => each.id === id);
  const isDown = cell?.state === 'down';
  if (memory.cell !== id)
    Object.assign(memory, {
      cell: id,
      preview: undefined,
      isPreviewing: false,
      fault: undefined,
      done: undefined,
      isSure: false,
    });
  // A preview says what is so now: it is made anew when the cell has changed.
  const mark = `${id} ${cell?.state}`;
  const isWaiting =
    memory.fault?.code === 'not_caught_up' && !memory.isPreviewing && performance.now() - memory.askedAt >= AGAIN_MS;
  if (cell !== undefined && (memory.mark !== mark || isWaiting)) {
    memory.mark = mark;
    void preview(context, isDown);
  }
  const mine = overview.failovers.filter((each) => each.cell === id);
  return [
    h('h1', null, 'Failover'),
    h(
      'p',
      { class: 'row' },
      h('label', { for: 'cell' }, 'Cell'),
      h(
        'select',
        {
          id: 'cell',
          onchange: (/** @type {Event} */ event) => {
            location.hash = `#/failover/${/** @type {HTMLSelectElement} */ (event.target).value}`;
          },
        },
        h('option', { value: '', selected: cell === undefined }, 'Choose one'),
        items.map((each) =>
          h('option', { key: each.id, value: each.id, selected: each.id === id }, `${each.id} (${stateOf(each)[1]})`),
        ),
      ),
      cell === undefined ? null : badge(...stateOf(cell)),
    ),
    cell === undefined
      ? h('p', { class: 'hint' }, 'You see what would change before anything does.')
      : effect(context, isDown),
    mine.length === 0 ? null : h('h2', null, `Failovers of ${id}`),
    mine.map((each) => timeline(each)),
  ];
}

/** Where the change is asked for. @param {string} id @param {boolean} isDown */
const pathOf = (id, isDown) => (isDown ? `failovers/${encodeURIComponent(id)}/back` : 'failovers');

/** @param {Context} context @param {boolean} isDown */
const bodyOf = ({ id, memory }, isDown) => ({
  reason: memory.reason || `${isDown ? 'failback' : 'failover'} from the console`,
  ...(isDown ? {} : { cell: id, ...(memory.partial ? { partial: true } : {}) }),
});

/** `before`: why the preview before this one is void. @param {Context} context @param {boolean} isDown @param {unknown} [before] */
async function preview(context, isDown, before) {
  const { id, session, memory, redraw } = context;
  Object.assign(memory, { isPreviewing: true, isSure: false, askedAt: performance.now() });
  /** Another cell may have been chosen meanwhile. */
  const isCurrent = () => memory.cell === id;
  try {
    const found = await control(session, 'POST', `${pathOf(id, isDown)}?dryRun=1`, bodyOf(context, isDown));
    if (isCurrent()) Object.assign(memory, { preview: found, previewOf: isDown ? 'back' : 'over', fault: before });
  } catch (error) {
    if (isCurrent()) Object.assign(memory, { preview: undefined, fault: error });
  } finally {
    if (isCurrent()) memory.isPreviewing = false;
    redraw();
  }
}

/** Does what was previewed, or nothing: it carries the revision of the preview. @param {Context} context @param {boolean} isDown */
async function apply(context, isDown) {
  const { id, session, memory, redraw, refresh } = context;
  memory.isApplying = true;
  redraw();
  try {
    const query = `ifRevision=${memory.preview.revision}`;
    const outcome = await control(session, 'POST', `${pathOf(id, isDown)}?${query}`, bodyOf(context, isDown));
    Object.assign(memory, { done: { ...outcome, isDown }, fault: undefined, isSure: false });
  } catch (error) {
    memory.fault = error;
    if (/** @type {{ code?: string }} */ (error).code === 'changed_meanwhile') void preview(context, isDown, error);
  } finally {
    memory.isApplying = false;
    redraw('done');
    refresh();
  }
}

/** @param {Context} context @param {boolean} isDown */
function effect(context, isDown) {
  const { id, memory, redraw, session } = context;
  const { preview: found, fault, isPreviewing, isSure, isApplying, done } = memory;
  const verb = isDown ? 'Fail back' : 'Fail over';
  const changesNothing = found?.status === 'unchanged';
  const isRight = found !== undefined && memory.previewOf === (isDown ? 'back' : 'over');
  return h(
    'section',
    { class: 'card', 'aria-labelledby': 'effect', key: `effect ${id}` },
    h('h2', { id: 'effect' }, isDown ? `What failing ${id} back would do` : `What failing ${id} over would do`),
    done === undefined
      ? null
      : h(
          'p',
          { class: 'notice good', id: 'done', tabindex: -1, key: 'done' },
          `${done.isDown ? 'Failed back' : 'Failed over'}: ${counted(done.movedTenants, 'tenant')} moved, at revision ${done.revision}. `,
          ...done.notes.map((/** @type {string} */ note) => `${note} `),
        ),
    fault === undefined
      ? null
      : notice(
          fault.code === 'not_caught_up' ? 'info' : 'bad',
          fault.code === 'changed_meanwhile'
            ? 'The directory has changed since the preview, so nothing was done. Look at the new one.'
            : fault.message,
        ),
    isPreviewing && !isRight ? h('p', null, 'Asking the directory…') : null,
    isRight
      ? [
          h(
            'p',
            { class: 'lead' },
            h('strong', null, counted(found.movedTenants, 'tenant')),
            isDown ? ' would go back to this cell.' : ' would go to the standby.',
            changesNothing ? ' Nothing would change.' : '',
          ),
          found.notes.length === 0
            ? null
            : h(
                'ul',
                null,
                found.notes.map((/** @type {string} */ note) => h('li', { key: note }, note)),
              ),
          movedTable(context, isDown),
          h(
            'p',
            { class: 'hint' },
            `As of revision ${found.revision}. If anything changes before you confirm, nothing is done.`,
          ),
        ]
      : null,
    h(
      'p',
      { class: 'row' },
      h('label', { for: 'reason' }, 'Reason, for the audit log'),
      h('input', {
        id: 'reason',
        type: 'text',
        maxlength: 200,
        value: memory.reason ?? '',
        placeholder: isDown ? 'it is well again' : 'its region is down',
        oninput: (/** @type {Event} */ event) => {
          memory.reason = /** @type {HTMLInputElement} */ (event.target).value;
        },
      }),
    ),
    isDown || !(memory.partial || fault?.code === 'standby_unavailable')
      ? null
      : h(
          'p',
          { class: 'row' },
          h('input', {
            id: 'partial',
            type: 'checkbox',
            checked: memory.partial === true,
            onchange: (/** @type {Event} */ event) => {
              memory.partial = /** @type {HTMLInputElement} */ (event.target).checked;
              void preview(context, isDown);
            },
          }),
          h('label', { for: 'partial' }, 'Even if some tenants have no standby that can serve them: those go unserved'),
        ),
    session.may('control.write')
      ? h(
          'p',
          { class: 'row' },
          isSure
            ? [
                button(
                  `Yes, ${verb.toLowerCase()} ${id} now: ${counted(found?.movedTenants ?? 0, 'tenant')}`,
                  () => void apply(context, isDown),
                  { class: 'danger', id: 'sure', key: 'sure', disabled: isApplying || !isRight },
                ),
                button(
                  'Cancel',
                  () => {
                    memory.isSure = false;
                    redraw('first');
                  },
                  { key: 'cancel' },
                ),
              ]
            : button(
                `${verb} ${id}…`,
                () => {
                  memory.isSure = true;
                  memory.done = undefined;
                  redraw('sure');
                },
                { class: 'primary', id: 'first', key: 'first', disabled: !isRight || changesNothing || isApplying },
              ),
        )
      : notice('info', 'Your token lacks the scope control.write, so this page only shows.'),
  );
}

/** @param {Context} context @param {boolean} isDown */
function movedTable({ overview, id }, isDown) {
  const tenants = overview.tenants.items.filter(({ cell }) => cell === id);
  if (tenants.length === 0) return null;
  const stateOfCell = new Map(overview.cells.items.map((cell) => [cell.id, cell]));
  return table(
    tenants.length > SHOWN ? `The first ${SHOWN} of its ${tenants.length} tenants` : 'Its tenants',
    ['Tenant', 'Served by now', 'Would be served by', 'Epoch'],
    tenants.slice(0, SHOWN).map(({ id: tenant, standby, servedBy, epoch }) => {
      const next = isDown ? id : standby;
      const target = next === null ? undefined : stateOfCell.get(next);
      const canServe = target !== undefined && (isDown || target.state !== 'down');
      return h(
        'tr',
        { key: tenant },
        h('th', { scope: 'row' }, tenant),
        td(servedBy ?? 'none'),
        td(canServe ? (next ?? '') : badge('bad', next === null ? 'none: no standby' : `none: ${next} is down`)),
        number(epoch === null ? '–' : `${epoch.toLocaleString()} → ${(epoch + 1).toLocaleString()}`),
      );
    }),
  );
}
