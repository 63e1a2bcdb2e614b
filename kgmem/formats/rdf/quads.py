"""Canonical N-Quads: the one form in which RDF of any syntax lies in a temporary file before it becomes records.

Each line is one quad, its parts apart by one blank, nothing else in it: what pyoxigraph writes, and what most
N-Triples files are already. So a line is taken apart by one regular expression.
"""

import re
from array import array
from bisect import bisect_left, bisect_right
from typing import Final

import numpy as np

# IRIs that pyoxigraph would surely take as they are; what is not of this form is left to it. No ports, no brackets.
_PART = r"[!$&-;=?-Z_a-z~\u00a1-\ud7ff\uf900-\ufdcf\ufdf0-\uffef]*+(?:%[0-9A-Fa-f]{2}[!$&-;=?-Z_a-z~]*+)*"
_IRI = rf"<[A-Za-z][A-Za-z0-9+.-]*+:(?://[A-Za-z0-9.-]*+(?=[/?#>])|(?!//)){_PART}(?:\#{_PART})?>"
_BLANK = "_:[A-Za-z0-9_]++"
_LITERAL = (
    rf'"[^"\\\x00-\x1f\x7f]*+(?:\\[tbnrf"\\][^"\\\x00-\x1f\x7f]*+)*"(?:@[a-z]{{2,3}}(?:-[a-z]{{2}})?|\^\^{_IRI})?'
)
_REST = rf" {_IRI} (?:{_IRI}|{_BLANK}|{_LITERAL})"
_RUN = r"({node}){rest} \.\n(?:\1{rest} \.\n)*"
# Lines of one subject that are canonical, and surely right: a subject, and the text of all its lines.
PLAIN_TRIPLES: Final = re.compile(_RUN.format(node=f"{_IRI}|{_BLANK}", rest=_REST))
PLAIN_QUADS: Final = re.compile(_RUN.format(node=f"{_IRI}|{_BLANK}", rest=rf"{_REST}(?: (?:{_IRI}|{_BLANK}))?"))
# The same of lines that are known to be right.
_SUBJECTS = re.compile(r"^(<[^>]*+>|_:[^ ]*+) [^\n]*+\n(?:\1 [^\n]*+\n)*", re.MULTILINE)
# subject, predicate, object that is a node, text, tail, triple term, graph
ROW: Final = re.compile(
    r'(<[^>]*+>|_:[^ ]*+) <([^>]*+)> (?:(<(?!<)[^>]*+>|_:[^ ]*+)|"([^"\\]*+(?:\\.[^"\\]*+)*)"(@[^ ]*+|\^\^<[^>]*+>)?'
    r"|(<<\(.*?\)>>))(?: (<(?!<)[^>]*+>|_:[^ ]*+))? \.\n"
)
Row = tuple[str, str, str, str, str, str, str]
# pyoxigraph names blank nodes that have no label by 128 random bits, such that the first digit but zero is a letter.
_NAMELESS = re.compile(r"_:([a-f][0-9a-f]{19,31})(?![\w.-])")
NAMELESS: Final = re.compile(r"[a-f][0-9a-f]{19,31}")
_FEW = 1_000_000
_MOST = 4_000_000  # Hashes that are gathered before those that stand twice are thrown out: 32 MB.


class HashSet:
    """A set of 64-bit hashes in eight bytes each."""

    def __init__(self, hashes: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> None:
        """Take the hashes, sorted."""
        self._sorted = array("q", hashes.tobytes())

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._sorted)

    def place(self, hash_: int) -> int:
        """Return the place of a hash among all, -1 when it is none of them."""
        at = bisect_left(self._sorted, hash_)
        return at if at < len(self._sorted) and self._sorted[at] == hash_ else -1


class Seen:
    """The hashes that were seen, in a set as long as they are few, and then in eight bytes each."""

    def __init__(self) -> None:
        """Begin with none."""
        self._few: set[int] = set()
        self._many: list[HashSet] = []

    def first(self, hash_: int) -> bool:
        """Return whether a hash is seen for the first time."""
        if hash_ in self._few or any(part.place(hash_) >= 0 for part in self._many):
            return False
        self._few.add(hash_)
        if len(self._few) > _FEW:
            self._many.append(HashSet(np.array(sorted(self._few), dtype=np.int64)))
            self._few = set()
        return True


class Survey:
    """What must be known of all quads before the first record is given, in a few bytes for each subject.

    Which subjects there are, which of them stand in several places, which links have a statement of their own, and how
    nameless blank nodes are numbered. Texts are known by their hashes: of ten million nodes, two have the same
    one with a probability of 0.000003.
    """

    def __init__(self, namespace: str, *, nameless: bool) -> None:
        """Take kgmem's namespace, and whether the parser made up names for blank nodes."""
        self._subjects = array("q")
        self._scattered = array("q")
        self._nameless = array("q") if nameless else None
        self._stated = array("q")
        self._statement = re.compile(rf"^<{re.escape(namespace)}relationship/([0-9a-f]{{16}})/", re.MULTILINE)
        self._mark = f"<{namespace}relationship/"
        self._last = ""
        self._limit = _MOST

    def feed(self, text: str, subjects: "list[str] | None" = None) -> None:
        """Take lines, and the subject of each run of them where these are known."""
        found = subjects if subjects is not None else _SUBJECTS.findall(text)
        # A run may go on in the next chunk.
        begun = found[1:] if found and found[0] == self._last else found
        self._last = found[-1] if found else self._last
        self._subjects.extend(map(hash, begun))
        if self._nameless is not None and "_:" in text:
            self._nameless.extend(map(nameless_number, _NAMELESS.findall(text)))
        if self._mark in text:
            self._stated.extend(_signed(digits) for digits in self._statement.findall(text))
        if len(self._subjects) > self._limit:
            self._compact()
            self._limit = max(_MOST, 2 * len(self._subjects))

    def _compact(self) -> None:
        subjects, counts = np.unique(_numbers(self._subjects), return_counts=True)
        self._scattered.extend(subjects[counts > 1].tolist())
        if len(subjects) < len(self._subjects):
            self._subjects = array("q", subjects.tobytes())
        if self._nameless is not None:
            self._nameless = array("q", _in_order(_numbers(self._nameless)).tobytes())

    def scattered(self) -> HashSet:
        """Return the subjects that stand in several places."""
        subjects, counts = np.unique(_numbers(self._subjects), return_counts=True)
        return HashSet(np.union1d(subjects[counts > 1], _numbers(self._scattered)))

    def subjects(self) -> HashSet:
        """Return all subjects."""
        return HashSet(np.unique(_numbers(self._subjects)))

    def stated(self) -> HashSet:
        """Return the links that a statement says more about."""
        return HashSet(np.unique(_numbers(self._stated)))

    def nameless(self) -> "Numbering":
        """Return the numbers of nameless blank nodes."""
        return Numbering(_in_order(_numbers(self._nameless if self._nameless is not None else array("q"))))


class Numbering:
    """Numbers nameless blank nodes in the order in which they first stand in the file."""

    def __init__(self, in_order: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> None:
        """Take what represents each of them."""
        ranks = np.argsort(in_order, kind="stable")
        self._sorted = array("q", in_order[ranks].tobytes())
        self._ranks = array("q", ranks.astype(np.int64).tobytes())

    def number(self, label: str) -> int | None:
        """Return the number of a label, from 0; None for one that is not nameless."""
        wanted = nameless_number(label)
        at = bisect_left(self._sorted, wanted)
        return self._ranks[at] if at < len(self._sorted) and self._sorted[at] == wanted else None


class LineNumbers:
    """Which line of the file a quad stands on, where each quad has a line of its own."""

    def __init__(self) -> None:
        """Begin with a file that has nothing but quads."""
        self._left_out = array("q")  # For each line that is no quad, how many quads stand before it.

    def leave_out(self, before: int) -> None:
        """Note a line that is no quad."""
        self._left_out.append(before)

    def line(self, quad: int) -> int:
        """Return the line, from 1, of a quad, from 0."""
        return quad + 1 + bisect_right(self._left_out, quad)


def nameless_number(label: str) -> int:
    """Return sixty of the random bits that name a blank node."""
    return int(label[-15:], 16)


def stated_hash(digest: str) -> int:
    """Return the hash that stands for a link with a statement of its own."""
    return _signed(digest)


def _signed(digits: str) -> int:
    number = int(digits, 16)
    return number - 2**64 if number >= 2**63 else number


def _numbers(hashes: "array[int]") -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    return np.frombuffer(hashes, dtype=np.int64) if len(hashes) else np.empty(0, dtype=np.int64)


def _in_order(numbers: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """Return each number once, in the order in which they first stand."""
    _, first = np.unique(numbers, return_index=True)
    return numbers[np.sort(first)]
