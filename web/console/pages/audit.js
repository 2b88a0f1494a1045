// The audit log: who changed what, when and why; newest first.

import { control } from '../api.js';
import { h } from '../dom.js';
import { time } from '../format.js';
import { badge, button, notice, table, td } from '../parts.js';

/** @typedef {import('../app.js').Context} Context */
/** @typedef {import('../../../core/edge/ports/directory-model.ts').AuditEntry} Entry */

const PAGE = 50;

/** Entries that one page of the console holds. */
const MOST = 500;

/** @type {Record<Entry['outcome'], import('../parts.js').Tone>} */
const TONES = { applied: 'good', refused: 'bad', proposed: 'warn' };

/** @param {Context} context */
export function auditPage(context) {
  const { overview, memory } = context;
  // A change of the directory brings new entries.
  if (memory.revision !== overview.revision && memory.isBusy !== true) {
    memory.revision = overview.revision;
    void load(context, 'newest');
  }
  /** @type {Entry[]} */
  const entries = memory.entries ?? [];
  return [
    h('h1', null, 'Audit log'),
    memory.fault === undefined ? null : notice('bad', memory.fault),
    table(
      'Changes of the directory',
      ['Revision', 'When', 'By', 'What', 'Why', 'Outcome', 'Changes'],
      entries.map((entry) => row(context, entry)),
      memory.entries === undefined ? 'Loading…' : 'None.',
    ),
    memory.next == null
      ? null
      : entries.length < MOST
        ? button('Older ones', () => void load(context, 'older'), { disabled: memory.isBusy === true })
        : notice('info', `These are the newest ${MOST}; for more: npx polycell audit.`),
  ];
}

/** @param {Context} context @param {'newest' | 'older'} which */
async function load({ session, memory, redraw }, which) {
  memory.isBusy = true;
  try {
    const cursor = which === 'older' ? memory.next : undefined;
    const query = new URLSearchParams({ limit: String(PAGE), ...(cursor && { cursor }) });
    const page = await control(session, 'GET', `audit?${query}`);
    memory.entries = which === 'older' ? [...memory.entries, ...page.items] : page.items;
    memory.next = page.next;
    memory.fault = undefined;
  } catch (error) {
    memory.fault = /** @type {Error} */ (error).message;
  } finally {
    memory.isBusy = false;
    redraw();
  }
}

/** The command in a line. @param {Entry['command']} command */
function commandOf(command) {
  const { kind, ...fields } = /** @type {Record<string, any>} */ (command);
  const what =
    typeof fields.cell === 'object' ? fields.cell.id : (fields.tenant ?? fields.cell ?? fields.proposal ?? '');
  return `${kind} ${what}`;
}

/** The fields that differ. @param {Entry['changes'][number]} change */
function differences({ kind, id, before, after }) {
  const [was, is] = [before ?? {}, after ?? {}].map((each) => /** @type {Record<string, unknown>} */ (each));
  const names = [...new Set([...Object.keys(was ?? {}), ...Object.keys(is ?? {})])];
  const lines = names
    .filter((name) => name !== 'revision' && JSON.stringify(was?.[name]) !== JSON.stringify(is?.[name]))
    .map((name) => `${name}: ${JSON.stringify(was?.[name]) ?? 'none'} → ${JSON.stringify(is?.[name]) ?? 'none'}`);
  return [`${kind} ${id}${before === null ? ', added' : after === null ? ', removed' : ''}`, ...lines].join('\n');
}

/** @param {Context} context @param {Entry} entry */
function row({ memory, redraw }, { revision, at, actor, reason, command, outcome, refusal, changes }) {
  memory.open ??= new Set();
  const isOpen = memory.open.has(revision);
  return h(
    'tr',
    { key: revision },
    h('th', { scope: 'row', class: 'number' }, revision),
    td(h('time', { datetime: at }, time(at))),
    td(actor),
    td(commandOf(command)),
    td(reason),
    td([
      badge(TONES[outcome], outcome),
      refusal === undefined ? null : h('span', { class: 'sub' }, `${refusal.code}: ${refusal.detail}`),
    ]),
    td(
      changes.length === 0
        ? '–'
        : [
            button(
              isOpen ? 'Hide' : `Show ${changes.length}`,
              () => {
                isOpen ? memory.open.delete(revision) : memory.open.add(revision);
                redraw();
              },
              {
                class: 'small',
                'aria-expanded': String(isOpen),
                'aria-label': `${isOpen ? 'Hide' : `Show ${changes.length}`}: changes of revision ${revision}`,
              },
            ),
            isOpen ? h('pre', null, changes.map(differences).join('\n\n')) : null,
          ],
    ),
  );
}
