"""The words of an export's readme in each language."""

WORDS: dict[str, dict[str, str]] = {
    "en": {
        "title": "EVERYTHING THAT IS HELD ON YOU",
        "made": "Asked for on {at} (UTC). If you have your data erased, this is what goes.",
        "nothing": "Nothing is held on you but that you asked, and the settings below.",
        "silent": "MISSING: {title} ({store}). This store did not answer for an hour; what of it is in here may not be "
        "all. Ask again later. What it said: {said}",
        "left_out": "MISSING: {rows} lines of {file}.jsonl had no room in this file. Ask the shop for them.",
        "format": "The files hold one JSON object a line, in UTF-8; any text editor shows them. Times are in UTC or "
        "name their zone. You are named by a pseudonym, a random id: only one table knows your account at the shop.",
        "files": "FILES",
        "file": "{file}.jsonl, lines: {rows}",
        "empty": "NOTHING IS HELD HERE",
        "settings": "WHAT YOU ALLOW",
        "yes": "Yes.",
        "no": "No.",
        "days": "{days} days.",
        "inferred/profile": "What is worked out about you from the above: scores from 0 to 1 for categories, brands "
        "and products with the signals behind them, and, only if you allow it, how much prices matter to you, how your "
        "household eats and how large it is. It was worked out for this file; nothing of it is stored.",
        "inferred/graph": "The same as a graph: you, the products, brands and categories you had to do with, how they "
        "are related, and how often you buy what. It was worked out for this file; nothing of it is stored.",
    },
    "fr": {
        "title": "TOUT CE QUI EST CONSERVÉ SUR VOUS",
        "made": "Demandé le {at} (UTC). Si vous faites effacer vos données, voici ce qui disparaît.",
        "nothing": "Rien n'est conservé sur vous, sauf votre demande et les réglages ci-dessous.",
        "silent": "MANQUE : {title} ({store}). Ce stockage n'a pas répondu pendant une heure ; ce qui s'en trouve ici "
        "n'est peut-être pas tout. Redemandez plus tard. Ce qu'il a dit : {said}",
        "left_out": "MANQUE : {rows} lignes de {file}.jsonl n'avaient plus de place dans ce fichier. "
        "Demandez-les à la boutique.",
        "format": "Les fichiers contiennent un objet JSON par ligne, en UTF-8 ; tout éditeur de texte les affiche. Les "
        "heures sont en UTC ou indiquent leur fuseau. Vous êtes désigné par un pseudonyme, un identifiant aléatoire : "
        "une seule table connaît votre compte à la boutique.",
        "files": "FICHIERS",
        "file": "{file}.jsonl, lignes : {rows}",
        "empty": "ICI, RIEN N'EST CONSERVÉ",
        "settings": "CE QUE VOUS PERMETTEZ",
        "yes": "Oui.",
        "no": "Non.",
        "days": "{days} jours.",
        "inferred/profile": "Ce qui est déduit à votre sujet de ce qui précède : des notes de 0 à 1 pour les rayons, "
        "les marques et les produits, avec les signaux qui les expliquent, et, seulement si vous le permettez, "
        "l'importance que les prix ont pour vous, l'alimentation et la taille de votre ménage. C'est calculé pour ce "
        "fichier ; rien n'en est conservé.",
        "inferred/graph": "La même chose sous forme de graphe : vous, les produits, marques et rayons auxquels vous "
        "avez eu affaire, leurs liens, et la fréquence de vos achats. C'est calculé pour ce fichier ; rien n'en est "
        "conservé.",
    },
}
