/** What the binding does about groups: who is meant by names, changes, and what there is to look at. */
import type { GroupView } from '@kuvert/client-core';
import type { Profile } from '@kuvert/client-core/node';
import {
  type ConversationId,
  type GroupId,
  type GroupPicture,
  KuvertError,
  type Person,
  type PersonId,
} from '@kuvert/protocol';
import type { Language } from '../config.ts';
import { pointsOf } from '../content/raster.ts';
import { type GroupTexts, groupFacts, groupTextsIn } from '../group-texts.ts';
import { changeSentence } from '../notice-view.ts';
import { groupPictureOf } from '../sending.ts';
import { textsIn } from '../texts.ts';
import { pathOf } from './complete-path.ts';
import type { ChatEvent, GroupItem, GroupRequest, PictureItem } from './model.ts';
import { peopleNamed } from './people-named.ts';
import { dayAndTime } from './render/times.ts';
import { type ChatTexts, chatTextsIn } from './texts/texts.ts';

/** Points of a group's picture on the screen. */
const PICTURE_SIDES = { width: 24, height: 24 } as const;

/** Somebody that was written cannot be found, or is several: `message` says so to a person. */
class NamesProblem extends Error {
  override name = 'NamesProblem';
}

/** @see the top of this file */
export class GroupBinding {
  readonly #profile: Profile;
  readonly #language: Language;
  readonly #texts: ChatTexts;
  readonly #groupTexts: GroupTexts;
  readonly #tell: (event: ChatEvent) => void;
  readonly #pictures = new WeakMap<GroupPicture, PictureItem>();

  constructor(options: { profile: Profile; language: Language; tell: (event: ChatEvent) => void }) {
    this.#profile = options.profile;
    this.#language = options.language;
    this.#texts = chatTextsIn(options.language);
    this.#groupTexts = groupTextsIn(options.language);
    this.#tell = options.tell;
  }

  /**
   * @param id the conversation of the group; undefined for one that is to be made
   * @throws KuvertError as {@link Groups} says
   */
  async run(id: ConversationId | undefined, request: GroupRequest): Promise<void> {
    try {
      await this.#run(id, request);
    } catch (error) {
      if (!(error instanceof NamesProblem)) throw error;
      this.#tell({ kind: 'told', sentence: error.message, isError: true });
    }
  }

  async #run(id: ConversationId | undefined, request: GroupRequest): Promise<void> {
    const { groups } = this.#profile;
    if (request.verb === 'create') {
      const people = await this.#everybody();
      const made = await groups.create(request.title, this.#mails(request.names, people));
      this.#done(this.#groupTexts.created(made.title, made.groupId, made.members.length));
      return this.#tell({ kind: 'begun', id: made.conversationId });
    }
    const group = id === undefined ? undefined : groups.of(id);
    if (group === undefined) throw new KuvertError('not_found');
    const { groupId } = group;
    switch (request.verb) {
      case 'members':
        return this.#showMembers(group);
      case 'log':
        return this.#showLog(group);
      case 'add':
        return this.#changed(await groups.add(groupId, this.#mails(request.names, await this.#everybody())));
      case 'remove': {
        const people = this.#meant(request.names, membersOf(group));
        const mails = people.map(({ mail }) => mail);
        if (request.isSure) return this.#changed(await groups.remove(groupId, mails));
        const sure: GroupRequest = { verb: 'remove', names: mails, isSure: true };
        return this.#tell({
          kind: 'ask',
          question: this.#texts.askRemove(namesOf(people), this.titleOf(group.title)),
          effects: [{ do: 'group', id: group.conversationId, request: sure }],
        });
      }
      case 'role': {
        const people = this.#meant(request.names, membersOf(group));
        const mails = people.map(({ mail }) => mail);
        const { title, members } = await groups.setRole(groupId, mails, request.role);
        const isKept = members.some(({ mail = '', role }) => role !== request.role && mails.includes(mail));
        if (isKept) return this.#done(this.#groupTexts.roleKept());
        return this.#done(this.#groupTexts.roleSet(namesOf(people), request.role, this.titleOf(title)));
      }
      case 'title':
        return this.#done(this.#groupTexts.titled((await groups.setTitle(groupId, request.title)).title));
      case 'picture': {
        const picture = request.path === undefined ? undefined : await groupPictureOf(pathOf(request.path));
        const { title } = await groups.setPicture(groupId, picture);
        return this.#done(this.#groupTexts.pictureChanged(this.titleOf(title), picture !== undefined));
      }
      case 'leave':
        return this.#done(this.#groupTexts.left((await groups.leave(groupId)).title));
      case 'dissolve':
        return this.#done(this.#groupTexts.dissolved((await groups.dissolve(groupId)).title));
    }
  }

  /** The title as it is shown: a group whose title cannot be read yet has a word for that. */
  titleOf(title: string): string {
    return title === '' ? this.#groupTexts.untitled() : title;
  }

  /** What it says of how many are in a group, and of one's own place in it. */
  factsOf(group: GroupItem): string {
    return groupFacts(group, this.#groupTexts).join(' · ');
  }

  /** The picture of a group as points, where it has one. */
  pictureOf(groupId: GroupId): PictureItem | undefined {
    const picture = this.#profile.groups.picture(groupId);
    if (picture === undefined) return undefined;
    const known = this.#pictures.get(picture);
    if (known !== undefined) return known;
    const points = pointsOf(picture, PICTURE_SIDES);
    if (points !== undefined) this.#pictures.set(picture, points);
    return points;
  }

  #showMembers({ title, members, role, isDissolved, groupId }: GroupView): void {
    const texts = this.#groupTexts;
    const place = isDissolved
      ? texts.isDissolved()
      : role === undefined
        ? texts.notMember()
        : texts.ownRole(role);
    const rows = members.map(({ personId, name, mail, role: their, isSelf }) => {
      const who = [name, mail ?? personId].filter((part) => part !== undefined).join('  ');
      const facts = [...(isSelf ? [texts.you()] : []), ...(their === 'admin' ? [texts.role(their)] : [])];
      return facts.length === 0 ? who : `${who} (${facts.join(', ')})`;
    });
    const picture = this.#profile.groups.picture(groupId);
    const named = picture ? [texts.hasPicture(picture.width, picture.height)] : [];
    const head = [texts.members(members.length), place, ...named, groupId].join(' · ');
    const points = this.pictureOf(groupId);
    this.#tell({ kind: 'sheet', title: this.titleOf(title), lines: [head, '', ...rows], picture: points });
  }

  #showLog({ title, groupId }: GroupView): void {
    const wording = {
      output: { language: this.#language, texts: textsIn(this.#language) },
      profile: this.#profile,
      nameOf: (person: PersonId) => this.#nameOf(person),
    };
    const lines = this.#profile.groups
      .log(groupId)
      .map(
        (line) => `${line.epoch}  ${dayAndTime(line.atMs, this.#language)}  ${changeSentence(line, wording)}`,
      );
    this.#tell({ kind: 'sheet', title: this.#texts.groupLogTitle(this.titleOf(title)), lines });
  }

  #nameOf(person: PersonId): string {
    return this.#profile.person(person)?.name ?? this.#groupTexts.someone();
  }

  async #everybody(): Promise<readonly Person[]> {
    const people = await this.#profile.people();
    return people.filter(({ personId }) => personId !== this.#profile.whoami().personId);
  }

  #mails(names: readonly string[], people: readonly Named[]): string[] {
    return this.#meant(names, people).map(({ mail }) => mail);
  }

  /** Everybody who is meant by names. @throws NamesProblem */
  #meant(names: readonly string[], people: readonly Named[]): Named[] {
    const own = this.#profile.whoami();
    return names.map((name) => {
      if (['me', 'ich'].includes(name.toLowerCase())) return own;
      const [one, ...others] = peopleNamed(people, name);
      if (one === undefined) throw new NamesProblem(this.#texts.nobodyNamed(name));
      if (others.length === 0) return one;
      const several = [one, ...others].slice(0, 8).map((person) => `${person.name} <${person.mail}>`);
      throw new NamesProblem(this.#texts.severalNamed(several.join(', ')));
    });
  }

  #changed({ title, members }: GroupView): void {
    this.#done(this.#groupTexts.changed(this.titleOf(title), members.length));
  }

  #done(sentence: string): void {
    this.#tell({ kind: 'told', sentence, isError: false });
  }
}

type Named = Pick<Person, 'name' | 'mail'>;

function namesOf(people: readonly Named[]): string {
  return people.map(({ name }) => name).join(', ');
}

function membersOf({ members }: GroupView): Named[] {
  return members.flatMap(({ name, mail }) => (mail === undefined ? [] : [{ name: name ?? mail, mail }]));
}
