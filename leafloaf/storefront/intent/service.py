"""Rules for what is no shopping: support, and everything else that people say to a shop."""

from leafloaf.storefront.intent.rule import rule

MINE = r"(?:my|our|the|an?|ma|mon|mes|la|une)"
ORDERED = r"(?:order|delivery|groceries|package|parcel|driver|commande|livraison|epicerie|courier|shipment)"
BROKEN = (
    "(?:spoiled|spoilt|rotten|broken|damaged|expired|mouldy|moldy|melted|wilted|mushy|bruised|"
    "soggy|sour|mauvais|mauvaise|crushed|leaking|cracked|late|wrong|"
    "missing|incomplete|recalled|defective|stale|thawed|pourrie?s?|cassee?s?|brisee?s?|"
    "abimee?s?|perimee?s?)"
)

OTHER = (
    rule(
        "small talk",
        "other",
        0.95,
        "hello hi hey yo hiya thanks thank thx ty merci bonjour bonsoir salut allo yes yeah "
        "yep yup no nope nah ok okay "
        "cool great nice awesome perfect good bye goodbye night lol haha stop wait cancel "
        "never nevermind nothing oui "
        "non revoir sure fine right d accord parfait sorry desole maybe back continue next "
        "done exit quit morning "
        "afternoon evening forget see bientot suffit ca repeat start over welcome wow thats "
        "hmm happy birthday really moment howdy whats a please so s whatever alright",
        "^(?:(?:hello|hi|hey|yo|hiya|thanks|thank you|thank u|thx|ty|merci|bonjour|bonsoir|"
        "salut|allo|yes|yeah|yep|yup|"
        "no|nope|nah|ok|okay|cool|great|nice|awesome|perfect|sounds good|got it|all good|good|"
        "bye|goodbye|bye bye|lol|"
        r"haha|oui|non|sure|fine|right|d accord|parfait|sorry|desole|maybe|wow|please|"
        "hmm|howdy|not really|whats up|just kidding|happy birthday|good one|cheers|understood|"
        "there|again|you|so much|very much|a lot|beaucoup|bien|a tous|everyone|then|not|really|"
        "good (?:morning|afternoon|evening|night|day)|au revoir|ca va|see you|tomorrow|later|a "
        "demain|bonne journee|"
        r"that s great|thats (?:great|all|it|fine|good|enough|ok|okay|right|wrong|cool|perfect|awesome)|"
        r"for (?:now|today|everything|your help|the help)|all|i guess|of course|no problem|youre welcome|"
        "(?:never ?mind|stop|wait|continue|go back|go on|next|done|exit|quit|start over|say "
        "that again|repeat that|"
        "nothing|nothing else|no thank you|forget it|a bientot|see you(?: later| soon| "
        "tomorrow)?|ca suffit|okay great|say that again|cancel(?: that| this)?|hold on|one "
        "(?:moment|second|sec)))(?: |$)){1,8}$",
        unless=r"^(?:again|all|next|right|a lot|night)$",
    ),
    rule(
        "talk about the assistant, the world or the speaker",
        "other",
        0.9,
        "joke jokes blague weather temps meteo robot bot name sing song music musique play who "
        "time heure capital "
        "bored love hate how timer alarm volume remind call meaning old speak parle parles "
        "talk story are you president im i youre "
        "game news lights light score allergic tall far meteo hear like feelings think plus "
        "know looking score funny door feel what tell temperature todays date many your que "
        "fais why vas va appelle es",
        r"\b(?:tell|raconte|know)\b.*\b(?:jokes?|story|blague|histoire|fun fact)\b|^(?:another )?joke$",
        (
            r"\b(?:whats|hows|what|how|is|will|quel)\b.*\b(?:weather|rain|raining|snow|temperature "
            r"outside|meteo)\b|\bquel temps\b"
        ),
        (
            r"^(?:who|what) (?:are|r) you\b|\babout yourself\b|^hows it going|^whats todays\b|^how "
            r"many \w+ (?:are )?(?:in|make) an? \w+$|\bwhats your (?:name|favou?rite|job|age)\b|"
            r"\bfais tu\b|^whats your (?:name|favou?rite)\b|^who (?:made|built|created|owns|won|is|"
            r"was|wrote|invented)\b|^whos\b"
        ),
        (
            "^are you (?:a |an |real|human|there|alive|ok|okay|sure|happy|single|listening|smart|"
            "chatgpt|alexa|siri)"
        ),
        (
            r"^how (?:are|r) (?:you|u)\b|^hows it going|^how (?:old|tall|far) (?:are|is)\b|^whats "
            "up|^comment (?:vas tu|allez vous|ca va|tu t appelles)|^qui es tu|^es tu un"
        ),
        r"\bwhat time is it\b|\bquelle heure\b|\bwhats the (?:time|date|day)\b|\bwhat day is\b",
        (
            r"^(?:sing\b|play (?:some |me |the |a )?(?:music|song|radio|jazz|news)|set (?:a|an|the) "
            "(?:timer|alarm|reminder)|turn (?:the |on |off |up |down )+|call (?:my )?(?:mom|mum|"
            "dad|wife|husband|home|me)|remind me|text my|read me the news|open (?:youtube|spotify|"
            "netflix))"
        ),
        (
            r"\bhear me\b|^do you (?:like|love|know|feel|think|believe|sleep|eat|have (?:feelings|a "
            r"name|friends|a brain))\b|\b\d+ (?:plus|minus|times|divided by) \d+\b|\b(?:the news|"
            r"score of|score in)\b|^think about\b|^(?:i )?(?:dont know|have no idea|am not sure|m "
            r"not sure|dont care)\b|\bim not sure$|^speak \w+$|\bsomething funny\b|^(?:just|only) "
            r"looking$|^open the door|^how(?:s| is) your day\b|^what did you say\b|\brain (?:today|"
            r"tomorrow)\b"
        ),
        (
            r"\bcapital of\b|\bmeaning of life\b|\bsquare root\b|\bpresident of\b|\bprime "
            r"minister\b|\bpopulation of\b"
        ),
        (
            "^(?:im|i am|i m) (?:so |very |really |feeling )?(?:bored|tired|sad|happy|hungry|home|"
            r"back|lost|allergic|sick|angry|confused|just looking|just browsing)\b|^i (?:love|hate|"
            r"like) you\b|^je suis\b"
        ),
        r"^(?:youre|you are|you re|u r|tu es|vous etes) (?!open|ouvert|out of|missing|charging)",
        (
            r"\b(?:can|do|could) you (?:speak|understand|hear|sing|dance|think|talk)\b|\bwhat can "
            r"you do\b|\bhow do you work\b|\bparlez vous\b|\bparles tu\b"
        ),
        r"^who (?!gives)|^why (?:is the sky|do|does|did|are we)\b",
        unless=(
            "^who (?:can|do|should) i (?:call|contact|talk|email)|^i love you (?:balloons?|cards?|"
            r"cake|chocolates?)|^who (?:sells|makes|has|delivers)\b"
        ),
    ),
    rule(
        "told not to change anything",
        "other",
        0.7,
        "dont not pas",
        (
            "^(?:dont|do not|please dont|ne) (?:remove|delete|take|change|touch|cancel|enleve|"
            r"enlevez|retire|retirez|supprime)\b"
        ),
    ),
)

SUPPORT = (
    rule(
        "an order or a delivery went wrong, or is waited for",
        "support",
        0.95,
        "order delivery groceries package parcel driver commande livraison epicerie courier "
        "shipment refund refunds "
        "refunded reimbursement remboursement rembourse rembourser arrived delivered came "
        "received got were sent gave "
        "was is are missing manque manquait never recu complaint complain plainte money",
        rf"\b(?:wheres|where|when|whens|ou|quand|why)\b.*\b{MINE} (?:\w+ )?{ORDERED}\b",
        (
            r"\b(?:track|cancel|annuler|annule|reschedule|postpone|suivre|status of|eta|"
            rf"delay)\b.*\b(?:{MINE} )?(?:\w+ )?{ORDERED}\b"
        ),
        (
            "^(?:order|delivery) (?:status|tracking|cancellation|update|is|was|not|never|"
            rf"problem)\b|^(?:late|missing|wrong) {ORDERED}"
        ),
        r"\b(?:refund|refunds|refunded|reimburse\w*|rembourse\w*)\b|\bmoney back\b",
        (
            r"\b(?:arrived|delivered|came|showed up|received|got|was|were|are|is|recue?s?|livree?s?|"
            rf"etait|etaient|sont|est)\b.*\b{BROKEN}\b"
        ),
        rf"^{BROKEN} (?:item|items|eggs|product|products|delivery|order|food)\b",
        (
            r"\b(?:never|not|didnt|havent|hasnt|wasnt|werent|jamais|isnt)\b.*\b(?:got|get|gotten|"
            "received?|arrived?|came?|come|showed|delivered|recue?s?|livree?s?|here yet|shown up|"
            r"show up|recu)\b|\bsays delivered\b|\b(?:recu|livre) (?:les|le|la|un|une|des) "
            r"mauvais\w*\b|\bpas recu\b"
        ),
        (
            r"\bmissing\b.*\b(?:order|delivery|bag|item|items)\b|\b(?:item|items|something|things?|"
            r"product|products)\b.*\bmissing\b|\bil (?:me )?manque\b"
        ),
        (
            r"\b(?:sent|delivered|gave|got|received|brought) (?:me |us )?(?:the |a |an )?(?:wrong|"
            r"incorrect|different|someone elses)\b|^wrong (?:item|product)"
        ),
        (
            rf"\b{ORDERED}\b.*\b(?:late|delayed|problem|issue|wrong|damaged|lost|retard|probleme|"
            r"never|hasnt|isnt|stuck|get here|arrive)\b"
        ),
        (
            rf"\b(?:problem|issue|trouble|probleme|unhappy|not happy|disappointed)\b.*\b(?:{ORDERED}|"
            r"account|payment|app|site|website|commande)\b"
        ),
        r"\bcomplaints?\b|\bcomplain\b|\bplainte\b|\breport (?:a|an) (?:problem|issue|bug)\b",
        (
            r"\b(?:change|update|modify|edit|move) (?:the |my )?(?:delivery|order) (?:address|time|"
            r"date|slot|window|day)\b"
        ),
        unless=r"^refund cola|\b(?:recipe|gluten free|made)\b|^(?:is|are|was) (?:\w+ )+(?:in|on) my\b",
    ),
    rule(
        "an account, money, or a fault of the site",
        "support",
        0.95,
        "charged billed overcharged invoice receipt facture facturee promo coupon coupons "
        "voucher code codes gift "
        "account password payment card email emails notifications texts address subscription "
        "membership compte passe "
        "adresse paiement login log sign unsubscribe connecter app website site page checkout "
        "crash crashes crashing "
        "loading return returns exchange retourner echanger politique policy points privacy "
        "bug discount rabais "
        "application charge recognise recognize applying wont let warranty recall recalled billing visa",
        r"\b(?:charged|billed|overcharged)\b|\b(?:an|my|the|need|une|ma) (?:invoice|receipt|facture)\b",
        (
            r"\b(?:promo(?:tion)?(?:tional)?|discount|coupon|voucher) codes?\b|\bcode promo\b|"
            r"\b(?:apply|use|redeem|accept|enter|have|utiliser|appliquer) (?:an? |my |this |the |un "
            r"|mon )?(?:coupons?|vouchers?|gift ?cards?|discount|rabais|promo)\b"
        ),
        (
            r"\b(?:my|your|mon|ma|mes|votre|vos|an|the) (?:account|password|payment|credit card|"
            "debit card|card|subscription|membership|address|billing|email|phone number|compte|mot "
            "de passe|adresse|paiement|carte|refund policy|return policy|privacy policy|loyalty "
            r"points|reward points|points)\b"
        ),
        (
            r"\b(?:log|sign) ?(?:in|out|up|into)\b|\b(?:login|unsubscribe|password|mot de passe)\b|"
            r"\bse connecter\b"
        ),
        (
            r"\b(?:card|payment|paiement|carte|transaction)\b.*\b(?:declined|failed|refused|"
            r"rejected|refusee?|working|through)\b"
        ),
        (
            r"\b(?:app|website|site|page|checkout|application|cart|button)\b.*\b(?:crash\w*|load|"
            r"loading|broken|down|slow|freez\w*|frozen|working|work|marche pas|plante|bug\w*|error|"
            r"stuck)\b"
        ),
        (
            r"\bcharge (?:i|that i|on my)\b|\b(?:coupon|code|discount|voucher)\b.*\b(?:work|working|"
            r"applying|apply|applied|invalid|expired)\b|\bwont let me\b|\bclose my account\b"
        ),
        r"\b(?:sending|send|receiving|getting) (?:me )?(?:\w+ )*(?:emails?|texts?|notifications|spam)\b",
        (
            r"\b(?:return|exchange|retourner|echanger|bring back|send back)\b.*\b(?:this|these|"
            r"items?|it|policy|article|product|opened|something|un|cet)\b"
        ),
        (
            "^(?:return|refund|returns|privacy|delivery|cancellation|shipping|substitution) (?:and "
            r"exchanges|policy)$|\bpolitique de\b|^returns?$|\breturn policy\b"
        ),
        (
            r"\b(?:is|are|was|were|been) (?:this |the )?(?:\w+ )*recalled\b|\brecall(?:s|ed)?\b|"
            r"\bprivacy\b|\bdelete my (?:account|data|profile)\b"
        ),
        unless=r"\b(?:gift card holder|thank you|birthday card|postcards?)\b",
    ),
    rule(
        "the shop itself: hours, places, delivery, people",
        "support",
        0.9,
        "hours heures open ouvert ouverts ouverte close closing closed support service help "
        "aide contact human agent person "
        "representative rep someone somebody manager advisor operator conseiller conseillere "
        "humain staff deliver "
        "livrez livraison ship delivery shipping accept acceptez pickup pick minimum minimal "
        "fee fees location phone "
        "telephone numero store take offer serve areas late place cant trouble tip say "
        "question who location about order help faq magasin quelqu curbside chat hour "
        "assistance joindre reach price match",
        (
            r"\b(?:opening|store|business|closing|operating|shop|service|delivery|holiday|your) "
            r"hours\b|\bheures? d\b|^hours$"
        ),
        (
            r"\bwhat (?:time|hours|days?) (?:do|does|are|is)\b.*\b(?:open|closed?|closing|"
            r"deliver)\b|\b(?:are|is) (?:you|the store|the shop|it)(?: guys| still)? (?:open|"
            r"closed)\b|\b(?:etes vous|vous etes) ouverts?\b|\bwhen do(?:es)? (?:you|the store|the "
            r"shop) (?:open|close|deliver)\b"
        ),
        (
            r"\b(?:customer|client) (?:service|support|care|rep)\b|\bservice (?:a la )?client\w*\b|"
            r"\b(?:contact|call|reach|email|joindre|contacter) (?:support|us|you|someone|customer|"
            r"the store|the shop|vous|le service|the manager)\b"
        ),
        (
            "^(?:contact|support|help|aide|faq|help me|i need help|need help|contact us|j ai "
            "besoin d aide|a l aide|live chat|need (?:some )?assistance|i need (?:some "
            r")?assistance)$|\bhelp (?:centre|center|desk|line)\b|\b(?:help|assistance) with (?:my|"
            r"an?|the|this) (?:order|account|delivery|payment|problem|issue|refund|return)\b"
        ),
        (
            r"\b(?:talk|speak|chat|connect|parler|discuter|transfer|put|get|contact)\b.*\b(?:human|"
            "agent|person|representative|rep|someone|somebody|manager|advisor|operator|"
            r"conseillere?|quelqu un|humain|supervisor|staff|support)\b|^(?:agent|human|"
            "representative|operator)$"
        ),
        (
            r"\b(?:do|does|can|could|will|would) (?:you|u|they|the store) (?:guys )?(?:still |also |"
            "even )?(?:deliver|ship|accept|price match|take (?:cash|credit|debit|visa|paypal|apple "
            "pay|ebt|snap|returns|cards?)|offer (?:delivery|pickup|pick up|free|curbside|same|"
            r"refunds?))\b|\b(?:livrez|acceptez) vous\b|\bvous (?:livrez|acceptez)\b|\bfaites "
            r"vous\b.*\blivraison"
        ),
        (
            r"\b(?:delivery|shipping|livraison|service) (?:fees?|costs?|charges?|price|options?|"
            "areas?|zones?|times?|slots?|window|date|address|gratuite|policy|instructions|estimate|"
            r"radius)\b|\b(?:how much|how long|cost|combien|frais|free|when|same day|next day|"
            r"express)\b.*\b(?:delivery|shipping|livraison|deliver)\b|^(?:delivery|livraison)$|\bis "
            r"(?:the )?(?:delivery|shipping) (?:free|included)\b|\b(?:a|one|another|une) question "
            r"(?:about|regarding|on|sur|a propos)\b|\bwho (?:can|do|should) i (?:call|contact|talk|"
            r"email)\b"
        ),
        (
            r"\b(?:what|which) (?:areas|cities|zip codes|postal codes|neighbou?rhoods)\b|"
            r"\btip\b.*\bdriver\b|\bhow late\b|\b(?:cant|cannot|unable to|trouble|wont let me|"
            "having trouble) (?:place|placing|check|checking|pay|paying|order|ordering|log|logging|"
            r"find my|access|add)\b|\b(?:talk|speak|help|call|email)\b.*\b(?:about|with) (?:my|an?|"
            r"the) (?:\w+ )?(?:order|delivery|account|payment|refund)\b|\bvous (?:joindre|contacter|"
            r"rejoindre)\b|\b(?:someone|anyone|somebody)\b.*\bhelp\b"
        ),
        (
            r"\b(?:minimum|min) (?:order|purchase|spend|amount)\b|\b(?:commande|achat) minim\w+\b|"
            r"\bminimum d achat\b"
        ),
        (
            r"\bpick ?up (?:my|an?|the|in|at|from|it|them)\b|\b(?:in ?store|curbside|store) pick "
            r"?up\b|\bpick (?:it|them|my order) up\b"
        ),
        (
            r"\b(?:phone|telephone|contact) number\b|\bnumero de telephone\b|\bwhere (?:are you "
            r"(?:located|based)|is (?:the|your) (?:store|shop))\b|\b(?:store|shop) (?:locations?|"
            r"locator|address|near me)\b|\bou (?:etes vous|est votre magasin)\b|\bprice match\b"
        ),
        unless=r"\b(?:recipe|paracetamol|frozen)\b|^pick up sticks",
    ),
)
