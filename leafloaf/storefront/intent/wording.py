"""What people say around what they mean: greetings, politeness, slips of the finger in words of command."""

import re

COMMANDS = (
    "add remove delete change update increase reduce cart basket order reorder recipe delivery "
    "refund checkout quantity"
)
SLIPS = {
    "ad": "add", "crat": "cart", "cartt": "cart", "shwo": "show", "hsow": "show", "recepie": "recipe",
    "receipe": "recipe", "recipie": "recipe", "recipies": "recipes", "wheres": "wheres", "pls": "please",
    "plz": "please", "wanna": "want to", "gonna": "going to", "gimme": "give me", "lemme": "let me",
}  # fmt: skip
REAL_WORDS = frozenset({"dad", "deliver", "ordre", "order", "cat", "car", "art"})


def slips() -> dict[str, str]:
    """One letter doubled, left out or swapped with its neighbour, of each word of command."""
    wrong: dict[str, str] = {}
    for word in COMMANDS.split():
        for at in range(len(word)):
            wrong[word[: at + 1] + word[at:]] = word
            if at + 1 < len(word):
                wrong[word[:at] + word[at + 1] + word[at] + word[at + 2 :]] = word
            if len(word) > 4 and at:
                wrong[word[:at] + word[at + 1 :]] = word
    right = set(COMMANDS.split()) | REAL_WORDS
    return {slip: word for slip, word in wrong.items() if slip not in right} | SLIPS


CORRECTED = slips()

OPENERS = re.compile(
    "(?:(?:hey|hi|hello|ok|okay|um|uh|uhm|erm|hmm|so|well|please|kindly|actually|alright|oh|"
    "yeah|yes|yep|wait|sorry|"
    r"no wait|and|also|then|but|just|now|maybe|quickly|first|next|bonjour|allo|oui|alors|bon|stp|svp|"
    r"excuse me|hey there|hi there|alexa|ok google|hey google|assistant|"
    r"s il (?:te|vous) plait|"
    "(?:can|could|would|will|may|might) (?:you|u|we|i)(?: please| maybe| kindly| also| just| "
    "possibly)*(?: help me(?: to)?)?|"
    r"(?:can|could) (?:you|u|i) (?:get|have) (?=(?:it|that|this|them|the|my)\b)|"
    "would you mind|do you mind|is it possible to|would it be possible to|any chance (?:you|i|"
    "we) (?:can|could)|"
    "i was (?:wondering|hoping) (?:if )?(?:you|i|we) (?:could|can|would)|i was wondering if it "
    "s possible to|"
    "(?:i|we) (?:want|need|would like|d like|have|wish|am trying|ve got) (?:you )?to|(?:id|wed|"
    "ill|well) (?:like|love|need|want) (?:you )?to|"
    r"im (?:trying|going|looking|hoping) to|i am (?:trying|going|looking|hoping) to|lets|let us|let me|"
    "go ahead and|go and|make sure (?:to|you|that you)|be sure to|(?:please )?dont forget to|"
    "remember to|try to|"
    r"(?:i|we) should (?:also )?(?=(?:get|buy|order|add)\b)|please help me(?: to)?|help me(?: "
    "to)?|i think (?:i|we) should|id appreciate it if you could|"
    "est ce que (?:tu peux|vous pouvez|je peux|tu pourrais|vous pourriez)|(?:peux|pourrais) tu|"
    "(?:pouvez|pourriez) vous|"
    "tu peux|vous pouvez|je (?:veux|voudrais|souhaite|vais)(?= (?:ajouter|enlever|retirer|voir|"
    "commander|supprimer|changer|modifier|racheter|recommander|parler|annuler))|"
    "j (?:aimerais|ai envie de)(?= (?:ajouter|enlever|retirer|voir|commander|supprimer|changer|"
    "modifier|racheter|recommander|parler|annuler))|"
    r"puis je|il faut|n oublie pas d|n oublie pas de) )+"
)
CLOSERS = re.compile(
    "(?: (?:please|thanks|thank you|thx|ty|cheers|for me|if you can|if possible|right now|asap|"
    "ok|okay|will you|"
    r"would you|could you|can you|svp|stp|s il (?:te|vous) plait|merci)){1,6}$"
)


def corrected(words: str) -> str:
    """The words, those of command spelled right."""
    every = words.split()
    if CORRECTED.keys().isdisjoint(every):
        return words
    return " ".join(CORRECTED.get(word, word) for word in every)


def bare(words: str) -> str:
    """What is said, without what is said around it; all of it when nothing else is said."""
    said = CLOSERS.sub("", words)
    if match := OPENERS.match(said):
        said = said[match.end() :]
    return said or words
