"""Rules for cooking: recipes, ideas for a meal, what goes with what."""

from leafloaf.storefront.intent.rule import rule

MEAL = (
    "(?:dinner|supper|lunch|breakfast|brunch|tonight|meals?|desserts?|souper|diner|dejeuner|repas|"
    "ce soir|snacks?|dish|dishes|menu)"
)
MADE = (
    "(?:make|cook|bake|prepare|boil|roast|fry|grill|poach|steam|braise|saute|marinate|brine|brew|"
    "season|do|serve|fix|whip up|roll|ferment|pickle|can|thaw|defrost|knead|store|freeze|use|"
    "substitute|create|build|assemble|put together)"
)

RECIPE = (
    rule(
        "a recipe by that word",
        "recipe",
        0.95,
        "recipe recipes recette recettes",
        r"\brecipes?\b(?: \w+)* (?:for|with|using|that|under|to|i|from|in|without|of|on|please)\b",
        (
            r"^(?:\w+ ){1,5}recipes?(?: (?:please|ideas?|easy|quick|healthy))?$|^recipes?(?: ideas?|"
            " suggestions?)?$|^(?:an?|any|some|the|find|show|search|give|best|need|want|easy|quick|"
            r"simple|healthy)\b.*\brecipes?\b"
        ),
        (
            r"\brecettes?\b(?: \w+)* (?:de|d|pour|avec|du|des|a|sans|aux?|vegane?|facile|rapide|"
            r"sante)\b|^(?:\w+ )*recettes?$|\b(?:une|des|la|ma) recettes?\b"
        ),
        unless=(
            r"^(?:\w+ )?(?:family|original|grandmas?|grandmothers?|moms?|nanas?|old|new|secret|"
            "traditional|classic|homestyle|signature|chefs?|authentic|country|steakhouse|venison|"
            r"light) recipe\b(?! for)|^recipe$|^recettes du \w+ \w+$|\brecipe (?:box|binder|book|"
            r"cards?|dog|cat|puppy|holder|stand)\b|\b(?:dog|cat|puppy|kitten|formula|adult|indoor|"
            r"grain free|in gravy|in sauce|bites|pate)\b.*\brecipe$|\brecipe\b.*\b(?:dog|cat|pet|"
            "puppy|kitten) (?:food|treats?)"
        ),
    ),
    rule(
        "how something is cooked",
        "recipe",
        0.95,
        (
            "how walk through way put use best good temperature freeze long can do comment steps "
            "teach instructions cooking marinade cuire cuisiner preparer faire cuisson directions "
            "tell what"
        ),
        (
            rf"\bhow (?:do|does|can|should|would|could|to|long|much|many|is|are|hot)\b.*\b(?:{MADE}|"
            r"made|cooked|prepared|baked|boiled|roasted|seasoned)\b"
        ),
        (
            r"^comment (?:\w+ ){0,3}(?:faire|cuire|cuisiner|preparer|fait on|apprete\w*|rotir|"
            r"reussir)\b|\btemps de cuisson\b"
        ),
        (
            r"\b(?:steps|instructions|directions|method|technique|tips) (?:for|to|on) (?:\w+ing|"
            r"make|cook|bake)\b|\bteach me\b|\bcooking (?:time|instructions|tips|times)\b|\b(?:good|"
            r"best|easy) (?:marinade|dressing|rub|sauce|side dish|topping)s? (?:for|with|to go)\b"
        ),
        (
            rf"\b(?:best|good|easiest|right|easy|quick) ways? to (?:{MADE}|use|eat)\b|\bwhat "
            r"temperature\b|^(?:can|should) i (?:freeze|refreeze|microwave|reheat|boil|cook|bake)\b|"
            r"\bwalk me through\b|\bwhat do (?:you|i|people|we) put (?:in|on)\b|^(?:show|tell) me "
            r"how to\b"
        ),
        r"^(?:freeze|refreeze|microwave|reheat) (?:cooked|raw|leftover)\b",
        unless=(
            r"\b(?:account|password|order|delivery|return|refund|coupon|payment|card|cart|basket|"
            r"subscribe|cancel|log|pay)\b"
        ),
    ),
    rule(
        "what to cook, with what, for whom",
        "recipe",
        0.9,
        "cook make bake dinner supper lunch breakfast brunch meal meals tonight souper diner "
        "repas soir cuisiner faire idees "
        "idee ideas idea ingredients ingredient serve pairs pair goes go manger instead "
        "substitute leftover leftovers plan "
        "preparer suggest any making menu feed side leftover inspiration eat need menu dessert "
        "prepare party",
        (
            r"\b(?:what|whats|which|something|anything|suggest|idea|ideas|help|suggestions?|"
            r"things?)\b.*\b(?:cook|make|bake|prepare|eat|serve|do)\b.*\b(?:with|for|tonight|today|"
            r"using|from|out of|people|guests|over|this|that|and)\b(?!.*\b(?:order|cart)\b)"
        ),
        (
            r"\bwhat (?:can|could|should|shall|do|to|might|would) (?:i|we|you|one)?\b ?.*\b(?:cook|"
            r"make|bake|prepare|eat|serve|have for)\b|\bwhat to (?:cook|make|eat|bake|serve)\b|"
            r"\bwhat should i cook\b"
        ),
        (
            rf"\b(?:whats|what is|what s|what should we have|what are we having) for {MEAL}\b|"
            rf"\b{MEAL} (?:ideas?|plan|plans|planning|inspiration|suggestions?|options)\b|"
            rf"\b(?:ideas?|inspiration|suggestions?) (?:for|pour)\b.*\b(?:{MEAL}|cook|cooking|party|"
            r"picnic|bbq|\w+)\b|\bidees? (?:de|pour) (?:le |un |mon |des )?(?:souper|diner|repas|"
            r"lunch|collations?|dejeuner|menu|recettes?)\b|\bmeal plan\b|\bplan (?:a|my|our|the|"
            r"meals|for)\b.*\b(?:meals?|dinner|party|night|week|menu)\b"
        ),
        (
            r"\b(?:ingredients?) (?:for|in|to|of|do i|pour|d|de|needed|are)\b|\bwhat ingredients\b|"
            r"\bwhats in (?:a|an) \w+|\bwhat goes (?:in|into|with|well)\b|\bwhat do i need (?:to|"
            r"for)\b|\b(?:wine|side|sides|sauce|drink|cheese|what) (?:goes|go|pairs?) (?:well "
            r")?with\b|\bpairs? (?:well )?with\b"
        ),
        (
            r"\bi have\b.*\b(?:what|how)\b|\bwith (?:leftover|the leftover|leftovers)\b|\b(?:use up|"
            r"using up|leftover)\b.*\b(?:what|how|ideas)\b|\b(?:instead of|substitute for|replace|"
            r"replacement for|alternative to)\b.*\b(?:in|for) (?:a |an |the |my )?(?:\w+ "
            r")?(?:recipe|cake|cakes|baking|cookies|pancakes|bread|sauce|soup|muffins|curry)\b|"
            r"\bwhat can i (?:use|substitute)\b"
        ),
        (
            r"\b(?:que|quoi|qu est ce que)\b.*\b(?:faire|cuisiner|manger|preparer|cuire|servir)\b|"
            r"\bquoi (?:manger|faire|cuisiner)\b|\bingredients? (?:pour|d|de)\b"
        ),
        (
            "^(?:make|cook|bake|prepare) (?:an?|the|some|us|me|dinner|lunch|supper|breakfast) "
            r".*\b(?:for|tonight|with|cake|dinner|people|today|party)\b|^(?:make|cook|bake) "
            "(?:lasagna|dinner|lunch|supper|pancakes|a cake|bread|cookies|soup|pizza|tacos|curry|"
            r"chili|pasta)\b(?! mix| kit)|\b(?:want|going|trying|planning|like) to (?:make|cook|"
            r"bake|prepare)\b"
        ),
        (
            r"^(?:easy|quick|healthy|cheap|simple|fast) (?:\w+ )?(?:meals?|dinners?|lunches|"
            r"suppers?|breakfasts?|weeknight dinners?)(?: (?:for|with|under|to|ideas?)\b.*)?$"
        ),
        (
            r"\bany (?:ideas|suggestions|inspiration)\b|\bideas$|^ideas\b|^suggest an? (?:meal|dish|"
            r"recipe|menu)\b|\bgoe?s? (?:well|good) with\b|^(?:help me )?make an? (?:salad|cake|"
            r"soup|stew|pie|smoothie|curry|stir fry)$|\bwhat to do with\b|\b(?:something|anything|"
            r"things|meals?|dishes|dinner) (?:i|we|you) can (?:make|cook|bake)\b|"
            r"\bmaking\b.*\bwhat\b|\b(?:a|the|weekly|my|our) menu\b|^feed \w+\b|\b(?:side dish|"
            r"sides?|wine|sauce|dish)\b.*\b(?:goes|go|pairs?)\b|\bwhat (?:can|could|should) (?:i|"
            r"we) do with\b|\bsimple \w+ dish\b|^(?:a |some )?(?:good |easy |quick )?(?:lunch|"
            r"dinner|supper|breakfast|dessert|snack) (?:for|with) (?:tonight|the kids|two|four|\w+ "
            r"people)\b"
        ),
        unless=(
            r"\b(?:add|remove|delete) .*\b(?:cart|basket|order)\b|^(?:make your own|make ahead|bake "
            r"at home|cook in|make up|makeup|frozen|tv dinner|dinner for two)\b|\b(?:meal kit|meal "
            r"replacement|dinner rolls)\b|^what (?:did|have|am) i\b"
        ),
    ),
)
