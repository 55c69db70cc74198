/** `kuvert admin …`: the administration API from the command line, and nothing else than that API. */
import type { Command } from 'commander';
import { addFactors } from '../admin/factor-commands.ts';
import { addOperations } from '../admin/operation-commands.ts';
import { addPassword } from '../admin/password-commands.ts';
import { addPasskeyCommand, addSignIn } from '../admin/sign-in-commands.ts';
import type { CommandContext } from '../command-context.ts';

const AFTER_HELP = `
Sign in first; the session is kept in a file of yours alone (--session-file, else
KUVERT_ADMIN_SESSION, else ~/.config/kuvert/admin-session.json). Codes and passwords are asked for,
or read as lines from standard input; they are never options.

Examples:
  kuvert admin setup --server https://kuvert.acme.test
  kuvert admin tenants create --name Acme
  kuvert admin tenants appoint --tenant tn_… --mail anna@acme.test
  kuvert admin people create --tenant tn_… --name Ben --mail ben@acme.test
  kuvert admin tokens create --tenant tn_… --person pe_…`;

/** @see buildProgram */
export function addAdmin(program: Command, context: CommandContext): void {
  const admin = program
    .command('admin')
    .description('administer: tenants, people, devices, roles, approvals, by the administration API')
    .helpCommand(false)
    .addHelpText('after', AFTER_HELP);
  addSignIn(admin, context);
  addPassword(admin, context);
  addFactors(admin, context);
  addOperations(admin, context);
  addPasskeyCommand(admin, context);
}
