"""The process that reads texts for another one: lists of them come in on standard input, what was found goes out."""

import pickle
import sys
from typing import BinaryIO

from kgmem.domain.errors import KgmemError
from kgmem.extraction.offline import LENGTH
from kgmem.extraction.rules import done


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer until there are no more requests, which is when the other process ended."""
    while len(head := requests.read(LENGTH.size)) == LENGTH.size:
        work = pickle.loads(requests.read(LENGTH.unpack(head)[0]))  # noqa: S301  # Both ends are this program.
        try:
            told: object = done(work)
        except KgmemError as error:
            told = error
        message = pickle.dumps(told)
        answers.write(LENGTH.pack(len(message)) + message)
        answers.flush()


if __name__ == "__main__":
    pipe = sys.stdout.buffer
    # What a library prints must not stand among the answers.
    sys.stdout = sys.stderr
    serve(sys.stdin.buffer, pipe)
