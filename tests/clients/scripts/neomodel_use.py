"""neomodel: classes are installed, objects created, connected, filtered and traversed."""

import datetime
import json
import sys

import neomodel
from neomodel import DateProperty, IntegerProperty, RelationshipTo, StringProperty, StructuredNode, StructuredRel, db

TOLD = json.loads(sys.argv[1])
neomodel.set_config(neomodel.NeomodelConfig(database_url=f"bolt://neo4j:{TOLD['key']}@{TOLD['address']}/neo4j"))


class LivesIn(StructuredRel):
    since = IntegerProperty()


class Knows(StructuredRel):
    since = IntegerProperty()


class City(StructuredNode):
    name = StringProperty(unique_index=True)


class Inhabitant(StructuredNode):
    name = StringProperty(unique_index=True)
    age = IntegerProperty(index=True, default=0)
    born = DateProperty()
    city = RelationshipTo(City, "LIVES_IN", model=LivesIn)
    friends = RelationshipTo("Inhabitant", "KNOWS", model=Knows)


db.install_all_labels()
ada = Inhabitant(name="Ada", age=36, born=datetime.date(1815, 12, 10)).save()
ben = Inhabitant(name="Ben", age=20).save()
ada.city.connect(City(name="London").save(), {"since": 1835})
ada.friends.connect(ben, {"since": 1830})
try:
    Inhabitant(name="Ada").save()
    refused = False
except (neomodel.exceptions.UniqueProperty, neomodel.exceptions.ConstraintValidationFailed):
    refused = True
with db.transaction:
    Inhabitant(name="Cyd", age=50).save()
found = {
    "filtered": [each.name for each in Inhabitant.nodes.filter(age__gt=30).order_by("name")],
    "like": [each.name for each in Inhabitant.nodes.filter(name__icontains="AD")],
    "lives": Inhabitant.nodes.get(name="Ada").city.single().name,
    "since": Inhabitant.nodes.get(name="Ada").friends.relationship(Inhabitant.nodes.get(name="Ben")).since,
    "across": len(Inhabitant.nodes.filter(city__name="London").all()),
    "traversed": len(Inhabitant.nodes.traverse("city").all()),
    "born": str(Inhabitant.nodes.get(name="Ada").born),
    "refused": refused,
    "deleted": Inhabitant.nodes.get(name="Cyd").delete(),
    "left": len(Inhabitant.nodes.all()),
}
print(json.dumps(found))
