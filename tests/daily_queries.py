"""Queries as users and tools of Neo4j 5 send them: what openCypher 9 does not have, and what is easily got wrong."""

DAILY = (
    "MATCH (n:A|B) RETURN n",
    "MATCH (n:!A) WHERE n:B&!C OR n:% RETURN n",
    "MATCH (n:(A|B)&!C)-[r:R1|R2]->(m IS Person) RETURN n, r, m",
    "MATCH (n:A WHERE n.x > 3)-[r:R WHERE r.y < 2]->(m {z: $z}) RETURN n",
    "MATCH p = SHORTEST 1 (a:A)-[:R]->+(b:B) RETURN p",
    "MATCH p = ALL SHORTEST (a)-[:R*1..5]-(b) WHERE a.x = 1 RETURN length(p)",
    "MATCH p = SHORTEST 2 GROUPS ((a)-[:R]->(b) WHERE a.x < b.x){1,3} RETURN p, a, b",
    "MATCH ANY (a)((x)-[e:R]->(y)){2,}(b) RETURN x, e, size(y)",
    "MATCH p = shortestPath((a:A {x: 1})-[:R*..15]-(b:B)) RETURN [n IN nodes(p) | n.name] AS names",
    "MATCH p = allShortestPaths((a)-[*]-(b)) RETURN p",
    "MATCH (a), (b) RETURN shortestPath((a)-[*..3]-(b)) AS p",
    "MATCH (n) CALL { WITH n MATCH (n)-->(m) RETURN count(m) AS c } RETURN n, c",
    (
        "MATCH (n) CALL (n) { MATCH (n)-->(m) RETURN count(m) AS c UNION MATCH (n)<--(m) RETURN "
        "count(m) AS c } RETURN n, c"
    ),
    "MATCH (n) CALL (*) { SET n.x = 1 } RETURN n",
    "UNWIND $rows AS row CALL (row) { MERGE (n:A {id: row.id}) SET n += row } IN TRANSACTIONS OF 1000 ROWS",
    (
        "UNWIND $rows AS row CALL (row) { CREATE (:A) } IN 4 CONCURRENT TRANSACTIONS OF 100 ROWS ON "
        "ERROR CONTINUE REPORT STATUS AS s RETURN s"
    ),
    (
        "MATCH (n) WHERE EXISTS { (n)-->(m:A) WHERE m.x > n.x } AND COUNT { (n)--() } > 3 RETURN "
        "COLLECT { MATCH (n)-->(m) RETURN m.name ORDER BY m.name } AS names"
    ),
    "MATCH (n) RETURN [(n)-[r:R]->(m) WHERE m.x > 1 | m {.name, .*, since: r.since, n}] AS list",
    "MATCH (n) RETURN [p = (n)-->(m) | length(p)]",
    (
        "MATCH (n) WHERE all(x IN n.list WHERE x > 1) AND none(y IN n.list WHERE y = 2) RETURN reduce(t "
        "= 0, x IN n.list | t + x)"
    ),
    "RETURN CASE $x WHEN 1, 2 THEN 'a' ELSE 'b' END, CASE WHEN $y > 1 THEN 1 END",
    (
        "FOREACH (x IN [1, 2] | CREATE (:A {x: x}) MERGE (b:B {y: x}) ON CREATE SET b.new = true ON "
        "MATCH SET b.new = false)"
    ),
    "MATCH (n) SET n:A:B, n[$key] = 1, n.x = date('2020-01-01'), n += $map REMOVE n:C, n.y",
    "CREATE (n:A $props)-[r:R $p2]->(m) RETURN elementId(n), n, r",
    "MATCH (n) WHERE n.x IS :: INTEGER AND n.y IS NOT :: STRING NOT NULL AND n.z :: LIST<FLOAT | STRING> RETURN n",
    "SHOW DATABASES YIELD name, currentStatus WHERE currentStatus = 'online'",
    "SHOW DATABASES",
    "SHOW VECTOR INDEXES YIELD name, type WHERE type = 'VECTOR' RETURN name",
    "SHOW INDEXES",
    "SHOW ALL CONSTRAINTS",
    "SHOW PROCEDURES yield name, description, signature",
    "SHOW FUNCTIONS YIELD *",
    "SHOW DATABASE neo4j",
    "CREATE INDEX FOR (n:A) ON (n.x, n.y)",
    "CREATE INDEX idx IF NOT EXISTS FOR ()-[r:R]-() ON (r.x)",
    (
        "CREATE VECTOR INDEX $name IF NOT EXISTS FOR (n:Chunk) ON n.embedding OPTIONS {indexConfig: "
        "{`vector.dimensions`: 384, `vector.similarity_function`: 'cosine'}}"
    ),
    "CREATE FULLTEXT INDEX ft FOR (n:A|B) ON EACH [n.x, n.y]",
    "CREATE LOOKUP INDEX FOR (n) ON EACH labels(n)",
    "CREATE LOOKUP INDEX FOR ()-[r]-() ON EACH type(r)",
    "DROP INDEX idx IF EXISTS",
    "DROP CONSTRAINT c",
    "CREATE CONSTRAINT c IF NOT EXISTS FOR (n:A) REQUIRE n.x IS UNIQUE",
    "CREATE CONSTRAINT FOR (n:A) REQUIRE (n.x, n.y) IS NODE KEY",
    "CREATE CONSTRAINT FOR ()-[r:R]-() REQUIRE r.x IS NOT NULL",
    "CREATE CONSTRAINT FOR (n:A) REQUIRE n.x IS :: INTEGER",
    "USE neo4j MATCH (n) RETURN n",
    "USE graph.byName('x') MATCH (n) RETURN n",
    "EXPLAIN MATCH (n) RETURN n",
    "PROFILE CYPHER 5 runtime=pipelined planner=cost MATCH (n) RETURN n",
    "CYPHER 25 MATCH (n) RETURN n",
    "MATCH (n) USING INDEX n:A(x) WHERE n.x = 1 RETURN n",
    "MATCH (n) RETURN n.x AS end, n.count AS count, labels(n) AS labels ORDER BY end, count LIMIT 3;",
    (
        "MATCH (n) WHERE elementId(n) IN $node_ids RETURN n as start, NULL as rel, NULL as end UNION "
        "ALL MATCH (n)-[rel]-(m) WHERE elementId(n) IN $node_ids RETURN n as start, rel, m as end"
    ),
    (
        "CALL db.labels() YIELD label RETURN {name:'labels', data:COLLECT(label)[..1000]} AS result "
        "UNION ALL CALL db.labels() YIELD label RETURN {name:'labels2', data:COLLECT(label)[..1000]} AS "
        "result"
    ),
    (
        "MATCH () RETURN { name:'nodes', data:count(*) } AS result UNION ALL MATCH ()-[]->() RETURN { "
        "name:'relationships', data: count(*)} AS result"
    ),
    "MATCH path = (a)--(o) WHERE NOT id(o) IN [1,2] WITH *, COUNT { (o)--() } AS c RETURN path, c",
    "MATCH (n) WHERE (n)-[:R]->() OR NOT (n)<--(:A {x: 1}) RETURN n",
    (
        "RETURN trim(BOTH 'x' FROM 'xxaxx'), trim('  a '), point({x: 1, y: 2}), duration('P1D'), "
        "datetime.truncate('day', datetime())"
    ),
    "MATCH (a:$($label)) SET a:$(a.kind) RETURN a",
    "MATCH (a)-[r]-(b) WHERE type(r) = 'X' AND startNode(r) = a RETURN *",
    "MATCH (n) RETURN n {.name, age: n.age + 1} AS person SKIP $s LIMIT $l",
    "MATCH (n) WITH n ORDER BY n.x DESC LIMIT 5 WHERE n.x > 3 RETURN collect(n.x)[0..3] AS xs, n.y",
    "MATCH (`my node`:`My Label` {`my key`: $`my param`}) RETURN `my node`.`my key`, $1",
    "RETURN [x IN range(1, 10) WHERE x % 2 = 0 | x ^ 2], 'a' + 1, [1] + 2, -2 ^ 2, 1e3, .5, 0x1F, 1_000",
    "MATCH (n) DETACH DELETE n FINISH",
    (
        "MATCH (n) WHERE n.name =~ '(?i)a.*' AND n.name CONTAINS 'x' AND n.x <> 3 AND 1 < n.y <= 3 XOR "
        "n.z IS NOT NULL RETURN n"
    ),
    "OPTIONAL MATCH (n) OPTIONAL CALL { RETURN 1 AS x } RETURN n, x",
    "MATCH (n)--(m) RETURN n, count(*) AS c ORDER BY c DESC, n.name",
    "MATCH (a)-[:R {x: 1}]->{1,3}(b) RETURN a",
    "MATCH (n) RETURN count{(n)-->()} + 1",
    "MATCH (n) CALL db.x(n.a) YIELD y AS z WHERE z > 1 RETURN z",
    "RETURN kgmem.distance_km(point({longitude: 1, latitude: 2}), $p), vector.similarity.cosine([1.0], $v)",
    "MATCH (n) RETURN n.x, count(*) ORDER BY n.x",
    "RETURN count(*) AS `count(*)`",
    "WITH [1,2,3] AS list RETURN list[0], list[-1], list[1..], list[..2]",
    "MATCH p = (a)-[r:R*2..3 {x: 1}]->(b) RETURN nodes(p), [x IN r | x.y]",
    "MATCH (n) WHERE exists(n.x) AND exists((n)-->()) RETURN n",
    "MATCH (n) WHERE n IS NOT NULL RETURN DISTINCT n, n.x AS x ORDER BY x, n.x",
)
