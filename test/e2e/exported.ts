// The ids of a device's events in an export of its tenant.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';

/** @param at runs a command of the CLI against the stack */
export async function exported(
  at: (...args: string[]) => Promise<{ readonly code: number | null }>,
  tenant: string,
  device: string,
): Promise<string[]> {
  const folder = await mkdtemp(path.join(tmpdir(), 'polycell-export-'));
  try {
    expect(await at('export', '--tenant', tenant, '--to', folder)).toMatchObject({ code: 0 });
    const files = (await readdir(folder)).filter((name) => name.startsWith('events-'));
    const texts = files.map(async (name) => gunzipSync(await readFile(path.join(folder, name))).toString('utf8'));
    const lines = (await Promise.all(texts)).flatMap((text) => text.trim().split('\n'));
    const events = lines.map((line) => (JSON.parse(line) as { event: { id: string; subject: string } }).event);
    return events.filter(({ subject }) => subject === device).map(({ id }) => id);
  } finally {
    await rm(folder, { recursive: true });
  }
}
