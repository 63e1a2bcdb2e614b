"""Neo4j's driver for JavaScript over TCP, and over WebSocket from a page; neovis.js draws a graph."""

import zlib
from pathlib import Path

import pytest

from kgmem.memory import Memory
from tests.clients import browser
from tests.clients.conftest import Server
from tests.clients.environments import SCRIPTS, node, said

pytestmark = pytest.mark.slow

VERSIONS = ["4.4.11", "5.28.1", "6.3.0"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_driver_for_javascript_reads_and_writes(server: Server, version: str) -> None:
    found = await said(["node", SCRIPTS / "driver.js"], cwd=node(f"neo4j-driver@{version}"), **server.told)
    for labels, same_time, safe, total, code, kind in found:
        assert (labels, same_time, safe, total) == (["Person"], True, True, 3000 * 3001 // 2)
        assert (code, kind) == ("Neo.ClientError.Statement.ArithmeticError", "R")


PAGE = """<!doctype html><meta charset="utf-8"><script src="{driver}"></script><script>
const told = {told}
async function ask () {{
  const driver = neo4j.driver(`${{told.scheme}}://${{told.address}}`, neo4j.auth.basic('neo4j', told.key))
  const session = driver.session()
  const answer = await session.run('UNWIND range(1, 2000) AS n RETURN n, {{at: date("2020-01-02")}} AS m')
  const records = answer.records
  return [records.length, records[1999].get('n').toNumber(), records[0].get('m').at.toString()]
}}
ask().then((found) => {{ window.found = found }}, (error) => {{ window.found = String(error) }})
</script>"""


@pytest.mark.parametrize("scheme", ["bolt", "neo4j"])
@pytest.mark.parametrize("version", VERSIONS)
async def test_a_page_asks_over_websocket(server: Server, version: str, scheme: str, tmp_path: Path) -> None:
    driver = node(f"neo4j-driver@{version}") / "node_modules/neo4j-driver/lib/browser/neo4j-web.js"
    page = tmp_path / "page.html"
    told = server.json.replace("{", f'{{"scheme": "{scheme}", ', 1)
    page.write_text(PAGE.format(driver=driver.as_uri(), told=told))
    async with browser.opened(page, tmp_path / "browser") as opened:
        assert await opened.awaited("window.found") == [2000, 2000, "2020-01-02"]


NEOVIS = """<!doctype html><meta charset="utf-8"><body style="margin:0;background:#fff">
<div id="graph" style="width:1000px;height:800px"></div>
<script src="{script}"></script><script>
const told = {told}
const vis = new NeoVis.default({{
  containerId: 'graph',
  neo4j: {{ serverUrl: `bolt://${{told.address}}`, serverUser: 'neo4j', serverPassword: told.key }},
  labels: {{ Person: {{ label: 'name' }}, Craft: {{ label: 'name' }} }},
  relationships: {{ FLEW: {{ value: 'seat' }} }},
  initialCypher: 'MATCH (p:Person)-[r:FLEW]->(c:Craft) RETURN p, r, c'
}})
vis.registerOnEvent('completed', () => {{
  window.drawn = [vis.nodes.length, vis.edges.length, vis.nodes.get().map((n) => n.label).sort().join()]
  vis.network.once('afterDrawing', () => {{ window.painted = true }})
}})
vis.registerOnEvent('error', (event) => {{ window.drawn = String(event.error || event) }})
vis.render()
</script></body>"""


async def test_neovis_draws_a_graph(server: Server, memory: Memory, tmp_path: Path) -> None:
    text = "UNWIND ['Neil', 'Buzz', 'Michael'] AS name MERGE (c:Craft {name: 'Columbia'}) "
    text += "CREATE (:Person {name: name})-[:FLEW {seat: 1}]->(c)"
    await memory.cypher("neo4j", text, mode="write")
    script = node("neovis.js@2.1.0") / "node_modules/neovis.js/dist/neovis.js"
    page = tmp_path / "page.html"
    page.write_text(NEOVIS.format(script=script.as_uri(), told=server.json))
    async with browser.opened(page, tmp_path / "browser") as opened:
        assert await opened.awaited("window.drawn") == [4, 3, "Buzz,Columbia,Michael,Neil"]
        await opened.awaited("window.painted")
        picture = await opened.painted()
    (tmp_path / "neovis.png").write_bytes(picture)
    assert len(_colours(picture)) > 20, "nothing is painted"


def _colours(picture: bytes) -> set[bytes]:
    """Distinct bytes of a PNG's rows, four at a time: of an empty page there are hardly any."""
    data, at = b"", 8
    while at < len(picture):
        length = int.from_bytes(picture[at : at + 4], "big")
        if picture[at + 4 : at + 8] == b"IDAT":
            data += picture[at + 8 : at + 8 + length]
        at += 12 + length
    rows = zlib.decompress(data)
    return {rows[n : n + 4] for n in range(0, len(rows) - 4, 4)}
