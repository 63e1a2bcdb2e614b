-- The same questions asked of the files as they are, in SQLite: tables bear the files' names, columns of ends are a and b.

-- name: derived
CREATE TABLE message AS
    SELECT id, creationDate, CASE content WHEN '' THEN imageFile ELSE content END AS content, 1 AS post FROM post
    UNION ALL SELECT id, creationDate, content, 0 FROM comment;
CREATE TABLE creator AS
    SELECT a AS message, b AS person FROM post_hasCreator_person
    UNION ALL SELECT a, b FROM comment_hasCreator_person;
CREATE TABLE located AS
    SELECT a AS message, b AS place FROM post_isLocatedIn_place
    UNION ALL SELECT a, b FROM comment_isLocatedIn_place;
CREATE TABLE reply AS
    SELECT a AS comment, b AS message FROM comment_replyOf_post
    UNION ALL SELECT a, b FROM comment_replyOf_comment;
CREATE TABLE knows AS
    SELECT a, b, creationDate FROM person_knows_person UNION ALL SELECT b, a, creationDate FROM person_knows_person;
CREATE TABLE circle AS
    SELECT a, b FROM knows UNION SELECT x.a, y.b FROM knows x JOIN knows y ON y.a = x.b WHERE x.a <> y.b;
CREATE INDEX message_id ON message (id);
CREATE INDEX creator_message ON creator (message);
CREATE INDEX creator_person ON creator (person);
CREATE INDEX located_message ON located (message);
CREATE INDEX reply_comment ON reply (comment);
CREATE INDEX reply_message ON reply (message);
CREATE INDEX knows_a ON knows (a);
CREATE INDEX knows_b ON knows (b);
CREATE INDEX circle_a ON circle (a);
ANALYZE;

-- name: short_1
SELECT firstName, lastName, birthday, locationIP, browserUsed, l.b, gender, creationDate
FROM person p JOIN person_isLocatedIn_place l ON l.a = p.id WHERE p.id = :personId

-- name: short_2
WITH RECURSIVE latest AS (
    SELECT m.* FROM creator c JOIN message m ON m.id = c.message WHERE c.person = :personId
    ORDER BY creationDate DESC, id DESC LIMIT 10
), up(start, at) AS (
    SELECT id, id FROM latest UNION ALL SELECT up.start, r.message FROM up JOIN reply r ON r.comment = up.at
)
SELECT l.id, l.content, l.creationDate, up.at, p.id, p.firstName, p.lastName
FROM latest l JOIN up ON up.start = l.id JOIN post_hasCreator_person c ON c.a = up.at JOIN person p ON p.id = c.b
ORDER BY l.creationDate DESC, l.id DESC

-- name: short_3
SELECT p.id, firstName, lastName, k.creationDate FROM knows k JOIN person p ON p.id = k.b WHERE k.a = :personId
ORDER BY k.creationDate DESC, p.id

-- name: short_4
SELECT creationDate, content FROM message WHERE id = :messageId

-- name: short_5
SELECT p.id, firstName, lastName FROM creator c JOIN person p ON p.id = c.person WHERE c.message = :messageId

-- name: short_6
WITH RECURSIVE up(at) AS (
    SELECT :messageId UNION ALL SELECT r.message FROM up JOIN reply r ON r.comment = up.at
)
SELECT f.id, f.title, p.id, p.firstName, p.lastName
FROM up JOIN forum_containerOf_post c ON c.b = up.at JOIN forum f ON f.id = c.a
JOIN forum_hasModerator_person m ON m.a = f.id JOIN person p ON p.id = m.b

-- name: short_7
SELECT m.id, m.content, m.creationDate, p.id, p.firstName, p.lastName,
       EXISTS (SELECT 1 FROM knows k JOIN creator o ON o.person = k.a WHERE o.message = :messageId AND k.b = p.id)
FROM reply r JOIN message m ON m.id = r.comment JOIN creator c ON c.message = m.id JOIN person p ON p.id = c.person
WHERE r.message = :messageId ORDER BY m.creationDate DESC, p.id

-- name: complex_1
WITH RECURSIVE near(id, distance) AS (
    SELECT :personId, 0 UNION SELECT k.b, near.distance + 1 FROM near JOIN knows k ON k.a = near.id WHERE distance < 3
), nearest AS (SELECT id, min(distance) AS distance FROM near GROUP BY id)
SELECT p.id, p.lastName, distance, birthday, creationDate, gender, browserUsed, locationIP, email, language, city.name,
       (SELECT json_group_array(json_array(name, classYear, place)) FROM (
           SELECT o.name, s.classYear, c.name AS place FROM person_studyAt_organisation s
           JOIN organisation o ON o.id = s.b JOIN organisation_isLocatedIn_place l ON l.a = o.id
           JOIN place c ON c.id = l.b WHERE s.a = p.id ORDER BY o.name)),
       (SELECT json_group_array(json_array(name, workFrom, place)) FROM (
           SELECT o.name, w.workFrom, c.name AS place FROM person_workAt_organisation w
           JOIN organisation o ON o.id = w.b JOIN organisation_isLocatedIn_place l ON l.a = o.id
           JOIN place c ON c.id = l.b WHERE w.a = p.id ORDER BY o.name))
FROM nearest n JOIN person p ON p.id = n.id
JOIN person_isLocatedIn_place l ON l.a = p.id JOIN place city ON city.id = l.b
WHERE p.firstName = :firstName AND p.id <> :personId
ORDER BY distance, p.lastName, p.id LIMIT 20

-- name: complex_2
SELECT p.id, firstName, lastName, m.id, content, m.creationDate
FROM knows k JOIN person p ON p.id = k.b JOIN creator c ON c.person = p.id JOIN message m ON m.id = c.message
WHERE k.a = :personId AND m.creationDate <= :maxDate ORDER BY m.creationDate DESC, m.id LIMIT 20

-- name: complex_3
SELECT p.id, firstName, lastName, sum(country.name = :countryXName), sum(country.name = :countryYName)
FROM circle k JOIN person p ON p.id = k.b JOIN person_isLocatedIn_place l ON l.a = p.id
JOIN place_isPartOf_place up ON up.a = l.b JOIN place home ON home.id = up.b
JOIN creator c ON c.person = p.id JOIN message m ON m.id = c.message JOIN located w ON w.message = m.id
JOIN place country ON country.id = w.place
WHERE k.a = :personId AND home.name NOT IN (:countryXName, :countryYName)
  AND country.name IN (:countryXName, :countryYName) AND country.type = 'country'
  AND m.creationDate >= :startDate AND m.creationDate < :endDate
GROUP BY p.id HAVING sum(country.name = :countryXName) > 0 AND sum(country.name = :countryYName) > 0
ORDER BY 4 DESC, p.id LIMIT 20

-- name: complex_4
SELECT t.name, count(DISTINCT m.id)
FROM knows k JOIN post_hasCreator_person c ON c.b = k.b JOIN post m ON m.id = c.a
JOIN post_hasTag_tag h ON h.a = m.id JOIN tag t ON t.id = h.b
WHERE k.a = :personId AND m.creationDate >= :startDate AND m.creationDate < :endDate AND t.id NOT IN (
    SELECT h.b FROM knows k JOIN post_hasCreator_person c ON c.b = k.b JOIN post m ON m.id = c.a
    JOIN post_hasTag_tag h ON h.a = m.id WHERE k.a = :personId AND m.creationDate < :startDate)
GROUP BY t.id ORDER BY 2 DESC, t.name LIMIT 10

-- name: complex_5
SELECT f.title, f.id, (
    SELECT count(*) FROM forum_containerOf_post o JOIN post_hasCreator_person c ON c.a = o.b
    WHERE o.a = f.id AND c.b IN (
        SELECT m.b FROM circle k JOIN forum_hasMember_person m ON m.b = k.b
        WHERE k.a = :personId AND m.a = f.id AND m.joinDate > :minDate))
FROM forum f WHERE f.id IN (
    SELECT m.a FROM circle k JOIN forum_hasMember_person m ON m.b = k.b
    WHERE k.a = :personId AND m.joinDate > :minDate)
ORDER BY 3 DESC, f.id LIMIT 20

-- name: complex_6
SELECT o.name, count(DISTINCT c.a)
FROM circle k JOIN post_hasCreator_person c ON c.b = k.b JOIN post_hasTag_tag h ON h.a = c.a
JOIN tag t ON t.id = h.b AND t.name = :tagName JOIN post_hasTag_tag g ON g.a = c.a
JOIN tag o ON o.id = g.b AND o.id <> t.id
WHERE k.a = :personId GROUP BY o.id ORDER BY 2 DESC, o.name LIMIT 10

-- name: complex_7
WITH likes AS (
    SELECT a, b, creationDate FROM person_likes_post UNION ALL SELECT a, b, creationDate FROM person_likes_comment
), ranked AS (
    SELECT l.a, l.b, l.creationDate, row_number() OVER (PARTITION BY l.a ORDER BY l.creationDate DESC, l.b) AS n
    FROM creator c JOIN likes l ON l.b = c.message WHERE c.person = :personId
)
SELECT p.id, firstName, lastName, r.creationDate, m.id, m.content, (r.creationDate - m.creationDate) / 60000,
       NOT EXISTS (SELECT 1 FROM knows k WHERE k.a = :personId AND k.b = p.id)
FROM ranked r JOIN person p ON p.id = r.a JOIN message m ON m.id = r.b WHERE n = 1
ORDER BY r.creationDate DESC, p.id LIMIT 20

-- name: complex_8
SELECT p.id, firstName, lastName, m.creationDate, m.id, m.content
FROM creator c JOIN reply r ON r.message = c.message JOIN message m ON m.id = r.comment
JOIN creator w ON w.message = m.id JOIN person p ON p.id = w.person
WHERE c.person = :personId ORDER BY m.creationDate DESC, m.id LIMIT 20

-- name: complex_9
SELECT p.id, firstName, lastName, m.id, content, m.creationDate
FROM circle k JOIN person p ON p.id = k.b JOIN creator c ON c.person = p.id JOIN message m ON m.id = c.message
WHERE k.a = :personId AND m.creationDate < :maxDate ORDER BY m.creationDate DESC, m.id LIMIT 20

-- name: complex_10
WITH other AS (
    SELECT p.*, CAST(strftime('%m', birthday / 1000, 'unixepoch') AS INTEGER) AS month,
           CAST(strftime('%d', birthday / 1000, 'unixepoch') AS INTEGER) AS day
    FROM person p WHERE id IN (SELECT b FROM circle WHERE a = :personId)
      AND id NOT IN (SELECT b FROM knows WHERE a = :personId)
), posts AS (
    SELECT o.id, c.a AS post, EXISTS (
        SELECT 1 FROM post_hasTag_tag h JOIN person_hasInterest_tag i ON i.b = h.b
        WHERE h.a = c.a AND i.a = :personId) AS common
    FROM other o JOIN post_hasCreator_person c ON c.b = o.id
)
SELECT o.id, firstName, lastName,
       coalesce((SELECT sum(CASE WHEN common THEN 1 ELSE -1 END) FROM posts WHERE posts.id = o.id), 0), gender, city.name
FROM other o JOIN person_isLocatedIn_place l ON l.a = o.id JOIN place city ON city.id = l.b
WHERE month = :month AND day >= 21 OR month = :month % 12 + 1 AND day < 22
ORDER BY 4 DESC, o.id LIMIT 10

-- name: complex_11
SELECT p.id, firstName, lastName, o.name, w.workFrom
FROM circle k JOIN person p ON p.id = k.b JOIN person_workAt_organisation w ON w.a = p.id
JOIN organisation o ON o.id = w.b JOIN organisation_isLocatedIn_place l ON l.a = o.id JOIN place c ON c.id = l.b
WHERE k.a = :personId AND c.name = :countryName AND w.workFrom < :workFromYear
ORDER BY w.workFrom, p.id, o.name DESC LIMIT 10

-- name: complex_12
WITH RECURSIVE class(id) AS (
    SELECT id FROM tagclass WHERE name = :tagClassName
    UNION SELECT s.a FROM class JOIN tagclass_isSubclassOf_tagclass s ON s.b = class.id
), hits AS (
    SELECT DISTINCT k.b AS friend, r.a AS comment, t.name AS tag
    FROM knows k JOIN comment_hasCreator_person c ON c.b = k.b JOIN comment_replyOf_post r ON r.a = c.a
    JOIN post_hasTag_tag h ON h.a = r.b JOIN tag_hasType_tagclass y ON y.a = h.b JOIN tag t ON t.id = h.b
    WHERE k.a = :personId AND y.b IN (SELECT id FROM class)
)
SELECT p.id, firstName, lastName, (
    SELECT json_group_array(tag) FROM (SELECT DISTINCT tag FROM hits WHERE friend = p.id ORDER BY tag)
), count(DISTINCT comment)
FROM hits JOIN person p ON p.id = friend GROUP BY p.id ORDER BY 5 DESC, p.id LIMIT 20

-- name: complex_13
WITH RECURSIVE near(id, distance) AS (
    SELECT :person1Id, 0 UNION SELECT k.b, distance + 1 FROM near JOIN knows k ON k.a = near.id WHERE distance < 12
)
SELECT coalesce((SELECT min(distance) FROM near WHERE id = :person2Id), -1)

-- name: complex_14
WITH RECURSIVE near(id, distance) AS (
    SELECT :person1Id, 0 UNION SELECT k.b, distance + 1 FROM near JOIN knows k ON k.a = near.id WHERE distance < 12
), nearest AS (SELECT id, min(distance) AS distance FROM near GROUP BY id
), walk(at, distance, path, weight) AS (
    SELECT :person1Id, 0, json_array(:person1Id), 0.0
    UNION ALL
    SELECT k.b, walk.distance + 1, json_insert(walk.path, '$[#]', k.b), walk.weight + coalesce((
        SELECT sum(CASE WHEN m.post THEN 1.0 ELSE 0.5 END) FROM reply r JOIN creator c ON c.message = r.comment
        JOIN creator d ON d.message = r.message JOIN message m ON m.id = r.message
        WHERE (c.person, d.person) IN (VALUES (walk.at, k.b), (k.b, walk.at))), 0.0)
    FROM walk JOIN knows k ON k.a = walk.at JOIN nearest n ON n.id = k.b AND n.distance = walk.distance + 1
    WHERE walk.distance < (SELECT distance FROM nearest WHERE id = :person2Id)
)
SELECT path, weight FROM walk WHERE at = :person2Id ORDER BY weight DESC, path
