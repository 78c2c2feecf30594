"""Rules for looking around: shelves and brands by request, and how a search is asked for."""

import re

from leafloaf.storefront.intent.known import Known

SHELF_WORD = (
    "(?:section|sections|aisle|aisles|department|departments|counter|category|categories|shelf|"
    "shelves|rayon|rayons|"
    r"allee|categorie)"
)
BROWSE = re.compile(
    "^(?:just )?(?:brows(?:e|ing)|explor(?:e|ing)|shop|shopping|look (?:at|through|around|in)|"
    "see|view|open|go to|take me to|bring me to|"
    "navigate to|jump to|head to|switch to|everything|whats|what|show|display|list|all|looking "
    "for the|find the|"
    r"parcourir|explorer|voir|montrez?|affiche[rz]?|tous|toutes|tout|aller|va|amene moi)\b"
)
_PASSED_OVER = (
    "me what you have do sell is there all of the your whats available everything different kinds "
    "types in on at to from for through around way shop store tous toutes tout les le la l vos des au "
    "aux dans produits du de moi a got offer carry new see selection range aisle section rayon "
    "show browse view open go take look lets see find list display explore explorer voir montre"
)
PASSED_OVER = frozenset(_PASSED_OVER.split())
_GOODS = "kinds products product items stuff foods food goods supplies section please selection options"
GOODS = frozenset(_GOODS.split())
SECTION = re.compile(
    rf"^(.*?\b)?(?:{SHELF_WORD})(?: please)?$|^(?:le |la |au |du )?(?:rayon|categorie|allee)(?: "
    "de| des| du| d)? (.+)$"
)
KINDS = re.compile(
    "^(?:what|which)(?: (?:kinds?|types?|sorts?|varieties) of)? (.+?) (?:do you (?:guys "
    ")?(?:have|sell|carry|stock|offer)|are (?:there|available)|(?:is|are) in the (.+?)(?: "
    "section| aisle| department)?)$"
)
ALL_SHELVES = re.compile(
    "^(?:(?:list|show|see|view|browse|what|whats|which|quels?|quelles?|voir|shop|all|me|are|"
    r"the|your|by|de|les|tous|toutes|sont|vos) ){1,12}(?:categories|departments|aisles|sections|"
    r"rayons|category|department|aisle|range)\b(?: (?:do you have|are there|avez vous|have you "
    "got|y a t il|available))?$|^(?:shop by (?:category|department|aisle)|browse(?: all)?|"
    "(?:browse|show me|see|look around|explore) (?:the |your )?(?:whole |entire )?(?:store|"
    "shop|catalogue|catalog)|just browsing|what do you sell|categories|departments|aisles)$"
)
_DEPARTMENTS = (
    "dairy|produce|bakery|meat|seafood|deli|frozen|snacks|beverages|drinks|pantry|household|pets|"
    "baby|breakfast|fruit|fruits|vegetables|veggies|fruit and vegetables|fruits and vegetables|"
    "frozen foods|frozen food|personal care|health and beauty|cleaning supplies|cleaning products|"
    "cleaning|canned goods|dry goods|baked goods|meat and seafood|pet supplies|pet food|pet care|"
    "baby care|international|international foods|condiments|spices|soft drinks|alcohol|wine|beer|"
    "health foods|ready meals|breakfast foods|cereals|cheese|cheeses|fresh produce|paper products|"
    "poultry|fish|dairy products|dairy and eggs|desserts|candy|sweets|floral|flowers|"
    "prepared foods|bulk foods|produits laitiers|boulangerie|viandes|surgeles|collations|boissons|"
    "epicerie|legumes|fruits et legumes|fruits legumes|poissonnerie|fromages|charcuterie|"
    "boucherie"
)
DEPARTMENTS = frozenset(_DEPARTMENTS.split("|"))
"""What groceries call their departments, for shops whose categories have other names."""
BY_BRAND = (
    re.compile(
        r"\b(?:by|from|made by|de chez|chez) (?:the )?(?:brand |company |marque )?(?P<brand>[a-z0-9 "
        "]+?)$"
    ),
    re.compile(
        r"(?<!store )(?<!own )(?<!house )\b(?:brand|marque)(?: (?:called|named|is))? "
        "(?P<brand>[a-z0-9 ]+?)$"
    ),
    re.compile(
        "^(?:(?:show|see|find|search|list|get|view|browse|display|me|us|for|all|any|some|every|"
        "the|your|other|more|which|what|of|looking|i|im|am|want|need|have|do|you|sell|carry|"
        "avez|vous|des|les|tous|montre|moi|voir) )*"
        "(?P<brand>[a-z0-9 ]+?) (?:brand(?:ed)? )?(?:products?|items?|stuff|brand|goods|range|"
        "line|selection|things|produits)(?: (?:do you (?:have|sell|carry|stock)|are there|"
        "available|you have|in stock))?$"
    ),
    re.compile(
        "^(?:tous |les |vos |des |avez |vous |montre |moi |voir )*(?:produits|articles)(?: (?:de|"
        "d))?(?: la marque| marque)? (?P<brand>[a-z0-9 ]+)$"
    ),
)
ABOUT_ALL = re.compile(
    "^ ?(?:(?:show|find|see|search|list|get|give|view|browse|anything|everything|something|stuff|"
    "products?|items?|more|all|"
    "what|which|do|you|have|got|sell|carry|stock|any|made|me|us|for|the|range|im|i|am|looking|"
    "want|need|que|vendez|vous|"
    "avez|tout|other|things|is|there|are|only|buy|brand|options?|selection|goods|guys|ce|qu|"
    r"est|avec|tous|les|produits) )*$"
)
OF_BRAND = re.compile(r"\b(?:by|from|of|made by|de|chez|d|la|the|company|marque|brand|called|say)\b")
NOT_BRANDS = re.compile(
    r"\b(?:free|organic|vegan|halal|kosher|dairy|cleaning|hair|paper|baby|frozen|beauty|pet|"
    "feminine|skin|skincare|soy|meat|"
    "laundry|health|local|bakery|new|sale|cheap|canned|fresh|vegetarian|keto|eco|plant|fair|"
    "low|sugar|whole|natural|"
    r"laitiers|bio|household|personal|scratch|canada|quebec|farm|farms|home|store|here|there|concentrate|"
    "similar|these|those|this|that|your|my|same|grocery|food|best|top|popular|discounted|other|"
    r"in|on|with)\b"
)
FRAME = re.compile(
    r"^(?:(?:um|uh|hmm|hey|hi|hello|ok|so|please|bonjour|allo) )*(?:"
    "(?:(?:can|could|would|will) you |please |i (?:would like|want|d like) (?:you )?to |id "
    "like (?:you )?to |let me |lets )*(?:please |kindly )?(?:"
    r"(?:show|find|get|give|suggest|recommend) (?:me|us)(?: all)?(?: your| the| some| any| a list of)*|"
    "(?:search|look|browse)(?: the (?:shop|store))? for(?: me)?(?: some| any)?|see (?:your|the|"
    "some|all)|find(?: some| any)?|search|show|locate|looking for(?: some| any)?|display|list)|"
    "(?:do|does|would|did) (?:you|u|the store|this store)(?: guys| still| also| happen to)* "
    "(?:have|sell|carry|stock|offer|keep|got)(?: any| some)?(?: (?:good|kind of))?|"
    "(?:i am|im|we are|were|i m)(?: still| just)? (?:looking|searching|shopping|hunting|"
    "browsing|after|trying to find|out of)(?: for)?(?: some| any)?|"
    r"(?:im|i am|we are) (?:trying to (?:find|get|buy)|looking to (?:buy|get|find))(?: some| any)?|"
    "(?:i was|was) wondering if you (?:have|carry|sell|had|carried|stock)(?: any| some)?|i "
    "want to (?:find|see)|"
    "(?:where|wheres|where s)(?: can| do| could)?(?: i| we)?(?: (?:find|get|buy|is|are))?(?: "
    r"(?:the|some|any|your))?(?= \w+)(?! (?:waldo|my|your))|"
    r"(?:what|which)(?: (?:kinds?|types?|sorts?|brands?|varieties) of)|"
    r"(?:what|which)(?= [\w ]+ (?:do you (?:have|sell|carry|stock)|are [\w ]+free|is [\w ]+free|"
    "are (?:vegan|organic|halal|kosher|vegetarian|in stock|on sale))$)|"
    "(?:is|are) there (?:any|some)(?: (?:sales?|deals?|specials?|discounts?) on)?|(?:any|got "
    "any|have you got(?: any)?|do u have(?: any)?|you got(?: any)?)|"
    "(?:i|we) (?:really |just |also )?(?:need|want|would like|am craving|like)(?: some| any| "
    "to (?:buy|get|find|see)(?: some)?)?|id like(?: some)?|"
    r"something (?:for|to (?:make|use (?:for|in)))|"
    "(?:est ce que )?(?:vous avez|avez vous|vous vendez|vendez vous|tu as|as tu|y a t il|il y "
    "a)(?: du| de la| des| de l| de| d| un| une)?|"
    "(?:je|on) (?:cherche|recherche|voudrais|veux|voudrais trouver)(?: du| de la| des| de l| "
    "de| d| un| une)?|"
    r"j (?:aimerais|ai besoin)(?: trouver)?(?: du| de la| des| de l| de| d| un| une)?|"
    "(?:montre|montrez|trouve|trouvez|cherche|cherchez|donne)(?: moi)?(?: du| de la| des| de l|"
    " de| d| un| une| les| le| la)?|ou (?:trouver|est|sont)(?: le| la| les| du| des| l)?"
    r") (?P<rest>.+)$"
)
TAIL = re.compile(
    "(?: (?:please|thanks|thank you|thx|for me|do you (?:guys )?(?:have|sell|carry|stock|"
    "offer)|are there|is there|you (?:have|got|sell|carry)|"
    "in stock|(?:that|which) (?:are|is)|are|is|available|svp|stp|s il (?:te|vous) plait|merci|"
    "if you have (?:any|some|it)|today|tonight)){1,6}$"
)
HEAD = re.compile(r"^(?:(?:an?|the|some|any|your|du|des|de la|un|une|les|la|le|for|all|me) )+(?=\w)")


def asked_for(words: str) -> str | None:
    """What a request for a search asks for, without the request; None when it is no request."""
    match = FRAME.match(words)
    if not match:
        return None
    rest = TAIL.sub("", match["rest"])
    rest = HEAD.sub("", rest)
    return (asked_for(rest) or rest) if rest != words else rest


def shelf(words: str, known: Known) -> tuple[str | None] | None:
    """A shelf asked for: its path, or None when it is none of the catalogue's; no tuple when none was asked for."""
    if ALL_SHELVES.match(words):
        return (None,)
    if words in DEPARTMENTS:
        return _named_at_the_end(words.split(), known)
    if match := SECTION.match(words):
        name = match[1] or match[2] or ""
        return _named_at_the_end(name.split(), known) or ((None,) if 0 < len(name.split()) < 6 else None)
    if match := KINDS.match(words):
        path = known.shelf(match[2]) if match[2] else known.category(match[1])
        return (path,) if path else None
    match = BROWSE.match(words)
    return _named_at_the_end(words[match.end() :].split(), known) if match else None


def _named_at_the_end(words: list[str], known: Known) -> tuple[str | None] | None:
    """The shelf named by all of the words, but for those that say nothing and for `products`, `items`."""
    for start in range(len(words)):
        for end in (len(words), len(words) - 1):
            name = " ".join(words[start:end])
            if end < len(words) and words[end] not in GOODS:
                continue
            if path := known.shelf(name):
                return (path,)
            if name in DEPARTMENTS:
                return (None,)
        if words[start] not in PASSED_OVER:
            return None
    return None


def brand(words: str, known: Known) -> tuple[str, bool] | None:
    """A brand asked for as such, and whether the catalogue has it."""
    if (found := known.brand_at_an_end(words)) is not None:
        every = words.split()
        if _says_all_of_it(" ".join([*every[: found[1]], *every[found[2] :]])):
            return found[0], True
    for pattern in BY_BRAND:
        match = pattern.search(words)
        if (
            match
            and _could_be_a_brand(match)
            and (pattern is not BY_BRAND[0] or _says_all_of_it(words[: match.start("brand")]))
        ):
            name = known.brand(match["brand"])
            return name or match["brand"], name is not None
    return None


def _says_all_of_it(around: str) -> bool:
    """Whether the words around a brand ask for whatever it makes."""
    return ABOUT_ALL.match(OF_BRAND.sub("", around).strip() + " ") is not None


def _could_be_a_brand(match: re.Match[str]) -> bool:
    name = match["brand"]
    return len(name.split()) <= 3 and match.group() != name and not NOT_BRANDS.search(name)
