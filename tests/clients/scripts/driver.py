"""What a Python driver of any version does: write, read, page, fail, try again, over bolt:// and neo4j://."""

import asyncio
import json
import sys

import neo4j

TOLD = json.loads(sys.argv[1])
AUTH = ("neo4j", TOLD["key"])


def written(session):
    return session.execute_write if hasattr(session, "execute_write") else session.write_transaction


def once(url):
    with neo4j.GraphDatabase.driver(url, auth=AUTH) as driver:
        driver.verify_connectivity()
        with driver.session() as session:
            make = "MERGE (p:Person {name: $name}) SET p.at = $at, p.where = $where RETURN p"
            at, where = neo4j.time.DateTime(1969, 7, 20, 20, 17, 40, 5), neo4j.spatial.WGS84Point((23.5, 0.7))
            person = written(session)(lambda tx: tx.run(make, name="Neil", at=at, where=where).single()[0])
            same = (person["at"], person["where"], set(person.labels)) == (at, where, {"Person"})
            rows = [record[0] for record in session.run("UNWIND range(1, 3000) AS n RETURN n")]
            try:
                session.run("RETURN 1/0").consume()
                code = None
            except neo4j.exceptions.ClientError as error:
                code = error.code
            path = session.run("CREATE p = (:A {b: $b})-[:R {k: [1, 2, 3]}]->(:B) RETURN p", b=b"\0\xff").single()[0]
            values = session.run("RETURN $v AS v", v={"a": [True, None, b"xy", -(2**63), 1.5, "ü"]}).single()["v"]
            return [
                same,
                rows == list(range(1, 3001)),
                code,
                [*(next(iter(node.labels)) for node in path.nodes), path.nodes[0]["b"] == b"\0\xff"],
                values == {"a": [True, None, b"xy", -(2**63), 1.5, "ü"]},
                len(list(session.run("MATCH (p:Person) RETURN p"))),
            ]


async def beside(url):
    if not hasattr(neo4j, "AsyncGraphDatabase"):
        return None
    async with neo4j.AsyncGraphDatabase.driver(url, auth=AUTH) as driver:

        async def count(n):
            async with driver.session(default_access_mode=neo4j.READ_ACCESS) as session:
                result = await session.run("UNWIND range(1, $n) AS x RETURN sum(x)", n=n)
                return (await result.single())[0]

        return await asyncio.gather(*(count(n) for n in range(20)))


urls = [f"{scheme}://{TOLD['address']}" for scheme in ("bolt", "neo4j")]
sums = asyncio.run(beside(urls[1]))
print(json.dumps({"version": neo4j.__version__, "found": [once(url) for url in urls], "sums": sums}))
