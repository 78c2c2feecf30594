"""What an order is told to do, act by act: `remove milk and add 2 kg of potatoes` are two.

The words after a verb are the product, the quantity and the unit. `and` divides products unless it joins the two
halves of one (`mac and cheese`) or stands in the name of a brand.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from leafloaf.catalog.text import normalise
from leafloaf.storefront.intent import prices, wording
from leafloaf.storefront.intent.known import Known
from leafloaf.storefront.intent.numbers import AMOUNT, leading
from leafloaf.storefront.intent.rule import CART, INTO, MY_CART, OUT_OF

VERBS = (
    "add|remove|delete|put|take|drop|change|update|set|make|increase|reduce|double|cancel|"
    "throw|toss|get|buy|order|include|"
    "swap|replace|clear|empty|ajoute[rz]?|rajoute[rz]?|enleve[rz]?|retire[rz]?|supprime[rz]?|"
    "mets|mettez|change[rz]?|remplace[rz]?"
)
BETWEEN_ACTS = re.compile(
    " (?:(?:and|then|but|also|et|puis|mais|plus|instead|aussi) )+(?=(?:please |also |then |just "
    f")?(?:{VERBS}) )"
)
COMMA = re.compile(r"[;,:](?!\d)|[.!?](?=\s|$)")
AND = re.compile(r" (?:and|et|plus|as well as|along with|ainsi que) (?:also |some )?")
PAIRS = re.compile(
    r"\b(?:mac(?:aroni)? and cheese|salt and (?:vinegar|pepper)|half and half|sweet and (?:sour|spicy|salty)|"
    "cookies and cream|(?:sour )?cream and onion|cheese and onion|peanut butter and jelly|"
    "ham and cheese|fish and chips|"
    "oil and vinegar|"
    "pork and beans|rice and beans|bread and butter|lemon and lime|ginger and lemon|lemon and ginger|"
    "black and white|surf and turf|arm and hammer|head and shoulders|fruit and nut|spinach and artichoke|"
    "bangers and mash|cinnamon and sugar|tomato and basil|garlic and herbs?|onion and chives?|chicken and waffles|"
    "chips and (?:dip|salsa)|pita and hummus|apple and cinnamon|honey and oats?|honey and mustard|beef and broccoli|"
    r"sage and onion|sel et (?:poivre|vinaigre)|huile et vinaigre|fines herbes et ail|jambon et fromage)\b"
)
VERB = re.compile(
    "^(?:(?:add|adding|ad|put|toss|throw|stick|include|pop|drop|place|chuck|slip|remove|delete|"
    "take|pull|get rid of|get|kick|scratch|skip|"
    "lose|leave|scrap|cancel|cut|discard|ditch|forget about|forget|never ?mind|hold|buy|"
    "purchase|order|grab|give|fetch|bring|send|pick up|"
    "ajoute[rz]?|rajoute[rz]?|enleve[rz]?|retire[rz]?|supprime[rz]?|ote[rz]?|annule[rz]?|mets|"
    "mettez|mettre|prendre|prends|acheter|achete[rz]?|"
    "commande[rz]?|donne[rz]?|reorder|re ?order|rebuy|restock|repeat|replenish|refill|"
    "rachete[rz]?|recommande[rz]?|reserve|"
    "(?:i |we |id |wed |ill |well |i will |i d )*(?:have|take|want|need|like|would like|love|"
    "could use|require|want to buy|go with|no longer (?:need|want)|"
    "dont (?:want|need)|do not (?:want|need)|didnt want|changed my mind (?:about|on))|can i "
    "(?:have|get)|could i (?:have|get)|"
    r"(?:can|could|may|let) (?:i|we|me) (?:have|get)|let me get|i only buy|"
    r"(?:dont|do not) (?:add|put|include|order|buy|get)|no more|"
    "(?:j |je |on |nous |il )(?:aimerais|voudrais|veux|prends|prendrai|faut|faudrait|vais "
    "prendre|ne veux plus|ne veux pas|veux plus)|"
    "to buy|to get|buy|in|out|off|away|down|on|me|us|moi|about|more|en|also|aussi|just|only|"
    "encore|dans|clear|empty|vide[rz]?|wipe|dump|eliminate|uncheck|undo|nix|adding) )+"
)
CART_PHRASE = re.compile(rf" (?:{INTO}|{OUT_OF}|in there(?: too)?|to it|to that|to {CART})(?: .*)?$")
DETERMINER = re.compile(
    "^(?:(?:some|the|a|an|any|more|my|our|of|du|des|de la|de l|de|d|la|les|le|l|mes|mon|ma|another|"
    r"extra|that|those|these|this|quelques|both|all|usual|same|meme|regular) )+(?=\w)"
)
ENDING = re.compile(
    "(?: (?:please|too|as well|again|anymore|any more|any longer|for me|thanks|thank you|thx|"
    "now|this time|right now|today|instead|off|out|away|back|svp|"
    "stp|s il (?:te|vous) plait|merci|also|aussi|encore|then|if you can|for now|i always buy|i "
    "usually (?:buy|get)|i (?:had|got|bought|ordered)(?: .*)?|"
    "in there|there|from (?:it|there)|last time|from last (?:week|time|month|order)|now then|"
    "habituels?|habituelles?|ok)){1,6}$"
)
PRONOUN = re.compile(
    "^(?:it|that|this|those|these|them|everything|all(?: items| of it| of them)?|tout|ca|one|"
    "ones|me|first one|second item|(?:first|second|third|last|other) (?:one|item|product|"
    "thing)|"
    rf"{MY_CART}|{CART}|items?|stuff|things?|groceries|order|what|same thing|thing|.*\b(?:i "
    "bought|we bought|last order|previous order|last basket).*|off|out|)$"
)
NO_PRODUCT = re.compile(
    r"\b(?:usual|usually|again|same|order|commande|groceries|shop|shopping|basket|stuff|things|last|before|previous|"
    r"favou?rites|regulars?|derniere|habitude|habituel\w*|what|everything|staples|always|chose)\b"
)
"""Speaks of a whole order, where an order is repeated."""
BUT_NOT = re.compile(r" (?:but (?:not|no)|not the|except|sauf|mais pas) .*$")
PRODUCT_TO_NUMBER = re.compile(
    "^(?:change|update|set|increase|decrease|reduce|lower|raise|bump|cut|adjust|modify|drop|"
    "bring|turn|take|up|switch|move|push|passe[rz]?|changer?|changez|mets|met|"
    "augmente[rz]?|reduis|reduire|diminue[rz]?|modifie[rz]?)(?: up| down)? ?(?P<product>.*?) "
    rf"?(?:up |down |back )?(?:\b(?:to|by|a|de|at)) (?:just |only |be )?(?P<count>(?:{AMOUNT}|"
    r"[0-9]+[a-z]+)\b.*)$"
)
MADE_NUMBER = re.compile(
    rf"^(?:make|lets make|do|lets do) (?P<product>[\w ]*?) ?(?:just |only )?(?P<count>{AMOUNT}\b.*)$"
)
QUANTITY_FOR = re.compile(
    f"^(?:quantity|qty|quantite)(?: (?:of|for|de|pour))? ?(?P<first>.*?) ?(?P<count>{AMOUNT})(?: "
    "(?:for|of|pour|de) (?P<product>.+))?$"
)
QUANTITY_OF = re.compile(r" (?:the )?(?:quantity|qty|amount|number|quantite) (?:of|for|de|pour) (?:the )?")
CHANGE = re.compile(
    "^(?:add|double|triple|halve|quadruple|doubler?|doublez|increase|decrease|reduce|raise|lower|bump|adjust|change|"
    "update|augmente[rz]?|reduis|diminue[rz]?|(?:twice|half) as (?:many|much))"
    "(?: (?:up|down|my order of|the number of|la quantite (?:de|d)|en))* "
)
TO_MAKE = re.compile(rf" to make (?:it|that) (?P<n>{AMOUNT})$")
ANOTHER = re.compile("^another (?:one )?(?:of )?(?:the )?")
NOT_MORE = re.compile(
    rf" (?:instead(?: of .*)?|rather than .*|au lieu d.*|plutot que .*|not {AMOUNT}|than {AMOUNT})$"
)
ONLY = re.compile(
    "^(?:(?:i|we|id|d|rather|want|need|have|only|just|plutot|lets|do|make|like|prefer|would|fewer|"
    "less|en|mets|it|that|change) )+"
)
IN_PLACE = re.compile(
    "^(?:replace|swap|substitute|switch|exchange|trade|remplace[rz]?|echange[rz]?)(?: out)? "
    "(?P<old>.+?) (?:with|for|to|by|par|pour|contre) (?P<new>.+)$"
)


ASIDE = re.compile(
    "^(?:actually|thats|that s|hey|hi|hello|ok|oh|so|well|no|yes|also|please|sorry|bonjour|cart|hmm|um|wait|oops|"
    r"too \w+|i changed my mind)\b"
)
"""A remark before the order: `that's too much, take it out`."""


@dataclass(frozen=True, slots=True)
class Act:
    """One thing to be done, to one product."""

    name: str
    entities: dict[str, Any]


Classify = Callable[[str], str | None]


def read(query: str, name: str, known: Known, classify: Classify) -> tuple[Act, ...]:
    """The acts of a query whose intent is `name`; `classify` gives the order intent of a clause, or None."""
    acts: list[Act] = []
    for intent, clause in _clauses(query, name, classify):
        for act in _acts(intent, clause, known):
            _append(acts, act)
    return tuple(acts) or (Act(name, {}),)


def _clauses(query: str, name: str, classify: Classify) -> Iterator[tuple[str, str]]:
    """Each clause with its intent; one without a verb goes on with the intent before it."""
    current, is_first = name, True
    for part in COMMA.split(prices.spell_out(query)):
        for clause in BETWEEN_ACTS.split(wording.corrected(normalise(part))):
            said = wording.bare(clause)
            if not said or (is_first and classify(said) is None and ASIDE.match(said)):
                continue
            meant = classify(said)
            current = name if is_first and meant is None else meant or current
            is_first = False
            yield current, said


def _acts(intent: str, clause: str, known: Known) -> Iterator[Act]:
    if match := IN_PLACE.match(clause):
        yield Act("remove_from_order", _item(match["old"], known))
        yield Act("add_to_order", _item(match["new"], known))
        return
    if intent == "update_quantity":
        yield Act(intent, _updated(clause, known))
        return
    if intent == "view_order":
        return
    text = _unwrapped(BUT_NOT.sub("", clause))
    for item in _items(text, known):
        entities = _item(item, known)
        if intent == "reorder" and NO_PRODUCT.search(entities.get("product", "")):
            entities = {}
        yield Act(intent, entities)


def _unwrapped(text: str) -> str:
    """The words that name products: without the verb and without the cart."""
    text = re.sub(rf"^(?:{CART}) (?=add )", "", text)
    text = VERB.sub("", text + " ").strip()
    text = re.sub(rf"^(?:to|in|into|from|au|dans) {MY_CART} (?=\w)", "", text)
    text = CART_PHRASE.sub("", text)
    return ENDING.sub("", text)


def _items(text: str, known: Known) -> Iterator[str]:
    """The products of a clause, divided at `and`."""
    held = PAIRS.sub(lambda match: match[0].replace(" ", "\0"), text)
    for name in known.brands.values() if " and " in text else ():
        whole = normalise(name.replace("&", " and "))
        if " and " in whole and whole in held:
            held = held.replace(whole, whole.replace(" ", "\0"))
    for item in AND.split(held):
        yield VERB.sub("", item.replace("\0", " ") + " ").strip() if item else ""


def _item(text: str, known: Known) -> dict[str, Any]:
    """Product, quantity, unit, price bound and brand of one item."""
    bounds = prices.find(text)
    amount = leading(ENDING.sub("", bounds.rest).split())
    if amount.quantity is None:
        amount = leading(DETERMINER.sub("", " ".join(amount.rest)).split())
    words = CART_PHRASE.sub("", ENDING.sub("", DETERMINER.sub("", " ".join(amount.rest))))
    entities: dict[str, Any] = {}
    if not PRONOUN.match(words):
        entities["product"] = words
    if amount.quantity is not None:
        entities["quantity"] = amount.quantity
    if amount.unit:
        entities["unit"] = amount.unit
    if bounds.high is not None:
        entities["price_max"] = float(bounds.high)
    if bounds.low is not None:
        entities["price_min"] = float(bounds.low)
    if "product" in entities and (found := known.brand_at_an_end(words)):
        entities["brand"] = found[0]
    return entities


def _updated(clause: str, known: Known) -> dict[str, Any]:
    """The product and its new quantity."""
    clause = ENDING.sub("", CART_PHRASE.sub("", NOT_MORE.sub("", ENDING.sub("", clause))))
    clause = QUANTITY_OF.sub(" ", clause)
    for pattern in (PRODUCT_TO_NUMBER, QUANTITY_FOR, MADE_NUMBER):
        if match := pattern.match(clause):
            groups = match.groupdict()
            counted = leading(match["count"].split())
            product = groups.get("product") or groups.get("first") or " ".join(counted.rest)
            return _with_count(product, counted.quantity, counted.unit, known)
    text = ANOTHER.sub("", TO_MAKE.sub(r" x \g<n>", CHANGE.sub("", clause)))
    return _item(ONLY.sub("", text + " ").strip(), known)


def _with_count(product: str, quantity: float | None, unit: str | None, known: Known) -> dict[str, Any]:
    entities = _item(product, known) if product else {}
    entities.pop("quantity", None)
    if entities.get("product") in {"quantity", "qty", "amount", "number", "quantite", "it to"}:
        entities.pop("product")
    entities |= {} if quantity is None else {"quantity": quantity}
    return entities | ({"unit": unit} if unit else {})


def _append(acts: list[Act], act: Act) -> None:
    """Adds an act; `two of them`, `just 3` complete the one before."""
    if acts and "product" not in act.entities:
        if act.name == acts[-1].name or act.name == "update_quantity":
            acts[-1] = Act(acts[-1].name, acts[-1].entities | act.entities)
        return
    if not acts and not act.entities:
        return
    if acts and acts[-1].name == act.name and not acts[-1].entities.get("product"):
        acts[-1] = act
        return
    acts.append(act)
