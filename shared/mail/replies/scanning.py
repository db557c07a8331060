"""Goes over a text's lines once, from the top, and says of each whose words it has.

Every step looks at a bounded number of lines and characters, so the time grows with the text and not faster.
"""

from __future__ import annotations

from shared.mail.replies import attributions, banners, header_blocks, help_desks, named_answers, own_marks, signatures
from shared.mail.replies.lines import BORDERED, OWN, QUOTED, SIGNED, TAIL, Lines
from shared.mail.replies.markers import ABOVE
from shared.mail.replies.reply import Reason

LONG_LINE = 60  # characters from which on a line may hold a flattened thread, and a quoted line may have been broken
LONG_RULE = 20  # characters of a rule that mailing lists put over their footer
_SPLITS = 60  # lines of a mail that are looked into for flattened threads
_LOOKS = 300  # lines of a mail that are looked at closely
_BELOW_RULE = 12  # lines below a rule that may be a list's footer


class Scan:
    """One pass. `why`: for each line the reason for which it is cut, None for the person's own."""

    def __init__(self, lines: Lines) -> None:
        self.texts = lines.texts
        self.marks = lines.marks
        self.why: list[Reason | None] = [None] * len(lines.texts)
        self._signed = False  # below a signature's delimiter
        self._quoted = False  # below a quotation
        self._own = False  # something of the person's has been seen
        self._splits = 0
        self._looks = 0
        self._last: int | None = None
        self._end = len(lines.texts)  # of what is walked over
        self.answered = 0  # from which line on another mail is quoted that the person answered inside of
        self.exhausted = False  # so many lines look like boundaries that not all were looked at

    def run(self) -> list[Reason | None]:
        """Walks to the end, or to the point from which everything is quoted."""
        at = self._banner()
        while at < self._end:
            at = self._step(at)
        return self.why

    def _banner(self) -> int:
        """Takes a gateway's banner off the top; where the person's words may begin."""
        first = self._next_filled(0)
        if first == len(self.texts) or not banners.may_begin(self.texts[first]):
            return 0
        end = banners.banner_end(self.texts[: banners.MOST_LINES * 2 + 30])
        end = next((at for at in range(end) if self.marks[at] in (QUOTED, SIGNED)), end)
        self.why[:end] = [Reason.BANNER] * end
        first = self._next_filled(end)
        if first < len(self.texts) and self.marks[first] == OWN:
            tag = banners.tag_length(self.texts[first])
            if tag:
                self._insert(first, self.texts[first][:tag].rstrip(), self.texts[first][tag:])
                self.why[first] = Reason.BANNER
                end = first + 1
        return end

    def _step(self, at: int) -> int:
        """Deals with one line or a run of lines; the next line's number."""
        mark = self.marks[at]
        if mark == QUOTED:
            return self._quotation(at)
        line = self.texts[at].strip()
        if not line:
            if mark == TAIL or (mark == BORDERED and self._header_is_near(at)):
                return self._cut(at, Reason.QUOTED_TAIL)
            return at + 1
        if mark == SIGNED:
            self.why[at] = Reason.SIGNATURE
            return at + 1
        return self._boundary(at, line) or self._below(at, line)

    # --- where another mail begins ----------------------------------------------------------------------------------

    def _boundary(self, at: int, line: str) -> int:
        """The line after an attribution, or the end if a tail begins here; 0 if neither."""
        if len(line) > LONG_LINE and ":" in line and self._splits < _SPLITS:
            self._split(at)
            line = self.texts[at].strip()
        if attributions.may_end(line) and self._affords():
            after = self._attribution(at, line)
            if after:
                return after
        first = line[0]
        if (
            (":" in line[:40] or "：" in line[:40])
            and header_blocks.label_of(line) is not None
            and self._affords()
            and header_blocks.is_block(self.texts, at)
            and not (header_blocks.is_dateless(self.texts, at) and at < self._last_head())
        ):
            return self._cut(at, Reason.HEADER_BLOCK)
        if line[-1] == ">" and header_blocks.is_unlisted(self.texts, at):
            return self._cut(at, Reason.HEADER_BLOCK)
        if first in "-_=*~–—‐─━－" or line[-1] in ":：" or line[-1] in "-_":
            kind = header_blocks.divider(line)
            if kind is not None and (kind != "label" or self._header_follows(at)):
                return self._cut(at, Reason.FORWARDED if kind == "forwarded" else Reason.ORIGINAL)
        if (first in "-#=_*[" or "this line" in line) and len(line) < 200:
            low = line.casefold()
            if any(phrase in low for phrase in ABOVE):
                return self._newest_comment(at) or self._cut(at, Reason.REPLY_MARK)
        return 0

    def _newest_comment(self, at: int) -> int:
        """Where the newest comment of a help desk's frame begins, if nothing stands above the frame; 0 if there is none."""
        if self._own or any(
            reason not in (None, Reason.BANNER) and not signatures.is_rule(self.texts[n])
            for n, reason in enumerate(self.why[:at])
        ):
            return 0
        comment = help_desks.newest_comment(self.texts, at)
        if comment is None:
            return 0
        self._cut(comment.end, Reason.QUOTED_TAIL)
        self.why[at : comment.head] = [Reason.REPLY_MARK] * (comment.head - at)
        self.why[comment.head : comment.start] = [Reason.ATTRIBUTION] * (comment.start - comment.head)
        self._end = comment.end
        self._signed = False
        return comment.start

    def _last_head(self) -> int:
        """The last line that surely is another mail's: behind a mark, or the sender in a header block. Sought once."""
        if self._last is None:
            self._last = next((at for at in range(len(self.texts) - 1, -1, -1) if self._is_head(at)), -1)
        return self._last

    def _is_head(self, at: int) -> bool:
        if self.marks[at] == QUOTED:
            return True
        if "@" not in self.texts[at] or header_blocks.label_of(self.texts[at]) is None:
            return False
        return header_blocks.is_block(self.texts, at)

    def _affords(self) -> bool:
        self._looks += 1
        self.exhausted = self._looks > _LOOKS
        return not self.exhausted

    def _attribution(self, at: int, line: str) -> int:
        if len(line) > attributions.LONGEST:
            seen, first = attributions.look(line[-attributions.LONGEST :]), at
        else:
            seen, first = self._best_window(at, line)
        if not (seen.sure or seen.weak):
            return 0
        following = self._next_filled(at + 1)
        quoted_below = following < len(self.texts) and self.marks[following] == QUOTED and following <= at + 3
        if not seen.sure and not quoted_below:
            return 0
        if first == at and not seen.dated and self._keep_front(at):
            first = at = at + 1
        for each in range(first, at + 1):
            if self.texts[each].strip():
                self.why[each] = Reason.ATTRIBUTION
        if quoted_below:
            self._quoted = True
            return at + 1
        return self._cut(at + 1, Reason.QUOTED_TAIL)

    def _best_window(self, at: int, line: str) -> tuple[attributions.Attribution, int]:
        """The candidate that ends in this line: it begins here or up to three lines above, best where it begins like a date."""
        best, first = attributions.look(line), at
        if best.dated and best.sure:
            return best, first
        joined = line
        for above in range(at - 1, max(-1, at - attributions.WINDOW), -1):
            text = self.texts[above].strip()
            if not text and joined[0] in "<>":
                continue  # some clients set the address apart
            if not text or self.marks[above] != OWN or self.why[above] not in (None, Reason.SIGNATURE):
                break
            joined = f"{text} {joined}"
            if len(joined) > attributions.LONGEST:
                break
            seen = attributions.look(joined)
            if seen.sure and seen.dated:
                return seen, above
            if seen.sure and not best.sure:
                best, first = seen, above
        return best, first

    def _keep_front(self, at: int) -> bool:
        """Words before an attribution in its own line are the person's: they get a line of their own."""
        line = self.texts[at]
        middle = attributions.split_middle(line)
        if middle <= 0 or not line[:middle].strip(" -*_>"):
            return False
        self._insert(at, line[:middle].rstrip(" -*_>"), line[middle:])
        return True

    def _insert(self, at: int, front: str, rest: str) -> None:
        self.texts[at] = front
        self.texts.insert(at + 1, rest)
        self.marks.insert(at + 1, self.marks[at])
        self.why.insert(at + 1, None)
        self._end += 1

    def _split(self, at: int) -> None:
        """Breaks a line that holds a flattened thread before and behind the attribution or header block in it."""
        line = self.texts[at]
        self._splits += 1
        end = attributions.ends_inside(line)
        if end > 0:
            self._insert(at, line[:end], line[end:].lstrip())
            line = self.texts[at]
        if line.count(":") >= 3:
            start = header_blocks.starts_inside(line)
            if start > 0:
                self._insert(at, line[:start].rstrip(), line[start:])

    def _header_is_near(self, at: int) -> bool:
        """Whether what follows a border looks like a header block, in whatever language."""
        near = [line for line in self.texts[at : at + 14] if line.strip()][:4]
        if len(near) < 2 or any(header_blocks.label_of(line) is not None for line in near):
            return True
        return sum(":" in line[:30] or "：" in line[:30] for line in near) >= 3  # labels in a language nobody listed

    def _header_follows(self, at: int) -> bool:
        following = self._next_filled(at + 1)
        if following >= len(self.texts) or following > at + 4:
            return False
        return header_blocks.label_of(self.texts[following]) is not None

    # --- what stands between and below ------------------------------------------------------------------------------

    def _below(self, at: int, line: str) -> int:
        if signatures.is_delimiter(line):
            self._signed = self._signed or self._own or line[0] == "-"
            self.why[at] = Reason.SIGNATURE
        elif self._signed:
            self.why[at] = Reason.SIGNATURE
        elif len(line) < 110 and signatures.is_device(line):
            self.why[at] = Reason.DEVICE
            if self._own:
                return self._below_device(at + 1)
        elif len(line) < 90 and "mail" in line and signatures.is_reaction(line):
            self.why[at] = Reason.DEVICE
        elif self._quoted or (len(line) >= LONG_RULE and signatures.is_rule(line)):
            self._below_quotation(at, line)
        self._own = self._own or (self.why[at] is None and not signatures.is_rule(line))
        return at + 1

    def _below_device(self, at: int) -> int:
        """Below an app's signature stands what it quotes, marked or not; a person writes above it."""
        while at < len(self.texts) and self.marks[at] == OWN:
            line = self.texts[at].strip()
            if line:
                after = self._boundary(at, line)
                if after:
                    return after
                self.why[at] = Reason.QUOTED_TAIL
            at += 1
        return at

    def _below_quotation(self, at: int, line: str) -> None:
        if signatures.is_footer_link(line):
            self.why[at] = Reason.LIST_FOOTER
        elif signatures.is_rule(line) and len(line) >= 2 and self._is_list_footer(at + 1):
            self._signed = True
            self.why[at] = Reason.LIST_FOOTER

    def _is_list_footer(self, at: int) -> bool:
        rest = [line for line in self.texts[at : at + _BELOW_RULE] if line.strip()]
        return any(signatures.is_bare_link(line) or signatures.is_footer_link(line) for line in rest)

    def _quotation(self, at: int) -> int:
        """A run of quoted lines with the blank lines in it, and what a client broke off their ends."""
        self._introduced(at)
        if not self._quoted and not self._signed and self._own:
            end = self._own_list(at)
            if end:
                return end
        self._signed, self._quoted = False, True
        end = at
        while end < len(self.texts):
            if self.marks[end] == QUOTED:
                self.why[end] = Reason.QUOTED
                end += 1
                continue
            if self.texts[end].strip():
                if self._is_broken_off(end):
                    self.why[end] = Reason.WRAPPED_QUOTE
                    end += 1
                    continue
                break
            following = self._next_filled(end)
            if following >= len(self.texts) or self.marks[following] != QUOTED:
                return following
            end = following
        return end

    def _introduced(self, at: int) -> None:
        """Takes an attribution without a colon: the quotation right below makes up for it."""
        last = at - 1
        while last >= max(0, at - 3) and not self.texts[last].strip():
            last -= 1
        joined = ""
        for above in range(last, max(-1, last - 3), -1):
            text = self.texts[above].strip()
            if not text or len(text) > attributions.LONGEST or self.marks[above] != OWN or self.why[above] is not None:
                return
            joined = f"{text} {joined}" if joined else text
            if attributions.leads_to_quotation(joined):
                self.why[above : last + 1] = [Reason.ATTRIBUTION] * (last + 1 - above)
                return

    def _own_list(self, at: int) -> int:
        """The line below a list of the person's own that looks like a quotation; 0 if it is quoted, as it nearly always is."""
        end = at
        while end < len(self.texts) and self.marks[end] == QUOTED and end - at <= own_marks.MOST_LINES:
            if self.texts[end].lstrip()[:1] != ">":
                return 0
            end += 1
        if end == len(self.texts) or self.marks[end] != OWN or not self._stands_in_words(at, end):
            return 0
        first = end
        while first < len(self.texts) and self.marks[first] != QUOTED:
            first += 1
        after = first
        while after < len(self.texts) and self.marks[after] == QUOTED:
            after += 1
        if not own_marks.are_own(self.texts[at:end], self.texts[first:after]) or not self._is_attributed(first):
            return 0
        return end

    def _stands_in_words(self, at: int, end: int) -> bool:
        """Whether marked lines follow a colon, or have the person's words right above and below."""
        above = at - 1
        while above > at - 3 and above >= 0 and not self.texts[above].strip():
            above -= 1
        if above < 0 or self.why[above] is not None or self.marks[above] != OWN:
            return False
        return self.texts[above].rstrip()[-1:] in (":", "：") or (above == at - 1 and bool(self.texts[end].strip()))

    def _is_attributed(self, at: int) -> bool:
        above = at - 1
        while above > at - 4 and not self.texts[above].strip():
            above -= 1
        line = self.texts[above].strip()
        return bool(line) and len(line) <= attributions.LONGEST and self._best_window(above, line)[0].sure

    def _is_broken_off(self, at: int) -> bool:
        """A line between two quoted ones that goes on in the middle of a sentence of a long quoted line."""
        before = self.texts[at - 1]
        following = at + 1
        if self.why[at - 1] is not Reason.QUOTED or self.marks[at] != OWN:
            return False
        if following >= len(self.texts) or self.marks[following] != QUOTED:
            return False
        line = self.texts[at].lstrip()
        if signatures.is_bare_link(line):
            return True
        if len(before) < LONG_LINE - 6:
            return False
        return line[:1].islower() or line.startswith(("http://", "https://")) or before.rstrip()[-1:] in ",-"

    def _next_filled(self, at: int) -> int:
        while at < len(self.texts) and not self.texts[at].strip():
            at += 1
        return at

    @staticmethod
    def _is_introduced(reason: Reason, text: str) -> bool:
        """Whether a line below still belongs to what announces the other mail."""
        return reason is Reason.HEADER_BLOCK and header_blocks.label_of(text) is not None

    def _cut(self, at: int, reason: Reason) -> int:
        """Everything from here on is another mail, and so are rules and blank lines just above."""
        above = at - 1
        while above >= 0 and self.why[above] is None and self.marks[above] == OWN:
            text = self.texts[above].strip()
            if text and not signatures.is_rule(text):
                break
            if text:
                self.why[above] = Reason.RULE_LINE
            above -= 1
        for each in range(at, len(self.texts)):
            if each > at and reason is not Reason.QUOTED_TAIL and not self._is_introduced(reason, self.texts[each]):
                reason = Reason.QUOTED_TAIL
            self.why[each] = reason
        for each in named_answers.named_answers(self.texts, at):
            if self.marks[each] == OWN:
                self.why[each] = None
                self.answered = at
        return len(self.texts)
