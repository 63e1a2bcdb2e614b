"""Erasures: of persons and scopes, their reports, and the search that finds no trace."""

from collections.abc import Sequence

from kgmem.domain.erasure.erasure import (
    ErasurePlan,
    ErasureRequest,
    Progress,
    SignedReport,
    Verification,
    no_progress,
)
from kgmem.domain.erasure.sought import MOST_TEXTS, sought
from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Page
from kgmem.services.erasure import erase as erasing
from kgmem.services.ports import Ports


class Erasures:
    """Erasures of persons and scopes from a graph, with signed reports."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def plan(
        self, graph: str, request: ErasureRequest, *, server: bool = True, progress: Progress = no_progress
    ) -> ErasurePlan:
        """Return what an erasure would take, with samples, and change nothing. Raises InvalidInput, NotFound."""
        return await erasing.plan(self._ports, graph, request.checked(), server=server, progress=progress)

    async def erase(
        self, graph: str, request: ErasureRequest, *, server: bool = True, progress: Progress = no_progress
    ) -> SignedReport:
        """Erase a person or a scope; returns a signed report.

        It leaves what is current and the history, what was derived and published, jobs, files of the server and, with
        `server`, the server's own tables. Texts that mention a person go as a whole; entities, blocks and states of
        others stay, without what names it. A second call completes what was broken off. Raises InvalidInput, NotFound,
        and Conflict under a legal hold.
        """
        checked = request.checked()
        return await erasing.erase(self._ports, graph, checked, server=server, progress=progress)

    async def verify(
        self, graph: str, texts: Sequence[str], *, report: str | None = None, server: bool = True
    ) -> Verification:
        """Search every table and Redis for texts again, compressed values as well, and files of the server.

        With the id of a report these have to be texts of that erasure: the report has only hashes of them. Raises
        InvalidInput, NotFound, and Conflict for texts of another erasure.
        """
        if not 1 <= len(texts) <= MOST_TEXTS:
            raise InvalidInput(f"{len(texts)} texts were given.", hint=f"Give 1 to {MOST_TEXTS}.", field="texts")
        return await erasing.verify(self._ports, graph, report, sought(texts), server=server)

    async def report(self, graph: str, id_: str) -> SignedReport:
        """Return a report. Raises NotFound."""
        return await self._ports.erasures.report(graph, id_)

    async def reports(self, graph: str, *, cursor: str | None = None, limit: int = 100) -> Page[SignedReport]:
        """Return a page of the reports of a graph, the newest first; also of one that was deleted. Raises NotFound."""
        page = await self._ports.erasures.reports(graph, cursor, limit)
        if not page.items:
            await self._ports.graphs.get(graph)
        return page

    def public_key(self) -> str:
        """Return the public key (Ed25519, base64) by which reports of this server are verified."""
        return self._ports.signer.public_key()

    def verify_report(self, signed: SignedReport) -> bool:
        """Return whether a report is as it was signed, by the key that it names."""
        return self._ports.signer.verify(signed)
