"""The functions there are: name, parameters and result of each. What computes them is not there yet.

A ? marks what may be omitted, ... what may be repeated or omitted. Where a value of a wrong type is an error only for
that value and not for the query (range, toInteger, ...), the type is ANY.
"""

from collections.abc import Mapping

from kgmem.query.types import FunctionSignature, signature

_GENERAL = """
coalesce(ANY, ANY...) ANY
elementId(NODE|RELATIONSHIP) STRING
endNode(RELATIONSHIP) NODE
exists(ANY) BOOLEAN
head(LIST) ELEMENT
id(NODE|RELATIONSHIP) INTEGER
isEmpty(STRING|LIST|MAP) BOOLEAN
keys(NODE|RELATIONSHIP|MAP) LIST<STRING>
labels(NODE) LIST<STRING>
last(LIST) ELEMENT
length(PATH) INTEGER
nodes(PATH) LIST<NODE>
nullIf(ANY, ANY) SAME
properties(NODE|RELATIONSHIP|MAP) MAP
randomUUID() STRING !
range(ANY, ANY, ANY?) LIST<INTEGER>
relationships(PATH) LIST<RELATIONSHIP>
reverse(LIST|STRING) SAME
size(LIST|STRING) INTEGER
startNode(RELATIONSHIP) NODE
tail(LIST) SAME
timestamp() INTEGER
toBoolean(ANY) BOOLEAN
toBooleanList(ANY) LIST<BOOLEAN>
toBooleanOrNull(ANY) BOOLEAN
toFloat(ANY) FLOAT
toFloatList(ANY) LIST<FLOAT>
toFloatOrNull(ANY) FLOAT
toInteger(ANY) INTEGER
toIntegerList(ANY) LIST<INTEGER>
toIntegerOrNull(ANY) INTEGER
toString(ANY) STRING
toStringList(ANY) LIST<STRING>
toStringOrNull(ANY) STRING
type(RELATIONSHIP) STRING
valueType(ANY) STRING
"""

_NUMERIC = """
abs(NUMBER) SAME
acos(NUMBER) FLOAT
asin(NUMBER) FLOAT
atan(NUMBER) FLOAT
atan2(NUMBER, NUMBER) FLOAT
ceil(NUMBER) FLOAT
ceiling(NUMBER) FLOAT
cos(NUMBER) FLOAT
cosh(NUMBER) FLOAT
cot(NUMBER) FLOAT
coth(NUMBER) FLOAT
degrees(NUMBER) FLOAT
e() FLOAT
exp(NUMBER) FLOAT
floor(NUMBER) FLOAT
haversin(NUMBER) FLOAT
isNaN(NUMBER) BOOLEAN
ln(NUMBER) FLOAT
log(NUMBER) FLOAT
log10(NUMBER) FLOAT
pi() FLOAT
radians(NUMBER) FLOAT
rand() FLOAT !
round(NUMBER, NUMBER?, STRING?) FLOAT
sign(NUMBER) INTEGER
sin(NUMBER) FLOAT
sinh(NUMBER) FLOAT
sqrt(NUMBER) FLOAT
tan(NUMBER) FLOAT
tanh(NUMBER) FLOAT
"""

_TEXT = """
btrim(STRING, STRING?) STRING
char_length(STRING) INTEGER
character_length(STRING) INTEGER
left(STRING, NUMBER) STRING
lower(STRING) STRING
ltrim(STRING, STRING?) STRING
normalize(STRING) STRING
replace(STRING, STRING, STRING, NUMBER?) STRING
right(STRING, NUMBER) STRING
rtrim(STRING, STRING?) STRING
split(STRING, STRING|LIST) LIST<STRING>
substring(STRING, NUMBER, NUMBER?) STRING
toLower(STRING) STRING
toUpper(STRING) STRING
trim(STRING) STRING
upper(STRING) STRING
"""

_TEMPORAL = """
duration(ANY) DURATION
duration.between(ANY, ANY) DURATION
duration.inDays(ANY, ANY) DURATION
duration.inMonths(ANY, ANY) DURATION
duration.inSeconds(ANY, ANY) DURATION
datetime.fromEpoch(ANY, ANY) DATETIME
datetime.fromEpochMillis(ANY) DATETIME
"""

# Each of these has the same five functions.
_INSTANTS = ("date", "datetime", "localdatetime", "localtime", "time")
_INSTANT = """
{0}(ANY?) {1}
{0}.realtime(ANY?) {1}
{0}.statement(ANY?) {1}
{0}.transaction(ANY?) {1}
{0}.truncate(ANY, ANY?, ANY?) {1}
"""

_SPATIAL = """
kgmem.distance_km(ANY, ANY) FLOAT
point(MAP|NODE) POINT
point.distance(ANY, ANY) FLOAT
point.withinBBox(ANY, ANY, ANY) BOOLEAN
"""

_OWN = """
apoc.any.property(NODE|RELATIONSHIP|MAP, STRING) ANY
kgmem.known_at(NODE|RELATIONSHIP, ANY) BOOLEAN
kgmem.valid_at(NODE|RELATIONSHIP, ANY) BOOLEAN
vector.similarity.cosine(ANY, ANY) FLOAT
vector.similarity.euclidean(ANY, ANY) FLOAT
"""

_AGGREGATES = """
avg(ANY) ANY
collect(ANY) LISTED
count(ANY) INTEGER
max(ANY) SAME
min(ANY) SAME
percentileCont(ANY, ANY) FLOAT
percentileDisc(ANY, ANY) ANY
stDev(ANY) FLOAT
stDevP(ANY) FLOAT
sum(ANY) ANY
"""


def _read(lines: str, *, aggregates: bool = False) -> dict[str, FunctionSignature]:
    found = (signature(line, aggregates=aggregates) for line in lines.strip().splitlines())
    return {each.name.lower(): each for each in found}


# By name in lower case: what a function is called does not depend on case.
FUNCTIONS: Mapping[str, FunctionSignature] = {
    **_read(_GENERAL),
    **_read(_NUMERIC),
    **_read(_TEXT),
    **_read(_TEMPORAL),
    **{key: each for kind in _INSTANTS for key, each in _read(_INSTANT.format(kind, kind.upper())).items()},
    **_read(_SPATIAL),
    **_read(_OWN),
    **_read(_AGGREGATES, aggregates=True),
}
