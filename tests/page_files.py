"""What pages take for granted: files beside the reader, graphs, and rows of a parameter."""

from typing import Final

_PEOPLE: Final = "key,label,name\nada,Person,Ada\nbabbage,Person,Charles\n"
_TURTLE: Final = (
    "@prefix schema: <http://schema.org/> .\n<http://example.org/bern> a schema:City ; schema:name 'Bern' .\n"
)
_GRAPHML: Final = """<graphml xmlns="http://graphml.graphdrawing.org/xmlns"><graph edgedefault="directed">
<node id="a"/><node id="b"/><edge source="a" target="b" label="KNOWS"/></graph></graphml>
"""
_GEXF: Final = """<gexf xmlns="http://gexf.net/1.3" version="1.3"><graph>
<nodes><node id="c" label="C"/></nodes></graph></gexf>
"""
_APOC: Final = '{"type":"node","id":"7","labels":["City"],"properties":{"name":"Bern"}}\n'
_NEO4J: Final = {
    "persons.csv": "personId:ID(Person),name,born:int,langs:string[],:LABEL\n1,Keanu Reeves,1964,en;fr,Person;Actor\n",
    "movies.csv": "movieId:ID(Movie),title,:LABEL\n1,The Matrix,Movie\n",
    "roles.csv": ":START_ID(Person),role,:END_ID(Movie),:TYPE\n1,Neo,1,ACTED_IN\n",
}

# Page -> name -> content. What ends in .gz need not be packed: that is told by its first bytes.
FILES: Final[dict[str, dict[str, str]]] = {
    "README.md": {
        ".venv/bin/activate": "",
        "people.csv": _PEOPLE,
        "talks.jsonl.gz": '{"type": "episode", "text": "The Eagle has landed."}\n',
        "exported/nodes.csv": "key\nx\ny\n",
    },
    "cli.md": {"notes/one.md": "# Tea\n\nAda prefers tea.\n"},
    "formats-graphs.md": {"network.graphml": _GRAPHML, "league.gexf.gz": _GEXF, "neo4j.json": _APOC},
    "formats-rdf.md": {
        "people.ttl": _TURTLE,
        "dbpedia.nt.gz": "<http://example.org/bern> <http://example.org/in> <http://example.org/ch> .\n",
    },
    "formats-tables.md": {
        **_NEO4J,
        "orders.csv": "id|customer|placed|town|lat|lon|total|note\n17|5|1288850326377|Bern|46.95|7.44|99.50|NULL\n",
        "customers.csv": "id|first|last|since\n5|Ann|Lee|1999\n",
        "persons-part1.csv": "1,Ann,1999,Person\n",
        "nodes.csv": "~id,~label,code:string\n1,airport,ZRH\n2,airport,BSL\n",
        "edges.csv": "~id,~from,~to,~label,dist:int\n9,1,2,route,77\n",
    },
    "import-export.md": {
        "people.csv": "key,label,name,born:integer,lat,lon\nada,Person,Ada,1815,51.507,-0.128\n"
        "babbage,Person,Charles,1791,51.507,-0.128\n",
        "knows.csv": "from,to,kind,valid_from\nada,babbage,KNOWS,1833\nbabbage,ada,KNOWS,1833\n",
        "talks.jsonl.gz": '{"type": "entity", "key": "apollo-11", "label": "Mission", "name": "Apollo 11"}\n'
        '{"type": "episode", "text": "The Eagle has landed.", "speaker": "Armstrong", "mentions": ["apollo-11"]}\n',
        "persons-header.csv": ":ID,name\n",
        "persons-1.csv": "p1,Pia\n",
        "persons-2.csv.gz": "p2,Per\n",
        "orders.csv": "id|town\n1|Linz\n",
        "shop.toml": '[[table]]\ndelimiter = "|"\n[[table.entity]]\nkey = "Order:{id}"\n',
        "persons.csv": "personId:ID(Person),name,:LABEL\n1,Keanu,Person\n2,Carrie,Person\n",
        "roles.csv": ":START_ID(Person),:END_ID(Person),:TYPE\n1,2,MET\n",
        "neo4j.json": _APOC,
        "people.ttl": _TURTLE,
        "exported/nodes.csv": "key\nx\ny\n",
        "exported/edges.jsonl": '{"type":"relationship","kind":"K","from":"x","to":"y"}\n',
        "exported/README.txt": "What this is.",
    },
}

# Page -> commands before its own.
PREPARATIONS: Final[dict[str, str]] = {
    "README.md": "kgmem graph create team --if-missing",
    "communities.md": 'echo \'{"key": "person/armstrong", "name": "Neil Armstrong"}\' > people.jsonl\n'
    "kgmem import people.jsonl --kind entity",
    "cypher.md": "kgmem graph create archive --if-missing",
    "formats-graphs.md": "kgmem graph create team --if-missing",
    "formats-rdf.md": "kgmem graph create team --if-missing",
    "formats-tables.md": "kgmem graph create air --if-missing\n"
    "kgmem export --graph apollo --format parquet --output all/ && mv all/nodes.parquet all/relationships.parquet .",
    "import-export.md": "kgmem graph delete team --yes || true",
    "resolution.md": "kgmem graph create space --if-missing",
}

# What `$rows` is in queries.
ROWS: Final = '[{"key": "ann", "id": 1, "a": 1, "b": 2, "name": "Ann"}, {"key": "bob", "id": 2, "a": 2, "b": 1}]'
