"""Rules for changing the order: how many of something, out of it, into it."""

from leafloaf.storefront.intent.numbers import AMOUNT, UNITS
from leafloaf.storefront.intent.rule import CART, INTO, IT, MY_CART, OUT_OF, OWN, THE, rule

UNIT = rf"(?:{'|'.join(sorted(UNITS, key=len, reverse=True))})"

UPDATE = (
    rule(
        "a number for something that is in the order",
        "update_quantity",
        0.95,
        "change make update set increase decrease reduce lower raise bump cut double triple "
        "halve adjust quantity qty "
        "instead only twice modify mets augmente augmenter reduis reduire diminue diminuer "
        "lieu doublez double quantite "
        "change changez modifie met passe passez fewer less more another rather up drop bring "
        "knock half into times one two three four five six x go not just down plutot passe "
        "doubler amount number",
        (
            "^(?:change|update|set|increase|decrease|reduce|lower|raise|bump|cut|adjust|modify|"
            "bring|turn|switch|move|take|up|push|passe[rz]?|changer?|changez|mets|met|"
            r"augmente[rz]?|reduis|reduire|diminue[rz]?|modifie[rz]?)\b.*\b(?:to|up to|down to|by|a|"
            rf"de|at) (?:just |only )?{AMOUNT}\b(?! (?:to|in|into) )"
        ),
        (
            rf"^(?:make|lets make|lets do|do) (?:{IT}|{THE} [\w ]+?) (?:just |only )?{AMOUNT}(?: "
            f"{UNIT})?(?: instead.*| of them| please)?$"
        ),
        rf"^(?:make|lets make|do) (?:it|that|those|them) {AMOUNT}\b",
        (
            rf"\b{AMOUNT}\b.*\b(?:instead(?: of {AMOUNT}\b.*)?|rather than {AMOUNT}\b.*|au lieu de "
            rf"{AMOUNT}\b.*|plutot que {AMOUNT}\b.*|not {AMOUNT})$"
        ),
        r"\b(?:quantity|qty|quantite)\b",
        rf"\bthe (?:amount|number) of\b.*\b{AMOUNT}$",
        rf"^only {AMOUNT}\b|\b(?:only|just) (?:need|want|wanted|needed) {AMOUNT}\b",
        (
            f"^(?:double|triple|halve|quadruple|double up on|doubler?|doublez) (?:{THE}|{IT}|"
            r"quantit\w+)\b|^(?:twice|half) as (?:many|much)\b"
        ),
        rf"^(?:fewer|less|more|more of) .*\b(?:just|only|make it) {AMOUNT}$",
        (
            "^(?:one|two|three|a few|a couple|another) (?:more|less|fewer|extra) of (?:those|them|"
            rf"these|that|it)\b|^mets en {AMOUNT}$|^(?:increase|decrease|reduce|lower|raise|bump|"
            "adjust|augmente[rz]?|reduis|diminue[rz]?) (?:up |down )?(?:the |my |la |le |les )"
        ),
        (
            rf"^go (?:up|down) to {AMOUNT}\b|\binstead of {AMOUNT}\b|^(?:i )?(?:want|need|id rather "
            rf"have|d rather have|prefer) .*\b(?:than|not) {AMOUNT}$"
        ),
        (
            rf"\bto make (?:it|that) {AMOUNT}$|^(?:knock|put|push|turn|bump|bring|take|dial|get|go|"
            rf"you|i|the|my|lets|move|up)\b.*\b(?:up|down|back) to {AMOUNT}(?: \w+)?$|^turn .* into "
            rf"{AMOUNT}|^x ?\d+ (?:on|of|for) the\b|\b(?:twice|half|three times) (?:as|the) (?:many|"
            r"much|amount|quantity)\b"
        ),
        (
            rf"\b{AMOUNT} (?:less|fewer)\b|^add {AMOUNT} more to the\b|^make (?:it|that) (?:a|an) "
            rf"(?:even )?(?:dozen|couple)\b|^(?:switch|change|update|set) .* to {AMOUNT}|\bdouble "
            rf"(?:it|that|them|those|up|the|my)\b|\bmake it {AMOUNT}$|\bhow many \w+ i have to "
            rf"{AMOUNT}\b"
        ),
        unless=(
            r"\b(?:delivery|address|payment|account|password|card|email|minutes|people|recipe|timer|"
            r"alarm|volume|cream|stuf|chocolate|fat|sugar|carbs?|ingredients)\b|^(?:up to|set of|"
            r"less than)\b"
        ),
    ),
)

REMOVE = (
    rule(
        "take something out",
        "remove_from_order",
        0.95,
        "remove delete removing removed taken deleted oops back enleve enlever enlevez retire "
        "retirer retirez supprime supprimer supprimez ote otez vide "
        "vider videz take drop clear empty rid cancel scratch skip lose leave scrap pull "
        "annule annuler discard ditch nix forget eliminate uncheck without sors sortir undo "
        "sortez "
        "toss kick cut out off erase minus get pop without strike wipe",
        r"^(?:remove|delete|enleve[rz]?|retire[rz]?|supprime[rz]?|ote[rz]?|discard|erase)\b",
        (
            f"^(?:take|pull|get|pop|kick|strike|cut) (?:out |off |away )?(?:{THE}|{AMOUNT}|"
            rf"{IT})\b.*\b(?:out|off|away|{OUT_OF})\b"
        ),
        (
            rf"^take (?:out|off|away) (?!containers?|boxes|bags)\w+|^pull (?:out )?{THE}\b.*\bfrom\b|"
            r"^(?:get|getting) rid of\b"
        ),
        (
            "^(?:drop|cancel|scratch|skip|lose|leave out|leave off|scrap|annule[rz]?|ditch|cut|"
            "minus|cancel out|cross off|nix|forget(?: about)?|eliminate|uncheck|undo|sors|sortez) "
            rf"(?:{THE}|{IT}|{AMOUNT} of|adding)\b(?! (?:order|delivery|commande|livraison|timer|"
            r"alarm)\b)"
        ),
        (
            "^(?:clear|empty|vide[rz]?|dump|wipe|reset|clean out|dump|delete|erase|cancel) (?:out "
            rf")?(?:everything|all(?: of it)?|tout|{MY_CART}|{OWN} {CART}|it|everything)\b"
        ),
        (
            rf"^(?:take|get|drop|pull|toss|throw|leave) [\w ]+ {OUT_OF}$|^(?:toss|throw|take|kick) "
            rf"out (?:{THE})\b|^take back\b"
        ),
        (
            rf"\b(?:remove|delete|take off|take out|enleve[rz]?) (?:it|them|that|those|{THE} \w+)(?: "
            r"\w+)?$|\btake (?:it|them|that|those) (?:off|out|away|back)\b|\b(?:removed|taken "
            "(?:off|out)|deleted)$"
        ),
        r"\bstart over\b.*\b(?:cart|basket|order)\b|^(?:empty|clear) (?:cart|basket|panier)$|^leave out\b",
        unless=(
            "^(?:drop|pop|toss|get|take|pull|kick) .* (?:in|into|to|on) (?:my|the|our) (?:cart|"
            r"basket|trolley|order|bag|list)$|^(?:remove|removes|delete|discard) (?:\w+ "
            ")?(?:stains?|odou?rs?|wax|rust|lint|paint|scratch|hair|grease|dust|polish|makeup|make "
            r"up|spots?|pet odou?r)(?: \w+)*$|^cancel (?:bubble|my order|the order|the delivery|my "
            "delivery|my subscription|my account)|^clear american|^delete (?:my account|my data)|"
            r"\b(?:instead)$|^take (?:it|that|this) (?:easy|slow)"
        ),
    ),
    rule(
        "not wanted any more",
        "remove_from_order",
        0.85,
        (
            "dont longer changed mind nevermind never anymore not more plus without pas veux "
            "enough already wont decided against time needing no get"
        ),
        (
            "^(?:(?:i|we|id|actually i) )?(?:dont|do not|no longer|didnt|did not|dont really) "
            r"(?:want|need|require|like|be needing|have to have)\b(?! to (?:pay|wait|log|sign|talk|"
            "cook))(?! (?:spend|emails?|my account))"
        ),
        (
            r"\bdont think (?:i|we) (?:need|want)\b|\b(?:can|could) do without\b|\bwont (?:be "
            r"needing|need)\b|\bdecided against\b|\b(?:no|not) \w+ this time$|^(?:not get|without) "
            r"(?:the|any)\b|^(?:no )?i dont want \w+$|\bno longer (?:want|need)\b|\bchanged my mind "
            r"(?:about|on)\b|^(?:never ?mind) (?:about |on )?(?:the|my|those|that)\b|^forget "
            r"(?:about )?(?:the|my|those)\b"
        ),
        r"^no more (?!than)\w+(?: \w+)?(?: please)?$|^(?:enough|not) the \w+$|^hold the \w+",
        r"^(?:dont|do not|please dont|ne) (?:add|put|include|order|buy|get|mets|ajoute[rz]?)\b(?! pas de)",
        (
            r"^(?:je|on) (?:ne )?(?:veux|veut|voulais|voudrais) (?:plus|pas)\b|^(?:je )?n (?:en "
            r")?ai plus besoin\b|\bai change d idee\b"
        ),
        unless=r"\b(?:allergic|recipe|refund|tears?)\b",
    ),
    rule(
        "one thing in the place of another",
        "remove_from_order",
        0.8,
        "replace swap substitute switch exchange remplace remplacer remplacez echange trade",
        (
            "^(?:replace|swap|substitute|switch|exchange|trade|remplace[rz]?|echange[rz]?)(?: "
            rf"out)? (?:{THE}|{IT}|\w+)\b.*\b(?:with|for|to|by|par|pour|contre|instead)\b"
        ),
        unless=r"\b(?:egg substitute|substitute for|meal|in (?:a|the|my) (?:recipe|cake))\b",
    ),
)

ADD = (
    rule(
        "put something in",
        "add_to_order",
        0.95,
        "add adding put toss throw stick include pop drop place ajoute ajouter ajoutez rajoute "
        "rajouter rajoutez mets mettez "
        "mettre met inclure cart basket panier order pile chuck slip stock load another hook "
        "mark sign fill needs bump throw",
        r"^(?:add|adding|ajoute[rz]?|rajoute[rz]?)\b(?! ?(?:ins?|ons?|y)\b)",
        (
            "^(?:put|toss|throw|stick|include|pop|drop|place|get|chuck|slip|load|want|have|need|"
            rf"like|mets|mettez|mettre|inclure|bring|leave|keep|save|i|move)\b.*\b(?:{INTO}|in there|"
            r"in too|to it)\b"
        ),
        (
            rf"^(?:throw|toss|chuck|stick|put|pop) in (?:{THE}|{AMOUNT}|a|an|another|more)\b|^(?:put|"
            rf"throw) {IT} in\b|^include (?:{THE}|{AMOUNT}|an?)\b"
        ),
        rf"^(?:mets|mettez|met) (?:moi )?(?:{THE}|{AMOUNT}|une?)\b",
        (
            "^(?:put|throw|toss|get|stick) .* in$|^(?:put|sign|hook|mark) me (?:down|up) (?:for|"
            rf"with)\b|^fill {MY_CART}\b|^my (?:cart|basket) needs\b|\badd (?:it|them|that|those)$|"
            rf"^(?:cart|basket) add\b|^[\w ]+ {INTO}$"
        ),
        rf"^to (?:{MY_CART}) ",
        unless=(
            r"^(?:add in|add ins|add on|add ons|put a lid|throw in the bag)\b|^(?:is|are|did|do|"
            "does|have|what|whats|how|show|view|where|which|go|take|remove|delete|open|check|cover|"
            r"liner)\b|\b(?:cancel|refund|problem|missing|help|issue|question|changes?|wrong|late|"
            r"return)\b"
        ),
    ),
    rule(
        "buy, order or take something",
        "add_to_order",
        0.85,
        "buy purchase order take have get grab need want like gimme give fetch pick bring send "
        "us acheter achete achetez "
        "commande commandez commander prendre prends prendrai veux voudrais aimerais faut "
        "faudrait ill wed id reserve donne "
        "donnez we require",
        (
            r"^get [\w ]+ for me$|^(?:buy|purchase|acheter|achete[rz]?|prendre|prends|prendrai|j "
            r"achete)\b(?! ?(?:one get|again))"
        ),
        (
            rf"^order (?:{THE}|{AMOUNT}|me|us|more|another|an?)\b(?! of magnitude)(?! (?:summary|"
            r"status|history))|^order (?!of|up|history|status)\w+(?: \w+)?$"
        ),
        (
            rf"^commande[rz]? (?:moi )?(?:{THE}|{AMOUNT}|une?)\b|^(?:donne|donnez)(?: moi)? "
            rf"(?:{AMOUNT}|du|des|une?)\b"
        ),
        r"^(?:ill|i will|we will|well|i ll|je vais) (?:take|have|get|grab|buy|go with|prendre|order)\b",
        (
            "^(?:get|grab|give|fetch|bring|send|pick up|pick|order|buy) (?:me|us) (?!the (?:list|"
            "status|recipe)|ideas?|an? (?:recipe|idea|list|human|person|agent)|recipes?|something|"
            "anything|inspiration|help|info|details|directions|out|a good|the best|started|in "
            r"touch|through)\w+"
        ),
        (
            f"^(?:get|grab|pick up|take|have|fetch) (?:just |another |me )?(?:{AMOUNT}|a (?:couple|"
            rf"few|dozen|{UNIT})|some|a) \w+"
        ),
        (
            "^(?:i|we|id|wed|d)? ?(?:also |just |still |really )?(?:want|need|would like|like|d "
            "like|id like|wed like|want to (?:buy|get|order|have)|require|could use|should get|"
            f"love|d love|id love|have)(?: to (?:buy|get|order|have))? (?:{AMOUNT}|a (?:couple|few|"
            rf"dozen|half|{UNIT})|half an?)\b"
        ),
        (
            "^(?:je|j|on|nous|il)(?: en| me)? (?:veux|voudrais|aimerais|prends|prendrai|prendrais|"
            "faut|faudrait|voudrions|ai besoin de|ai besoin d|veut)(?: (?:acheter|commander|avoir|"
            rf"prendre))? {AMOUNT}\b|^(?:acheter|commander|avoir) {AMOUNT}\b"
        ),
        (
            f"^(?:pick|choose|select|take|want|grab|get|buy|have) {IT}$|^(?:ill take|take|i want|"
            rf"want|add) {IT}\b"
        ),
        unless=(
            "^(?:take (?:and|n|5|out|your|care|note)|take a|get well|give us|order of|buy (?:one|1|"
            "2|two) get|have a|get (?:some )?(?:help|a refund|in touch|support)|need it now|pick "
            r"me up|send me)\b|\b(?:ideas|recipes?|to (?:cook|bake|make)|refund|receipt|invoice|"
            r"help|what do i need|how)\b|\b(?:people|guests)$"
        ),
    ),
)
