/** `kuvert group`: groups of people, made, changed, left and looked at. */
import { createHash } from 'node:crypto';
import { type GroupLogLine, type GroupView, harmlessName } from '@kuvert/client-core';
import { fileTarget, type Profile } from '@kuvert/client-core/node';
import { type GroupPicture, type GroupRole, KuvertError, mailAddress, type PersonId } from '@kuvert/protocol';
import { type Command, Option } from 'commander';
import { type CommandContext, finishCommand, profileCommand } from '../command-context.ts';
import { FailureAbout, UsageError } from '../failure.ts';
import { type GroupTexts, groupTextsIn } from '../group-texts.ts';
import { localTime } from '../message-view.ts';
import { changeSentence } from '../notice-view.ts';
import type { Output } from '../output.ts';
import { flushIfReachable, type ProfileOptions, refreshedGroup, withProfile } from '../profile-session.ts';
import { groupPictureOf } from '../sending.ts';
import { showLine } from '../terminal-text.ts';

const AFTER_HELP = `
A group is named by its title or its id (gr_…).

Examples:
  kuvert group create Release --with ben@acme.test cleo@acme.test --profile anna --secret-file anna.secret
  kuvert send --group Release --text 'Hello all' --profile anna --secret-file anna.secret
  kuvert group remove Release ben@acme.test --profile anna --secret-file anna.secret
  kuvert group log Release --profile anna --secret-file anna.secret`;

type Change = (profile: Profile, group: GroupView) => Promise<GroupView>;

/** @see buildProgram */
export function addGroup(program: Command, context: CommandContext): void {
  const group = program
    .command('group')
    .description('groups: make one, add and remove people, leave, look at its log')
    .helpCommand(false)
    .addHelpText('after', AFTER_HELP);
  addCreate(group, context);
  addList(group, context);
  addLog(group, context);
  addPeople(group, context, 'add', 'add people', (profile, { groupId }, mails) =>
    profile.groups.add(groupId, mails),
  );
  addPeople(
    group,
    context,
    'remove',
    'take people out; they get nothing new',
    (profile, { groupId }, mails) => profile.groups.remove(groupId, mails),
  );
  addRole(group, context);
  addTitle(group, context);
  addPicture(group, context);
  addEnd(group, context, 'leave', 'leave a group', (profile, { groupId }) => profile.groups.leave(groupId));
  addEnd(group, context, 'dissolve', 'end a group for everybody', (profile, { groupId }) =>
    profile.groups.dissolve(groupId),
  );
}

function addCreate(group: Command, context: CommandContext): void {
  const command = group
    .command('create')
    .description('make a group of yourself and others; you administer it')
    .argument('<title>', 'what it is called; only its members can read that')
    .option('--with <mail...>', "the others' mail addresses; they can also be added later");
  profileCommand(command).action((title: string, options: ProfileOptions & { with?: string[] }) => {
    const { output } = context;
    const mails = (options.with ?? []).map(readMail);
    return withProfile(options, output, async (profile) => {
      await profile.connect();
      const made = await namingWhoIsUnknown(mails, profile.groups.create(title, mails));
      await output.result(groupJson(made, profile), () =>
        groupTextsIn(output.language).created(showLine(made.title), made.groupId, made.members.length),
      );
      await flushIfReachable(profile);
    });
  });
  finishCommand(command, [
    'kuvert group create Release --with ben@acme.test --profile anna --secret-file anna.secret',
  ]);
}

function addList(group: Command, context: CommandContext): void {
  const command = group.command('list').description('show your groups and who is in them');
  profileCommand(command).action((options: ProfileOptions) => {
    const { output } = context;
    return withProfile(options, output, async (profile) => {
      const isOnline = await flushIfReachable(profile);
      if (!isOnline) await output.notice('server_unreachable', output.texts.offlineLocal());
      const groups = profile.groups.list();
      if (isOnline) for (const { groupId } of groups) await profile.groups.learnNames(groupId);
      for (const one of profile.groups.list())
        await output.result(groupJson(one, profile), () => groupText(one, profile, output));
      if (groups.length === 0) await output.progress(groupTextsIn(output.language).none());
    });
  });
  finishCommand(command, ['kuvert group list --profile anna --secret-file anna.secret --json']);
}

function addLog(group: Command, context: CommandContext): void {
  const command = group
    .command('log')
    .description('who did what in a group, as its members have signed it')
    .argument('<group>', 'title or id');
  profileCommand(command).action((name: string, options: ProfileOptions) => {
    const { output } = context;
    return withProfile(options, output, async (profile) => {
      if (!(await flushIfReachable(profile)))
        await output.notice('server_unreachable', output.texts.offlineLocal());
      const names = await namesOf(profile);
      const { groupId } = profile.groups.find(name);
      for (const line of profile.groups.log(groupId)) {
        await output.result(logJson(line), () => logText(line, { names, output, profile }));
      }
    });
  });
  finishCommand(command, ['kuvert group log Release --profile anna --secret-file anna.secret']);
}

function addPeople(
  group: Command,
  context: CommandContext,
  name: 'add' | 'remove',
  description: string,
  change: (profile: Profile, group: GroupView, mails: readonly string[]) => Promise<GroupView>,
): void {
  const command = group
    .command(name)
    .description(description)
    .argument('<group>', 'title or id')
    .argument('<mail...>', 'mail addresses');
  profileCommand(command).action((title: string, mails: string[], options: ProfileOptions) => {
    const checked = mails.map(readMail);
    return changeOne(context, options, title, (profile, found) =>
      namingWhoIsUnknown(checked, change(profile, found, checked)),
    );
  });
  finishCommand(command, [
    `kuvert group ${name} Release ben@acme.test --profile anna --secret-file anna.secret`,
  ]);
}

function addRole(group: Command, context: CommandContext): void {
  const command = group
    .command('role')
    .description('let people administer the group, or no longer')
    .argument('<group>', 'title or id')
    .argument('<mail...>', 'mail addresses')
    .addOption(new Option('--as <role>', 'what they are').choices(['admin', 'member']).makeOptionMandatory());
  profileCommand(command).action(
    (title: string, mails: string[], options: ProfileOptions & { as: GroupRole }) => {
      const checked = mails.map(readMail);
      const texts = groupTextsIn(context.output.language);
      return changeOne(
        context,
        options,
        title,
        (profile, { groupId }) =>
          namingWhoIsUnknown(checked, profile.groups.setRole(groupId, checked, options.as)),
        (present, after) => roleWords(after, checked, { role: options.as, texts, title: present }),
      );
    },
  );
  finishCommand(command, [
    'kuvert group role Release ben@acme.test --as admin --profile anna --secret-file anna.secret',
  ]);
}

function addTitle(group: Command, context: CommandContext): void {
  const command = group
    .command('title')
    .description('give a group another title')
    .argument('<group>', 'title or id')
    .argument('<title>', 'the new title');
  profileCommand(command).action((name: string, title: string, options: ProfileOptions) =>
    changeOne(
      context,
      options,
      name,
      (profile, { groupId }) => profile.groups.setTitle(groupId, title),
      (present) => groupTextsIn(context.output.language).titled(present),
    ),
  );
  finishCommand(command, ["kuvert group title Release 'Release 2' --profile anna --secret-file anna.secret"]);
}

function addPicture(group: Command, context: CommandContext): void {
  const command = group
    .command('picture')
    .description('give a group a picture, take it away, or save it')
    .argument('<group>', 'title or id')
    .argument('[path]', 'a JPEG or PNG file; a small picture is made of it here')
    .option('--off', 'take the picture away')
    .option('--save <folder>', 'save the picture in this folder');
  type Options = ProfileOptions & { off?: true; save?: string };
  profileCommand(command).action(async (name: string, path: string | undefined, options: Options) => {
    const wanted = [path, options.off, options.save].filter((one) => one !== undefined);
    if (wanted.length !== 1) {
      throw new UsageError({
        en: 'Give a path, --off or --save; see --help.',
        de: 'Bitte einen Pfad, --off oder --save angeben; siehe --help.',
      });
    }
    if (options.save !== undefined) return savePicture(context, options, name, options.save);
    const picture = path === undefined ? undefined : await groupPictureOf(path);
    await changeOne(
      context,
      options,
      name,
      (profile, { groupId }) => profile.groups.setPicture(groupId, picture),
      (title) => groupTextsIn(context.output.language).pictureChanged(title, picture !== undefined),
    );
  });
  finishCommand(command, [
    'kuvert group picture Release logo.png --profile anna --secret-file anna.secret',
    'kuvert group picture Release --off --profile anna --secret-file anna.secret',
  ]);
}

async function savePicture(
  { output }: CommandContext,
  options: ProfileOptions,
  name: string,
  folder: string,
): Promise<void> {
  await withProfile(options, output, async (profile) => {
    await flushIfReachable(profile);
    const { groupId, title } = profile.groups.find(name);
    const picture = profile.groups.picture(groupId);
    if (picture === undefined) {
      throw new UsageError({ en: groupTextsIn('en').noPicture(), de: groupTextsIn('de').noPicture() });
    }
    const target = await fileTarget(folder, groupId);
    await target.write(picture.bytes);
    const extension = picture.type === 'image/png' ? 'png' : 'jpg';
    // The title is somebody else's text: as a name it is made harmless like that of any file.
    const savedAs = await target.finish(harmlessName(`${title}.${extension}`));
    await output.result({ groupId, savedAs }, () =>
      groupTextsIn(output.language).pictureSaved(showLine(savedAs)),
    );
  });
}

function addEnd(
  group: Command,
  context: CommandContext,
  name: 'leave' | 'dissolve',
  description: string,
  change: Change,
): void {
  const command = group.command(name).description(description).argument('<group>', 'title or id');
  profileCommand(command).action((title: string, options: ProfileOptions) => {
    const texts = groupTextsIn(context.output.language);
    const told = name === 'leave' ? texts.left : texts.dissolved;
    return changeOne(context, options, title, change, told);
  });
  finishCommand(command, [`kuvert group ${name} Release --profile anna --secret-file anna.secret`]);
}

/** What became of roles: the last one who administers a group goes on doing so. */
function roleWords(
  { members }: GroupView,
  mails: readonly string[],
  { role, texts, title }: { role: GroupRole; texts: GroupTexts; title: string },
): string {
  const isKept = members.some((one) => one.role !== role && mails.includes(one.mail ?? ''));
  return isKept ? texts.roleKept() : texts.roleSet(mails.map(showLine).join(', '), role, title);
}

async function changeOne(
  { output }: CommandContext,
  options: ProfileOptions,
  name: string,
  change: Change,
  told?: (title: string, after: GroupView) => string,
): Promise<void> {
  await withProfile(options, output, async (profile) => {
    await profile.connect();
    const after = await change(profile, await refreshedGroup(profile, name));
    const title = showLine(after.title);
    await output.result(
      groupJson(after, profile),
      () => told?.(title, after) ?? groupTextsIn(output.language).changed(title, after.members.length),
    );
    await flushIfReachable(profile);
  });
}

/** One line of `kuvert group list`. */
function groupJson(
  { groupId, title, epoch, members, role, isDissolved, conversationId }: GroupView,
  profile: Profile,
): object {
  const picture = profile.groups.picture(groupId);
  return {
    groupId,
    conversationId,
    title,
    epoch,
    role: role ?? null,
    ...(isDissolved && { dissolved: true }),
    ...(picture && { picture: pictureJson(picture) }),
    members: members.map(({ personId, mail, name, role: their }) => ({
      personId,
      ...(mail !== undefined && { mail }),
      ...(name !== undefined && { name }),
      role: their,
    })),
  };
}

function pictureJson({ type, width, height, bytes }: GroupPicture): object {
  return {
    type,
    width,
    height,
    sizeBytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  };
}

function groupText(
  { groupId, title, members, role, isDissolved }: GroupView,
  profile: Profile,
  output: Output,
): string {
  const picture = profile.groups.picture(groupId);
  const texts = groupTextsIn(output.language);
  const state = isDissolved
    ? texts.isDissolved()
    : role === undefined
      ? texts.notMember()
      : texts.ownRole(role);
  const head = [
    showLine(title) || texts.untitled(),
    texts.members(members.length),
    state,
    ...(picture ? [texts.hasPicture(picture.width, picture.height)] : []),
    groupId,
  ].join(' · ');
  const lines = members.map(({ personId, mail, name, role: their }) => {
    const who = [name, mail ?? personId].filter((part) => part !== undefined).map(showLine);
    return `  ${who.join(' · ')}${their === 'admin' ? ` (${texts.role(their)})` : ''}`;
  });
  return [head, ...lines].join('\n');
}

function logJson({
  epoch,
  atMs,
  by,
  action,
  people,
  role,
  part,
  newTitle,
  successor,
  hash,
}: GroupLogLine): object {
  return {
    epoch,
    at: new Date(atMs).toISOString(),
    action,
    by,
    people,
    ...(role && { role }),
    ...(part && { part }),
    ...(newTitle !== undefined && { newTitle }),
    ...(successor && { successor }),
    hash,
  };
}

function logText(
  line: GroupLogLine,
  { names, output, profile }: { names: ReadonlyMap<PersonId, string>; output: Output; profile: Profile },
): string {
  const nameOf = (person: PersonId) => names.get(person) ?? person;
  const sentence = changeSentence(line, { output, profile, nameOf });
  return `${line.epoch}  ${localTime(line.atMs)}  ${showLine(sentence)}`;
}

async function namesOf(profile: Profile): Promise<Map<PersonId, string>> {
  const names = new Map((await profile.people()).map(({ personId, name }) => [personId, name]));
  const { personId, name } = profile.whoami();
  return names.set(personId, name);
}

/** Of several addresses, the one that nobody has is told. */
async function namingWhoIsUnknown<T>(mails: readonly string[], work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof KuvertError) || error.code !== 'recipient_unknown') throw error;
    throw new FailureAbout(error.code, mails[Number(error.details?.at)]);
  }
}

function readMail(text: string): string {
  const mail = mailAddress.safeParse(text);
  if (!mail.success) {
    throw new UsageError({
      en: `“${showLine(text)}” is not a mail address; see --help.`,
      de: `„${showLine(text)}“ ist keine Mailadresse; siehe --help.`,
    });
  }
  return mail.data;
}
