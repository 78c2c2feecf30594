"""Rules for the order as it is and as it was: look at it, buy the same again."""

from leafloaf.storefront.intent.rule import MY_CART, OWN, PAST, rule

HAD = r"(?:bought|ordered|got|purchased|had|achete|commande|pris)"
WHEN = (
    f"(?:(?:{PAST}) (?:time|week|weeks|month|months|order|orders|basket|cart|shop|shopping|"
    "purchase|purchases|groceries|"
    "delivery|trip|sunday|monday|tuesday|wednesday|thursday|friday|saturday|year)|before|"
    "previously|yesterday|"
    r"derniere (?:fois|commande)|semaine (?:derniere|passee)|la fois passee)"
)
SHOWN = (
    "(?:show|view|see|open|display|check|review|read|list|go to|take me to|bring up|pull up|"
    "look at|verify|preview|"
    "recap|print|bring me to|summari[sz]e|give me|tell me|what about|go over|go through|voir|"
    "affiche[rz]?|montre[rz]?|ouvre|ouvrir|consulter|"
    r"lis|lire|verifie[rz]?|regarder)"
)

REORDER = (
    rule(
        "asked to buy the same again",
        "reorder",
        0.95,
        "reorder again same usual usuals repeat rebuy re encore meme redo refais refaire "
        "recommander recommande rachete "
        "racheter habitude habituel habituels habituelle habituelles regular regulars restock "
        "replenish refill top stock "
        "rerun copy use load resend reprends reprendre recommence recommencer repurchase like "
        "from standard normal typical recurring monthly out duplicate favourites favorites "
        "staples weekly nouveau renouveler renouvelle rachetez reordering",
        r"^(?:re ?order|rebuy|re buy|reordering)\b",
        (
            r"\b(?:buy|order|get|purchase|repeat|have|do|send|ship|need|want|commander?|achete[rz]?|"
            r"place|bring)\b.*\b(?:again|encore|once more|a nouveau)$"
        ),
        (
            r"^(?:order|buy|get|do|place)(?: it| them| that| this)? again\b|^commande(?:r|z)? "
            r"encore\b|^(?:again|encore)$"
        ),
        (
            rf"\bsame\b.*\b(?:as|like|i|we)\b.*\b(?:{WHEN}|usual|always|{HAD})\b|^(?:the )?same(?: "
            "again| as (?:usual|always|before)| thing| order| things| groceries){0,6}$"
        ),
        r"\bthe same (?:order|groceries|basket|cart|stuff|things|items|thing) (?:as|again|please)\b",
        (
            r"\b(?:repeat|redo|duplicate|copy|refill|refais|refaire|renouvel\w+|recommande[rz]?|"
            rf"rachete[rz]?)\b.*\b(?:{PAST}|order|basket|cart|shop|groceries|shopping|commande|"
            r"panier|achats|du|de|le|la|des)\b"
        ),
        (
            r"^(?:re)?commande(?:r|z)? (?:ma derniere|la derniere|la meme|le meme|mes habituels)\b|"
            r"\bmeme(?:s)? (?:commande|chose|achats|panier|produits)\b"
        ),
        (
            r"\b(?:my|our|the|just|mes|mon|ma|les|le) (?:weekly |monthly )?(?:usuals?|regulars?|"
            "regular (?:order|items|groceries|shop|stuff|basket)|staples|favou?rites|weekly "
            "(?:shop|order|groceries|basket|shopping)|monthly (?:order|shop)|standing order|"
            r"habituels?|habituelles?|\w+ habituel\w*)\b"
        ),
        (
            r"^(?:the )?usual(?: (?:order|groceries|stuff|items|basket|shop|things))?$|\bmy usual\b|"
            r"\b(?:as|comme) (?:usual|d habitude)\b"
        ),
        r"^(?:restock|replenish|refill|stock up on|top up) (?:on )?(?:my|the|our)\b",
        (
            "^(?:rerun|copy|use|load|duplicate|resend|reprends|reprendre|recommence[rz]?|"
            rf"refill)\b.*\b(?:{PAST}|derniere|meme|order|cart|basket)\b|^repurchase\b|\b(?:like|"
            r"from) (?:my |the )?last (?:one|order|time)\b"
        ),
        (
            r"\b(?:my|the|our) (?:normal |regular |usual )?(?:usual|regular|standard|normal|typical|"
            "recurring|weekly|monthly) (?:order|groceries|shop|stuff|basket|shopping|items|things|"
            r"list)\b"
        ),
        r"\bout of\b.*\b(?:same|usual)\b|\blook up what i\b.*\bbefore\b",
        unless=(
            r"\b(?:open|close|try|say that|repeat that|tell me|never) again\b|^(?:usual suspects|"
            "repeat pattern|again and again)"
        ),
    ),
    rule(
        "what was bought before",
        "reorder",
        0.9,
        (
            "last previous before usually always often normally regularly frequently previously "
            "bought past derniere yesterday"
        ),
        (
            "^(?:order|get|buy|add|put|want|have|send|need|bring|give|purchase|repeat|do|can i get|"
            rf"i want|i need|i d like|id like|ill have|ill take|lets do)\b.*\b(?:{WHEN})\b"
        ),
        (
            r"\b(?:what|things|items|stuff|products|groceries|everything|whatever|the \w+) (?:that |"
            f"which |do )?(?:i|we) (?:{HAD}|usually|always|often|normally|regularly|frequently|"
            r"generally)\b"
        ),
        (
            r"\b(?:usually|always|often|regularly|frequently|normally) (?:buy|get|order|purchase|"
            r"have|bought|ordered|purchased)\b"
        ),
        (
            rf"\b{HAD} (?:it |them |this |that )?(?:{WHEN})\b|\b(?:previously|frequently) (?:bought|"
            r"purchased|ordered)\b"
        ),
        unless=(
            r"^(?:what (?:did|have) i|how much|did i|have i)\b|\b(?:arrived|charged|missing|late|"
            r"refund|delivered|never|show|view|history|was|were|cooked)\b|^i only buy|always pads"
        ),
    ),
)

VIEW = (
    rule(
        "look at the cart or the order",
        "view_order",
        0.95,
        "cart basket order orders trolley list panier commande commandes checkout total "
        "subtotal bag history historique "
        "purchases liste",
        (
            f"^(?:{OWN} |current |shopping )*(?:cart|basket|trolley|orders?|panier|commande|"
            "checkout|(?:order|cart|basket) (?:summary|total|details|contents|history|review)|sub "
            "?total|shopping list|liste d epicerie)$"
        ),
        (
            f"^{SHOWN}(?: (?:me|us|back|moi|out|over|up|everything|all|what|whats|is|the|items|"
            "contents|summary|status|of|in|on|my|a|et|le|contenu|du|de|ce|qu|il|y|dans|what s|an|"
            "overview|things|stuff|products|tout|que|j|ai|i|have|ive|put|already|current|entire|"
            f"full|please|for))* {MY_CART}(?: (?:so far|now|total|again|please|today|contents|"
            "summary|details|right now|items|first|before.*))?$"
        ),
        (
            r"\b(?:whats|what|how many|anything|everything|something|which|is there|are there|qu "
            rf"est ce qu|qu y a t|combien)\b.*\b(?:in|on|to|dans|for) {MY_CART}\b"
        ),
        (
            r"\b(?:is|are|do i have|did i|have i|do we have|did we|ai je|j ai|is there|are "
            rf"there)\b.*\b(?:in|on|to|dans|a) {MY_CART}\b"
        ),
        (
            rf"^(?:hows?|how is|where is|wheres|que contient|what about) {MY_CART}\b(?! (?:order|"
            "not))|^view bag$|^(?:view|show|list|see) (?:my|all my|the) (?:items|stuff|things|"
            "picks|selections)$"
        ),
        r"^where can i (?:see|view|find|check) my (?:order|cart|basket)\b",
        rf"\b(?:how much|combien|whats the price|cost)\b.*\b{MY_CART}\b",
        (
            rf"^(?:{SHOWN}|see|list|find|where|what|my|our|mes)\b.*\b(?:{PAST}|old|purchase|order) "
            r"(?:orders?|purchases?|history|commandes)\b|\b(?:order|purchase) history\b|"
            r"\bhistorique\b"
        ),
        unless=(
            r"\b(?:again|same|add|remove|delete|put|clear|empty|dump|question|mark|problem|ship|"
            "deliver|arrive|where|wheres|missing|cancel|late|cover|liner|track|minimum|recipe|"
            r"gift)\b(?! (?:eggs|so far))"
        ),
    ),
    rule(
        "the total, what is in it, checking out",
        "view_order",
        0.9,
        "total subtotal bill owe pay spend spending spent added add ordered getting so far "
        "items checkout check caisse "
        "paiement payer dois place complete finish submit confirm valider cost ajoute mis "
        "already have put buying passer done shopping finished through thats show ready review "
        "everything paying damage finish en",
        (
            r"\b(?:my|the|our|order|cart|current|running|grand|final|basket|le|mon) (?:sub ?total|"
            r"total)(?: price| cost| amount)?\b|\b(?:sub ?total|total) (?:of my|for my|de (?:la|ma|"
            r"mon)|so far)\b|^(?:whats|how much is) (?:the|my) (?:total|bill|sub ?total)"
        ),
        (
            r"\bhow much (?:do|will|would|am|have|did) (?:i|we)\b.*\b(?:owe|pay|spend|spent|"
            r"spending|paying|far)\b|\bcombien\b.*\b(?:dois|en tout|au total)\b|\b(?:my|the) bill\b"
        ),
        (
            "^(?:did|have) (?:i|we)(?: already| remember to)* (?:add|added|put|include|included|"
            r"order|ordered|get|got)\b|^(?:ai je|est ce que j ai)(?: deja)? (?:mis|ajoute|commande|"
            r"pris)\b|^do i (?:already )?have (?:any |enough )?(?:\w+ )+already$"
        ),
        (
            r"\bwhat (?:did|have|am|are|all have) (?:i|we)\b.*\b(?:add|added|adding|order|ordered|"
            r"ordering|put|buying|getting|got|picked|far|have)\b|\bwhat (?:i|ive|we|"
            r"weve)\b.*\b(?:ordered|added|got|picked|far)\b"
        ),
        (
            "^(?:im |i am |we are |were )?(?:done|finished|through|all set)(?: with)?(?: my)?(?: "
            "shopping| ordering| adding| here)$|^finish and pay$|^total(?: please| price| cost)?$|"
            "^(?:ok )?(?:let me )?(?:review|see|check) everything$"
        ),
        (
            r"\bwhats in there\b|^show (?:me )?what i(?:ve| have)?\b|^what did (?:i|we) (?:order|"
            "buy|get|pick)(?: today| so far| this week)?$|^how much is (?:everything|it all|all of "
            r"(?:it|this|that)|this)$|\bdamage so far\b|\ben tout\b|^what(?:s| is) everything "
            r"(?:cost|come to)|^how many \w+ (?:do i|have i|did i)\b"
        ),
        r"^how many (?:items|things|products|articles) (?:do i|have i|did i|are in|are there|do we)\b",
        (
            "^(?:proceed to |go to |continue to |ready to |ready for |im ready to |i am ready to |"
            "take me to |to |want to )*(?:check ?out|pay|pay now|payment|passer a la caisse|"
            "payer)(?: now| please| my order| my cart)?$"
        ),
        (
            "^(?:place|complete|finish|submit|confirm|finali[sz]e|valider|passer|confirmer) (?:my|"
            r"the|this|an|ma|la|mon|le) (?:order|purchase|commande|panier|cart)\b"
        ),
        unless=r"\b(?:last|cereal|recipe|delivery|shipping|make|cook|same)\b",
    ),
)
