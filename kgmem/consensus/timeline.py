"""When one value of a fact ends and the next begins: the claims on one subject and predicate, parted in time.

A predicate with one value at a time has a history: value after value, each from some moment on. Claims are reports of
it. The most probable history is found as A. Viterbi finds the states of a hidden Markov chain ("Error Bounds for
Convolutional Codes", 1967): its states are the values, and none where a value ended; its moments those at which a claim
begins or ends. Four prices are weighed against each other, all in logarithms of odds, as in Accu's votes:

- a claim that begins while another value holds costs its source's vote, log(n A / (1 - A)), A being the trust in it;
- a change costs log(n) + log(T / (1 - T)), T being the rule's threshold `succession`: so a lone later claim ends what
  began earlier where its source is trusted at least T (or 0.05 less, since what is learned of sources moves by little
  things), and sources that are trusted less may do so together. It never
  costs more than the votes of the sources that still claim what ends: where nobody does any more, change is free;
- new names (sources without a record where others have one) together vote for a value a little less than a change
  costs, so that their word alone ends nothing: one known source that says so too, or a person, is enough;
- a claim with an end opposes what begins before that end, by the share of its time that is cut off;
- where others tell of changes in time, their silence on one speaks against it: -log(1 - R) for each source that speaks
  of this at all and tells of the share R of changes (`reporting.py`), as far as there was time to.

A source's newer word replaces its older one: what begins later ends its own earlier claim, and of two values for the
same time the one that became known later counts. With a half-life, a vote halves with each such time that has passed
since its claim began.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import exp, log, log1p

from kgmem.domain.claims.consensus import PRIOR_TRUST, Claim, Policy, Reporting, ValueRule
from kgmem.domain.time.interval import ALWAYS, Interval

_LEAST, _MOST = 0.1, 0.98  # Bounds of trust, as Accu's.
_EVER = -(2**63)  # When a claim begins that has an end alone.
_NEVER = 2**63
_SAME_TRUST = 0.05  # Sources that differ by no more are equally trusted.
_FEWEST_WRONG = 2.0
_TINY = 1e-6  # A change that costs as much as it gains takes place.
_SHORT_OF_CHANGE = 0.1  # By so much the votes of new names together stay below the price of a change.
_NONE = ""  # The state after an end; no value has this key.
_LABELLED = 20.0  # The vote of a claim that a person accepted.
_MOST_STATES = 64  # Of the values that may hold at a moment: the most probable ones.
_MOST_TELLING = 0.95  # The share of changes that a source tells of at the most.
_MOST_CLOSED = 64  # Claims with an end of one source, of which it is asked whether they replace its older ones.


@dataclass(frozen=True, slots=True)
class Reliance:
    """What is known of sources when claims are parted in time; `wrong` is how many wrong values there are."""

    trust: Mapping[str, float] = field(default_factory=dict)
    houses: Mapping[str, str] = field(default_factory=dict)
    wrong: float = 10.0
    now: int | None = None  # None: claims do not age.
    reports: Mapping[str, Reporting] = field(default_factory=dict)  # By house.
    copies: Sequence[frozenset[str]] = ()  # Sets of sources that share one voice for the same value.
    new: frozenset[str] = frozenset()  # Sources without history where others have one: alone they end nothing.

    @property
    def alternatives(self) -> float:
        """How many wrong values there are, two at least.

        Where all sources agreed so far, none is known: then the vote of a source without a record would be nothing, and
        no change would ever be believed.
        """
        return max(self.wrong, _FEWEST_WRONG)

    def house(self, source: str) -> str:
        """Return who speaks through a source."""
        return self.houses.get(source, source)

    def vote(self, source: str) -> float:
        """Return the vote of a source: log(n A / (1 - A)), never below nothing."""
        house = self.house(source)
        trust = min(max(self.trust.get(house, self.trust.get(source, PRIOR_TRUST)), _LEAST), _MOST)
        return max(log(self.alternatives * trust / (1 - trust)), 0.0)


@dataclass(frozen=True, slots=True)
class Period:
    """A time in which one value holds, with the claims (by index) that speak of it."""

    valid: Interval
    claims: Sequence[int]


@dataclass(slots=True)
class _Word:
    """One claim in time: who says what from when until when, and with how much weight."""

    index: int
    house: str
    key: str
    start: int
    end: int
    vote: float
    known: int = _EVER
    last: int = _NEVER  # Until when its source says so: its end, or where its next word begins.

    @property
    def closed(self) -> bool:
        return self.end != _NEVER


def replaced(claims: Sequence[Claim], keys: Mapping[int, str], rule: ValueRule, reliance: Reliance) -> set[int]:
    """Return the claims (by index) that their own source has replaced: it said another value of the same time later."""
    by_house: dict[str, list[int]] = defaultdict(list)
    for index in keys:
        if claims[index].known is not None and (claims[index].valid != ALWAYS or not ages(rule)):
            by_house[reliance.house(claims[index].source)].append(index)
    gone: set[int] = set()
    for mine in by_house.values():
        if len(mine) > 1:
            gone |= _same_start(claims, keys, mine) | _cut_out(claims, keys, mine)
    return gone


def ages(rule: ValueRule) -> bool:
    """Return whether a claim without a time speaks of the time from which it is known."""
    return rule.policy is Policy.RECENCY or rule.half_life is not None


def _known(claim: Claim) -> int:
    return _EVER if claim.known is None else claim.known


def _same_start(claims: Sequence[Claim], keys: Mapping[int, str], mine: Sequence[int]) -> set[int]:
    """Return the claims of one source that begin when a newer one of it begins, and say something else."""
    newest: dict[int | None, int] = {}
    for index in mine:
        start = claims[index].valid.start
        newest[start] = max(newest.get(start, index), index, key=lambda each: (_known(claims[each]), each))
    gone = set()
    for index in mine:
        best = newest[claims[index].valid.start]
        other = keys[best] != keys[index] or claims[best].valid != claims[index].valid
        if other and _known(claims[best]) > _known(claims[index]):
            gone.add(index)
    return gone


def _cut_out(claims: Sequence[Claim], keys: Mapping[int, str], mine: Sequence[int]) -> set[int]:
    """Return the claims of one source that begin inside the time that a newer claim of it leaves no room in."""
    closed = [index for index in mine if claims[index].valid.end is not None][-_MOST_CLOSED:]
    gone = set()
    for new in closed:
        one = claims[new]
        for old in mine:
            start = claims[old].valid.start
            later = _known(one) > _known(claims[old]) and keys[new] != keys[old] and start is not None
            if later and (one.valid.start or _EVER) < (start or 0) < (one.valid.end or 0):
                gone.add(old)
    return gone


def periods(
    claims: Sequence[Claim], keys: Mapping[int, str], rule: ValueRule, reliance: Reliance
) -> tuple[list[Period], list[int]]:
    """Return the periods that claims (indices, each with the key of its value) speak of, and the claims without a time.

    A claim that names no time speaks of the time before another value began, if it was known before that was claimed.
    Where the rule says that claims age, or that what is said last counts, it speaks of the time from which it is known.
    """
    timed = _last_known(claims, keys)
    words, timeless = [], []
    for index, key in keys.items():
        claim = claims[index]
        start, end = claim.valid.start, claim.valid.end
        if claim.valid == ALWAYS:
            if ages(rule) and claim.known is not None:
                start = claim.known
            elif claim.known is None or all(known <= claim.known for other, known in timed.items() if other != key):
                timeless.append(index)
                continue
        vote = _LABELLED if claim.label else reliance.vote(claim.source) * min(max(claim.confidence, 0.0), 1.0)
        house = reliance.house(claim.source)
        begin, stop = (_EVER if start is None else start), (_NEVER if end is None else end)
        words.append(_Word(index, house, key, begin, stop, vote, _known(claim)))
    if not words:
        return [], timeless
    _share(words, [*reliance.copies, reliance.new])
    if rule.policy is not Policy.RECENCY:
        most = max(_price(rule, reliance) - _SHORT_OF_CHANGE, 0.0)
        _bound(words, reliance.new, most)
    return _History(words, rule, reliance).periods(), timeless


def _share(words: Sequence[_Word], copies: Sequence[frozenset[str]]) -> None:
    """Share one voice among sources that copy each other for the same value."""
    for group in copies:
        sharing: dict[str, set[str]] = defaultdict(set)
        mine = [word for word in words if word.house in group]
        for word in mine:
            sharing[word.key].add(word.house)
        for word in mine:
            word.vote /= len(sharing[word.key])


def _bound(words: Sequence[_Word], new: frozenset[str], most: float) -> None:
    """Bound what new names vote together for each value; what a person accepted is no word of a new name."""
    for key in {word.key for word in words if word.house in new}:
        mine = [word for word in words if word.key == key and word.house in new and word.vote < _LABELLED]
        total = sum({word.house: word.vote for word in mine}.values())
        for word in mine if total > most else ():
            word.vote *= most / total


def _price(rule: ValueRule, reliance: Reliance) -> float:
    """Return what a change costs, as a logarithm of odds."""
    threshold = min(max(rule.succession - _SAME_TRUST, 0.01), 0.99)
    return max(log(reliance.alternatives) + log(threshold / (1 - threshold)), _TINY)


def _last_known(claims: Sequence[Claim], keys: Mapping[int, str]) -> dict[str, int]:
    """Return by value (of the two known last) when a claim with a start was known last."""
    last: dict[str, int] = {}
    for index, key in keys.items():
        if claims[index].valid.start is not None:
            last[key] = max(last.get(key, _EVER), _known(claims[index]))
    return dict(sorted(last.items(), key=lambda each: -each[1])[:2])


class _History:
    """The search for the most probable history of one fact."""

    def __init__(self, words: Sequence[_Word], rule: ValueRule, reliance: Reliance) -> None:
        """Take the words, of which none is replaced."""
        self.words = sorted(words, key=lambda word: (word.start, word.index))
        self._half_life = rule.half_life
        self._reports = reliance.reports
        self._now = max(word.known for word in words)
        self._last_said: dict[str, dict[str, int]] = defaultdict(dict)  # By house and value: when it said so last.
        for word in self.words:
            self._last_said[word.house][word.key] = word.start
        self._price = 0.0 if rule.policy is Policy.RECENCY else _price(rule, reliance)
        self._begins: dict[int, list[_Word]] = defaultdict(list)
        self._stops: dict[int, list[_Word]] = defaultdict(list)
        self._follow()
        self.moments = sorted({*self._begins, *self._stops})

    def _follow(self) -> None:
        """Find until when each source says what it says, and the moments at which something begins or ends."""
        own: dict[str, list[_Word]] = defaultdict(list)
        for word in self.words:
            own[word.house].append(word)
            self._begins[word.start].append(word)
        for mine in own.values():
            for at, word in enumerate(mine):
                following = (each for each in mine[at + 1 :] if each.start > word.start)
                later = next((each for each in following if each.key != word.key or word.closed), None)
                word.last = min(word.end, later.start if later else _NEVER)
                if word.closed and word.last == word.end and not (later and later.start == word.end):
                    self._stops[word.end].append(word)

    def periods(self) -> list[Period]:
        """Return the periods of the most probable history, in order of time."""
        spans: list[tuple[int, str]] = []
        for moment, state in zip(self.moments, self._states(), strict=True):
            if not spans or spans[-1][1] != state:
                spans.append((moment, state))
        spans = self._resumed(spans)
        mine = self._assigned(spans)
        spans = self._refined(spans)
        found = []
        for at, (start, state) in enumerate(spans):
            if state == _NONE or not mine[at]:
                continue
            end = spans[at + 1][0] if at + 1 < len(spans) else _NEVER
            valid = Interval(None if start == _EVER else start, None if end == _NEVER else end)
            found.append(Period(valid, sorted(mine[at])))
        return found

    def _resumed(self, spans: Sequence[tuple[int, str]]) -> list[tuple[int, str]]:
        """The spans; where a value ended, what was claimed before without success, and still is, holds from then.

        What was true before and was ended does not come back by itself.
        """
        resumed: list[tuple[int, str]] = []
        for start, state in spans:
            votes: dict[str, float] = defaultdict(float)
            if state == _NONE:
                held = {each for _, each in resumed}
                for word in self.words:
                    if word.key not in held and word.start < start < word.last and not word.closed:
                        votes[word.key] += word.vote
            resumed.append((start, max(votes, key=lambda key: (votes[key], key)) if votes else state))
        return resumed

    def _states(self) -> list[str]:
        """Return the state from each moment on."""
        cost = {word.key: 0.0 for word in self._begins[self.moments[0]]}
        back: list[dict[str, str]] = []
        heard = self._heard()
        standing: list[_Word] = []
        for place, moment in enumerate(self.moments):
            standing = [word for word in standing if word.last > moment]
            came: dict[str, str] = {}
            if place:
                entered = {word.key for word in self._begins[moment]} | ({_NONE} if self._stops[moment] else set())
                cost, came = self._step(cost, moment, entered, standing)
            back.append(came)
            for state in cost:
                cost[state] += self._emitted(state, moment, heard)
            if len(cost) > _MOST_STATES:
                cost = dict(sorted(cost.items(), key=lambda each: (each[1], each[0]))[:_MOST_STATES])
            standing += [word for word in self._begins[moment] if word.last > moment]
        state = min(cost, key=lambda each: (cost[each], each == _NONE, each))
        states = [state]
        for came in reversed(back[1:]):
            state = came[state]
            states.append(state)
        return states[::-1]

    def _step(
        self, cost: Mapping[str, float], moment: int, entered: set[str], standing: Sequence[_Word]
    ) -> tuple[dict[str, float], dict[str, str]]:
        """Return the cost of each state after a moment at which the state may change, and from which state it came."""
        by_value: dict[str, list[_Word]] = defaultdict(list)
        for word in standing:
            by_value[word.key].append(word)
        left = {state: cost[state] + self._leaving(by_value.get(state, ()), moment) for state in cost}
        ways = sorted(left, key=lambda each: (left[each], each))[:2]
        after, came = dict(cost), {state: state for state in cost}
        for state in sorted(entered):
            best = next((each for each in ways if each != state), None)
            if best is None:
                continue
            price = left[best] + self._silence(state, moment)
            if state not in after or price - _TINY < after[state]:
                after[state], came[state] = price, best
        return after, came

    def _silence(self, state: str, moment: int) -> float:
        """Return what it costs that of those who speak of this and tell of changes some say nothing of a change."""
        if not self._reports:
            return 0.0
        price = 0.0
        for house, last in self._last_said.items():
            told = self._reports.get(house)
            if told is not None and last.get(state, _EVER) < moment:
                seen = 1.0 - exp(-(self._now - moment) / told.delay) if told.delay and self._now != _EVER else 1.0
                price -= log1p(-min(told.rate, _MOST_TELLING) * max(seen, 0.0))
        return price

    def _leaving(self, standing: Sequence[_Word], moment: int) -> float:
        """Return what it costs that a value ends at a moment, by those who claim it still."""
        votes: dict[str, float] = {}
        cut = 0.0
        for word in standing:
            vote = self._aged(word, moment)
            votes[word.house] = max(votes.get(word.house, 0.0), vote)
            if word.closed and word.start != _EVER:
                cut += vote * (word.end - moment) / (word.end - word.start)
        return min(self._price, sum(votes.values())) + cut

    def _aged(self, word: _Word, moment: int) -> float:
        if self._half_life is None or word.start == _EVER:
            return word.vote
        return word.vote * float(0.5 ** (max(moment - word.start, 0) / self._half_life))

    def _heard(self) -> dict[int, list[tuple[str, float]]]:
        """What begins at each moment with its vote; who only repeats, with nothing new said between, has none."""
        heard: dict[int, list[tuple[str, float]]] = defaultdict(list)
        last: dict[str, _Word] = {}
        latest: tuple[str, int] = ("", _EVER)  # The value that was said last, and when.
        other = _EVER  # When any other value was said last.
        for word in self.words:
            before = last.get(word.house)
            since = other if latest[0] == word.key else latest[1]
            repeats = before is not None and before.key == word.key and before.start >= since and since != word.start
            heard[word.start].append((word.key, 0.0 if repeats else word.vote))
            last[word.house] = word
            if latest[0] != word.key:
                other = latest[1]
            latest = (word.key, word.start)
        return heard

    def _emitted(self, state: str, moment: int, heard: Mapping[int, Sequence[tuple[str, float]]]) -> float:
        """Return what it costs that a state holds while these claims begin and end."""
        said = sum(vote for key, vote in heard.get(moment, ()) if key != state)
        return said + sum(word.vote for word in self._stops[moment] if word.key == state)

    def _refined(self, spans: Sequence[tuple[int, str]]) -> list[tuple[int, str]]:
        """Return the spans, each from where more than half of its votes say that it begins, if they name one moment."""
        refined: list[tuple[int, str]] = []
        for at, (start, state) in enumerate(spans):
            end = spans[at + 1][0] if at + 1 < len(spans) else _NEVER
            votes: dict[int, float] = defaultdict(float)
            for moment in self.moments[bisect_left(self.moments, start) : bisect_left(self.moments, end)]:
                told = self._stops[moment] if state == _NONE else self._begins[moment]
                votes[moment] += sum(word.vote for word in told if state in (_NONE, word.key))
            best = max(votes, key=lambda moment: (votes[moment], -moment), default=start)
            refined.append((best if votes[best] > 0.5 * sum(votes.values()) else start, state))
        return refined

    def _assigned(self, spans: Sequence[tuple[int, str]]) -> dict[int, list[int]]:
        """Return the claims of each span: those that begin in it. Of another value, they speak against it.

        A span of which no claim begins in it has those of its value that were made before and hold on.
        """
        starts = [start for start, _ in spans]
        mine: dict[int, list[int]] = defaultdict(list)
        own = set()
        for word in self.words:
            at = max(bisect_right(starts, word.start) - 1, 0)
            if spans[at][1] == _NONE:
                at = max((each for each in range(at) if spans[each][1] != _NONE), default=at)
            mine[at].append(word.index)
            if spans[at][1] == word.key:
                own.add(at)
        for at, (start, state) in enumerate(spans):
            if state == _NONE or at in own:
                continue
            carried = {word.index for word in self.words if word.key == state and word.start < start < word.last}
            for place, held in mine.items():
                if spans[place][1] != state:
                    held[:] = [index for index in held if index not in carried]
            mine[at] += [index for index in sorted(carried) if not any(index in held for held in mine.values())]
        return mine
