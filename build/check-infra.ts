// `npm run check:infra`: checks infra/ without terraform, then with terraform where it is installed. With `--release`, a step that
// was not run fails the check; with `--offline`, terraform is skipped.
import { root } from './bundles.mjs';
import { checkInfra } from './infra/check.ts';
import { modulesBelow } from './infra/modules.ts';
import { runTerraform } from './infra/terraform-run.ts';

const OPTIONS = ['--release', '--offline'];

/** Returns the exit code: 0 if every step that ran passed, 1 if not, 2 for wrong usage. */
export async function main(args: readonly string[]): Promise<number> {
  const unknown = args.find((argument) => !OPTIONS.includes(argument));
  if (unknown !== undefined || (args.includes('--release') && args.includes('--offline'))) {
    process.stderr.write('Usage: npm run check:infra [-- --release | --offline]\n');
    return 2;
  }
  const problems = checkInfra(root);
  for (const { file, line, message } of problems) process.stdout.write(`${file}:${line}: ${message}\n`);
  const modules = modulesBelow(root, 'infra').length;
  process.stdout.write(
    `${problems.length === 0 ? 'ok  ' : 'FAIL'} declarations, roots and ${modules} folders of Terraform: ${problems.length} problems\n`,
  );
  let failed = problems.length > 0;
  let left = 0;
  if (!args.includes('--offline'))
    await runTerraform(root, ({ what, status, detail }) => {
      failed ||= status === 'failed';
      if (status === 'not run') left += 1;
      process.stdout.write(
        status === 'not run'
          ? `not run: ${what}: ${detail}\n`
          : `${status === 'ok' ? 'ok  ' : 'FAIL'} ${what}\n${detail}`,
      );
    });
  if (args.includes('--release') && left > 0) {
    process.stdout.write(`FAIL ${left} steps were not run, which a release may not leave out.\n`);
    failed = true;
  }
  return failed ? 1 : 0;
}
