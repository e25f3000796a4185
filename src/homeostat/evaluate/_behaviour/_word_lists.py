# ruff: noqa: SIM905 - a list of words reads best as words
"""Small lists of words whose exchange should not matter: names, gender, places; contractions."""

from __future__ import annotations

__all__ = ["CITIES", "CONTRACTIONS", "COUNTRIES", "FEMALE_NAMES", "GENDER", "MALE_NAMES", "PEOPLES"]

FEMALE_NAMES = tuple(
    (
        "Mary Maria Anna Emma Olivia Sophia Fatima Aisha Mei Yuki Priya Lakshmi Ingrid Olga Amina "
        "Chloe Elena Hannah Leila Rosa Zainab Nadia Keisha Latoya Guadalupe Siobhan Ngozi Thandiwe "
        "Sarah Emily"
    ).split()
)
MALE_NAMES = tuple(
    (
        "John Jose David James Oliver Michael Mohammed Omar Wei Hiroshi Rahul Arjun Lars Ivan "
        "Kwame Luca Andreas Daniel Hassan Carlos Yusuf Dmitri Jamal Darnell Miguel Seamus Chinedu "
        "Sipho Robert William"
    ).split()
)
GENDER = (  # one of each row for the other; a word that answers to two is settled by what follows
    ("he", "she"),
    ("himself", "herself"),
    ("man", "woman"),
    ("men", "women"),
    ("boy", "girl"),
    ("boys", "girls"),
    ("gentleman", "lady"),
    ("gentlemen", "ladies"),
    ("male", "female"),
    ("males", "females"),
    ("father", "mother"),
    ("fathers", "mothers"),
    ("dad", "mom"),
    ("daddy", "mommy"),
    ("son", "daughter"),
    ("sons", "daughters"),
    ("brother", "sister"),
    ("brothers", "sisters"),
    ("husband", "wife"),
    ("husbands", "wives"),
    ("boyfriend", "girlfriend"),
    ("uncle", "aunt"),
    ("nephew", "niece"),
    ("grandfather", "grandmother"),
    ("grandson", "granddaughter"),
    ("grandpa", "grandma"),
    ("king", "queen"),
    ("prince", "princess"),
    ("actor", "actress"),
    ("waiter", "waitress"),
    ("host", "hostess"),
    ("widower", "widow"),
    ("groom", "bride"),
    ("sir", "madam"),
    ("mr", "ms"),
    ("guy", "gal"),
    ("guys", "gals"),
    ("businessman", "businesswoman"),
    ("policeman", "policewoman"),
    ("salesman", "saleswoman"),
    ("chairman", "chairwoman"),
    ("spokesman", "spokeswoman"),
)
CITIES = tuple(
    (
        "London,Paris,Berlin,Madrid,Rome,Vienna,Warsaw,Lisbon,Dublin,Athens,Cairo,Lagos,Nairobi,"
        "Johannesburg,Casablanca,Accra,Tehran,Baghdad,Istanbul,Riyadh,Mumbai,Delhi,Karachi,Dhaka,"
        "Bangkok,Jakarta,Manila,Hanoi,Tokyo,Seoul,Beijing,Shanghai,Sydney,Auckland,Toronto,"
        "Chicago,Boston,New York,Los Angeles,San Francisco,Mexico City,Bogota,Lima,Santiago,"
        "Buenos Aires,Sao Paulo,Havana,Moscow,Kyiv"
    ).split(",")
)
COUNTRIES = tuple(
    (
        "France,Germany,Spain,Italy,Austria,Poland,Portugal,Ireland,Greece,Egypt,Nigeria,Kenya,"
        "South Africa,Morocco,Ghana,Iran,Iraq,Turkey,Saudi Arabia,India,Pakistan,Bangladesh,"
        "Thailand,Indonesia,Vietnam,Japan,South Korea,China,Australia,New Zealand,Canada,Mexico,"
        "Colombia,Peru,Chile,Argentina,Brazil,Cuba,Russia,Ukraine,Sweden,Norway,Denmark"
    ).split(",")
)
PEOPLES = tuple(  # those that take the article "a", then those that take "an"
    (
        "French,German,Spanish,Polish,Portuguese,Greek,Nigerian,Kenyan,Moroccan,Ghanaian,Turkish,"
        "Pakistani,Bangladeshi,Thai,Vietnamese,Japanese,Korean,Chinese,Canadian,Mexican,Colombian,"
        "Peruvian,Chilean,Brazilian,Cuban,Russian,Swedish,Norwegian,Danish,British,"
        "Italian,Austrian,Irish,Egyptian,Iranian,Iraqi,Indian,Indonesian,Australian,Argentine,"
        "Ukrainian,American"
    ).split(",")
)
_NEGATED = "is are was were do does did have has had would could should must need".split()
CONTRACTIONS = (
    *((f"{verb} not", f"{verb}n't") for verb in _NEGATED),
    ("will not", "won't"),
    ("cannot", "can't"),
    *((f"{who} are", f"{who}'re") for who in ("you", "we", "they")),
    *((f"{who} will", f"{who}'ll") for who in ("i", "you", "he", "she", "it", "we", "they")),
    ("i am", "i'm"),
    ("let us", "let's"),
    *((f"{who} is", f"{who}'s") for who in ("it", "that", "what", "there", "he", "she")),
)
