// The short and complex reads of LDBC's interactive workload. Times come as milliseconds since 1970.

// name: short_1
MATCH (p:Person {id: $personId})-[:IS_LOCATED_IN]->(city:Place)
RETURN p.firstName AS firstName, p.lastName AS lastName, datetime(p.birthday).epochMillis AS birthday,
       p.locationIP AS ip, p.browserUsed AS browser, city.id AS cityId, p.gender AS gender,
       datetime(p.creationDate).epochMillis AS creationDate

// name: short_2
MATCH (:Person {id: $personId})<-[:HAS_CREATOR]-(message:Post|Comment)
WITH message, datetime(message.creationDate).epochMillis AS creationDate
ORDER BY creationDate DESC, message.id DESC LIMIT 10
MATCH (message)-[:REPLY_OF*0..]->(post:Post)-[:HAS_CREATOR]->(author:Person)
RETURN message.id AS messageId, coalesce(message.text, message.imageFile) AS content, creationDate,
       post.id AS postId, author.id AS authorId, author.firstName AS firstName, author.lastName AS lastName
ORDER BY creationDate DESC, messageId DESC

// name: short_3
MATCH (:Person {id: $personId})-[knows:KNOWS]-(friend)
RETURN friend.id AS friendId, friend.firstName AS firstName, friend.lastName AS lastName,
       datetime(knows.valid_from).epochMillis AS since
ORDER BY since DESC, friendId

// name: short_4
MATCH (m:Post|Comment {id: $messageId})
RETURN datetime(m.creationDate).epochMillis AS creationDate, coalesce(m.text, m.imageFile) AS content

// name: short_5
MATCH (:Post|Comment {id: $messageId})-[:HAS_CREATOR]->(p:Person)
RETURN p.id AS personId, p.firstName AS firstName, p.lastName AS lastName

// name: short_6
MATCH (:Post|Comment {id: $messageId})-[:REPLY_OF*0..]->(:Post)<-[:CONTAINER_OF]-(f:Forum)-[:HAS_MODERATOR]->(p)
RETURN f.id AS forumId, f.name AS title, p.id AS moderatorId, p.firstName AS firstName, p.lastName AS lastName

// name: short_7
MATCH (m:Post|Comment {id: $messageId})<-[:REPLY_OF]-(reply:Comment)-[:HAS_CREATOR]->(author)
MATCH (m)-[:HAS_CREATOR]->(first)
RETURN reply.id AS replyId, reply.text AS content, datetime(reply.creationDate).epochMillis AS creationDate,
       author.id AS authorId, author.firstName AS firstName, author.lastName AS lastName,
       EXISTS { (first)-[:KNOWS]-(author) } AS knows
ORDER BY creationDate DESC, authorId

// name: complex_1
MATCH (p:Person {id: $personId}), (friend:Person {firstName: $firstName})
WHERE p <> friend
MATCH path = shortestPath((p)-[:KNOWS*1..3]-(friend))
WITH friend, length(path) AS distance
ORDER BY distance, friend.lastName, friend.id LIMIT 20
MATCH (friend)-[:IS_LOCATED_IN]->(city:Place)
RETURN friend.id AS friendId, friend.lastName AS lastName, distance,
       datetime(friend.birthday).epochMillis AS birthday, datetime(friend.creationDate).epochMillis AS creationDate,
       friend.gender AS gender, friend.browserUsed AS browser, friend.locationIP AS ip,
       reduce(all = '', e IN friend.email | all + CASE all WHEN '' THEN '' ELSE ';' END + e) AS emails,
       reduce(all = '', l IN friend.language | all + CASE all WHEN '' THEN '' ELSE ';' END + l) AS languages,
       city.name AS city,
       COLLECT { MATCH (friend)-[s:STUDY_AT]->(u)-[:IS_LOCATED_IN]->(c)
                 RETURN [u.name, s.classYear, c.name] ORDER BY u.name } AS universities,
       COLLECT { MATCH (friend)-[w:WORK_AT]->(o)-[:IS_LOCATED_IN]->(c)
                 RETURN [o.name, toInteger(w.valid_from), c.name] ORDER BY o.name } AS companies
ORDER BY distance, lastName, friendId

// name: complex_2
MATCH (:Person {id: $personId})-[:KNOWS]-(friend)<-[:HAS_CREATOR]-(message:Post|Comment)
WITH friend, message, datetime(message.creationDate).epochMillis AS creationDate
WHERE creationDate <= $maxDate
RETURN friend.id AS friendId, friend.firstName AS firstName, friend.lastName AS lastName, message.id AS messageId,
       coalesce(message.text, message.imageFile) AS content, creationDate
ORDER BY creationDate DESC, messageId LIMIT 20

// name: complex_3
MATCH (x:Place&country {name: $countryXName})
MATCH (y:Place&country {name: $countryYName})
MATCH (p:Person {id: $personId})-[:KNOWS*1..2]-(friend)
WHERE friend <> p
WITH DISTINCT x, y, friend
MATCH (friend)-[:IS_LOCATED_IN]->()-[:IS_PART_OF]->(home)
WHERE home <> x AND home <> y
MATCH (friend)<-[:HAS_CREATOR]-(message:Post|Comment)-[:IS_LOCATED_IN]->(country)
WHERE country IN [x, y]
WITH x, y, friend, country, datetime(message.creationDate).epochMillis AS at
WHERE $startDate <= at < $endDate
WITH friend, sum(CASE WHEN country = x THEN 1 ELSE 0 END) AS xCount,
     sum(CASE WHEN country = y THEN 1 ELSE 0 END) AS yCount
WHERE xCount > 0 AND yCount > 0
RETURN friend.id AS friendId, friend.firstName AS firstName, friend.lastName AS lastName, xCount, yCount
ORDER BY xCount DESC, friendId LIMIT 20

// name: complex_4
MATCH (:Person {id: $personId})-[:KNOWS]-(friend)<-[:HAS_CREATOR]-(post:Post)-[:HAS_TAG]->(tag:Tag)
WITH tag, post, datetime(post.creationDate).epochMillis AS at
WITH tag, count(DISTINCT CASE WHEN $startDate <= at < $endDate THEN post END) AS now,
     count(CASE WHEN at < $startDate THEN 1 END) AS before
WHERE now > 0 AND before = 0
RETURN tag.name AS tagName, now AS postCount
ORDER BY postCount DESC, tagName LIMIT 10

// name: complex_5
MATCH (p:Person {id: $personId})-[:KNOWS*1..2]-(friend)
WHERE friend <> p
WITH DISTINCT friend
MATCH (friend)<-[m:HAS_MEMBER]-(forum:Forum)
WHERE datetime(m.valid_from).epochMillis > $minDate
RETURN forum.name AS title, forum.id AS forumId,
       sum(COUNT { (forum)-[:CONTAINER_OF]->(:Post)-[:HAS_CREATOR]->(friend) }) AS postCount
ORDER BY postCount DESC, forumId LIMIT 20

// name: complex_6
MATCH (p:Person {id: $personId})-[:KNOWS*1..2]-(friend)
WHERE friend <> p
WITH DISTINCT friend
MATCH (friend)<-[:HAS_CREATOR]-(post:Post)-[:HAS_TAG]->(:Tag {name: $tagName})
MATCH (post)-[:HAS_TAG]->(other:Tag)
WHERE other.name <> $tagName
RETURN other.name AS tagName, count(DISTINCT post) AS postCount
ORDER BY postCount DESC, tagName LIMIT 10

// name: complex_7
MATCH (p:Person {id: $personId})<-[:HAS_CREATOR]-(message:Post|Comment)<-[likes:LIKES]-(liker:Person)
WITH p, liker, message, datetime(likes.valid_from).epochMillis AS at
ORDER BY at DESC, message.id
WITH p, liker, head(collect({message: message, at: at})) AS latest
WITH p, liker, latest.message AS message, latest.at AS at
RETURN liker.id AS likerId, liker.firstName AS firstName, liker.lastName AS lastName, at AS likedAt,
       message.id AS messageId, coalesce(message.text, message.imageFile) AS content,
       (at - datetime(message.creationDate).epochMillis) / 60000 AS minutes, NOT (p)-[:KNOWS]-(liker) AS isNew
ORDER BY likedAt DESC, likerId LIMIT 20

// name: complex_8
MATCH (:Person {id: $personId})<-[:HAS_CREATOR]-()<-[:REPLY_OF]-(reply:Comment)-[:HAS_CREATOR]->(author:Person)
RETURN author.id AS authorId, author.firstName AS firstName, author.lastName AS lastName,
       datetime(reply.creationDate).epochMillis AS creationDate, reply.id AS replyId, reply.text AS content
ORDER BY creationDate DESC, replyId LIMIT 20

// name: complex_9
MATCH (p:Person {id: $personId})-[:KNOWS*1..2]-(friend)
WHERE friend <> p
WITH DISTINCT friend
MATCH (friend)<-[:HAS_CREATOR]-(message:Post|Comment)
WITH friend, message, datetime(message.creationDate).epochMillis AS creationDate
WHERE creationDate < $maxDate
RETURN friend.id AS friendId, friend.firstName AS firstName, friend.lastName AS lastName, message.id AS messageId,
       coalesce(message.text, message.imageFile) AS content, creationDate
ORDER BY creationDate DESC, messageId LIMIT 20

// name: complex_10
MATCH (p:Person {id: $personId})-[:KNOWS*2..2]-(friend)
WHERE friend <> p AND NOT (p)-[:KNOWS]-(friend)
WITH DISTINCT p, friend, datetime(friend.birthday) AS born
WHERE born.month = $month AND born.day >= 21 OR born.month = $month % 12 + 1 AND born.day < 22
MATCH (friend)-[:IS_LOCATED_IN]->(city)
WITH p, friend, city, COUNT { (friend)<-[:HAS_CREATOR]-(:Post) } AS posts,
     COUNT { MATCH (friend)<-[:HAS_CREATOR]-(post:Post) WHERE (post)-[:HAS_TAG]->()<-[:HAS_INTEREST]-(p) } AS common
RETURN friend.id AS friendId, friend.firstName AS firstName, friend.lastName AS lastName, 2 * common - posts AS score,
       friend.gender AS gender, city.name AS city
ORDER BY score DESC, friendId LIMIT 10

// name: complex_11
MATCH (p:Person {id: $personId})-[:KNOWS*1..2]-(friend)
WHERE friend <> p
WITH DISTINCT friend
MATCH (friend)-[w:WORK_AT]->(company)-[:IS_LOCATED_IN]->(:Place {name: $countryName})
WITH friend, company, toInteger(w.valid_from) AS year
WHERE year < $workFromYear
RETURN friend.id AS friendId, friend.firstName AS firstName, friend.lastName AS lastName, company.name AS company, year
ORDER BY year, friendId, company DESC LIMIT 10

// name: complex_12
MATCH (tag:Tag)-[:HAS_TYPE]->(:TagClass)-[:IS_SUBCLASS_OF*0..]->(:TagClass {name: $tagClassName})
WITH collect(DISTINCT tag) AS tags
MATCH (:Person {id: $personId})-[:KNOWS]-(friend)<-[:HAS_CREATOR]-(reply:Comment)-[:REPLY_OF]->(post:Post)
MATCH (post)-[:HAS_TAG]->(tag)
WHERE tag IN tags
WITH friend, tag, reply ORDER BY tag.name
RETURN friend.id AS friendId, friend.firstName AS firstName, friend.lastName AS lastName,
       collect(DISTINCT tag.name) AS tagNames, count(DISTINCT reply) AS replies
ORDER BY replies DESC, friendId LIMIT 20

// name: complex_13
MATCH (a:Person {id: $person1Id}), (b:Person {id: $person2Id})
OPTIONAL MATCH path = shortestPath((a)-[:KNOWS*]-(b))
RETURN coalesce(length(path), -1) AS length

// name: complex_14
MATCH (a:Person {id: $person1Id}), (b:Person {id: $person2Id})
MATCH path = allShortestPaths((a)-[:KNOWS*]-(b))
WITH path, nodes(path) AS people
UNWIND range(1, size(people) - 1) AS n
WITH path, people, people[n - 1] AS one, people[n] AS other
WITH path, people,
     COUNT { (one)<-[:HAS_CREATOR]-(:Comment)-[:REPLY_OF]->(:Post)-[:HAS_CREATOR]->(other) } AS there,
     COUNT { (other)<-[:HAS_CREATOR]-(:Comment)-[:REPLY_OF]->(:Post)-[:HAS_CREATOR]->(one) } AS back,
     COUNT { (one)<-[:HAS_CREATOR]-(:Comment)-[:REPLY_OF]-(:Comment)-[:HAS_CREATOR]->(other) } AS between
RETURN [p IN people | p.id] AS personIds, sum(there + back + 0.5 * between) AS weight
ORDER BY weight DESC, personIds
