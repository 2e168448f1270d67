/**
 * A first-in, first-out line that anybody can leave at once, from any place: a linked list. An array would
 * make an abort in a long queue cost as much as the queue is long, and aborts come in crowds.
 */
export class WaitingLine<Member extends Waiting> {
  size = 0;
  private first: Member | undefined = undefined;
  private last: Member | undefined = undefined;

  push(member: Member): void {
    const { last } = this;
    member.inLine = true;
    member.ahead = last;
    if (last === undefined) this.first = member;
    else last.behind = member;
    this.last = member;
    this.size++;
  }

  /** Takes out whoever has waited longest. */
  shift(): Member | undefined {
    const { first } = this;
    if (first !== undefined) this.leave(first);
    return first;
  }

  /** Does nothing for a member that is not in line any more. */
  leave(member: Member): void {
    if (!member.inLine) return;
    const ahead = member.ahead as Member | undefined;
    const behind = member.behind as Member | undefined;
    if (ahead === undefined) this.first = behind;
    else ahead.behind = behind;
    if (behind === undefined) this.last = ahead;
    else behind.ahead = ahead;
    member.inLine = false;
    member.ahead = member.behind = undefined;
    this.size--;
  }
}

/** What a line needs of its members. */
export abstract class Waiting {
  inLine = false;
  ahead: Waiting | undefined = undefined;
  behind: Waiting | undefined = undefined;
}
