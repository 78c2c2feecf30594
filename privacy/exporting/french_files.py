"""What stands in each file of an export, in French; the data holders say it in English."""

EVENT = (
    "event_id : son numéro ; subject_id : votre pseudonyme, aucun avant votre connexion ; session_id : la visite ; "
    "occurred_at : quand c'est arrivé ; received_at : quand nous l'avons reçu ; schema_version, position : où nous le "
    "conservons ; payload : ce qu'il dit"
)
COPY = "Copie pour l'analyse : "
SEARCHES, CLICKS, CARTS = (
    "vos recherches.",
    "vos consultations, clics, listes et notes.",
    "les changements du panier.",
)
ORDERS, SHOWN = "vos commandes.", "les recommandations qui vous ont été montrées."

FILES = {
    "events/search": f"{EVENT} (query : ce qui a été demandé ; intent : ce que vous vouliez faire ; "
    "confidence : à quel point c'est sûr, de 0 à 1 ; results_count : produits trouvés ; response_time_ms : "
    "durée jusqu'à la réponse, en millisecondes ; alpha : 0 les mots seuls, 1 le sens seul ; categories : "
    "rayons parmi les résultats ; result_skus : produits montrés, le meilleur d'abord ; suppliers : "
    "fournisseurs parmi les résultats ; filters : filtres choisis ; search_id : le numéro de la recherche, "
    "auquel les clics renvoient).",
    "events/interaction": f"{EVENT} (interaction_type : ce qui a été fait ; product_id : le numéro du produit "
    "; position : place dans la liste où il était montré, à partir de 1 ; search_id : la recherche qui "
    "précédait ; rating : étoiles, de 0 à 5 ; product_name, category, brand : nom, rayon et marque du produit "
    "tels que montrés ; context : où sur la page, ou dans quel parcours).",
    "events/cart": f"{EVENT} (action : ce qui est arrivé au panier ; product_id : le numéro du produit ; "
    "quantity : unités ajoutées ou enlevées, ou la nouvelle quantité ; price : prix d'une unité alors ; "
    "search_id : la recherche qui précédait ; position : place dans la liste où il était montré, à partir de "
    "1).",
    "events/order": f"{EVENT} (order_id : le numéro de la commande à la boutique ; items : ce qui a été "
    "acheté ; total_value : ce que la commande a coûté ; discounts : rabais ; delivery : mode de livraison ; "
    "currency : la monnaie).",
    "events/recommendation_impression": f"{EVENT} (surface : où c'était montré ; product_ids : produits "
    "montrés, du premier au dernier ; algorithm : ce qui les a choisis ; search_id : la recherche qu'ils "
    "accompagnaient ; positions : leurs places, à partir de 1).",
    "events/refused": "Événements qu'un de nos stockages n'a pas voulu prendre. sink : lequel ; event_id, "
    "event_type : quel événement ; reason, response : sa réponse ; attempts : combien d'essais ; state : ce "
    "qu'il en est advenu ; created_at, resolved_at : quand ; resolution : pourquoi.",
    "redis/events": "Ce que chaque événement a ajouté aux comptes que la boutique lit sans attendre : les "
    "produits pour lesquels il a compté et, pour une recherche, son numéro, son intention, ses fournisseurs "
    "et ses mots, avec la recherche elle-même tant qu'elle est conservée.",
    "redis/searches": "Numéros d'autres recherches de vous.",
    "redis/profile": "Combien vous avez fait, quand pour la dernière fois, et votre dernière recherche.",
    "redis/waiting": "Recherches de vos visites qui attendent d'être enregistrées.",
    "redis/kept": "Copies, pour une heure au plus, de ce qui est retenu de vous et de pages dans votre ordre, "
    "en octets.",
    "cloud_storage/events": "Vos recherches, consultations, paniers et commandes tels qu'ils sont dans Cloud "
    "Storage pour les analyses de la boutique, un par ligne ; `user_id` est votre pseudonyme et `batch` le "
    "fichier où ils sont.",
    "training_exports/searches": "Vos recherches parmi les données dont des modèles apprennent, rendues "
    "anonymes, avec ce qui a suivi chacune.",
    "training_exports/lessons": "Les questions et les réponses qui en ont été tirées.",
    "bigquery/user_search_events": COPY + SEARCHES,
    "bigquery/product_interaction_events": COPY + CLICKS,
    "bigquery/cart_modification_events": COPY + CARTS,
    "bigquery/order_transaction_events": COPY + ORDERS,
    "bigquery/recommendation_impression_events": COPY + SHOWN,
    "pubsub/messages": "Vos recherches, consultations, paniers et commandes tels qu'ils ont été envoyés aux "
    "abonnés de la boutique, et qui les attendent peut-être encore ; `user_id` est votre pseudonyme.",
    "spanner/Person": "Vous, tel que le graphe vous a : quand cela a été écrit, et ce qui a été déduit dans la "
    "mesure où vous le permettez.",
    "spanner/Viewed": "Les produits que vous avez regardés : combien de fois, quand d'abord et quand pour la "
    "dernière fois, et ce que cela dit encore.",
    "spanner/Clicked": "Les produits que vous avez cliqués ou bien notés, de même.",
    "spanner/Added": "Les produits que vous avez mis au panier, de même.",
    "spanner/Bought": "Les produits que vous avez achetés, de même.",
    "spanner/Removed": "Les produits que vous avez retirés du panier, de même.",
    "spanner/Disliked": "Les produits que vous avez mal notés, de même.",
    "spanner/FrequentlyBuys": "Les produits que vous achetez souvent, à quel rythme et combien.",
    "spanner/PrefersProduct": "À quel point vous semblez aimer des produits.",
    "spanner/PrefersBrand": "À quel point vous semblez aimer des marques.",
    "spanner/PrefersCategory": "À quel point vous semblez aimer des rayons.",
    "spanner/BoughtWith": "Les produits que vous avez achetés ensemble.",
    "spanner/ReorderCycle": "Quand on s'attend à ce que vous rachetiez un produit.",
    "profile": "Quand quelque chose de ce qui est retenu a changé pour la dernière fois.",
    "products": "Chaque produit que vous avez regardé, cliqué, mis au panier, noté ou acheté : quand et "
    "combien, et les prix payés si vous permettez qu'ils soient conservés.",
    "recommendations": "Chaque liste de produits qui vous a été montrée : où, quand, par quelle version de ce "
    "que la boutique a appris, et pour chaque produit sa place, sa note, sa source et ses raisons.",
    "recommendation_outcomes": "Quels produits de ces listes vous avez d'abord cliqués, mis au panier ou "
    "achetés.",
    "dismissals": "Produits que vous ne voulez plus jamais voir recommandés, et depuis quand.",
    "staff_records": "Ce que le personnel a changé qui vous concerne, et quand ; pas qui d'entre eux.",
    "person": "Le numéro sous lequel la boutique vous connaît, le pseudonyme sous lequel tout le reste vous "
    "connaît, et depuis quand.",
    "settings": "Ce que vous permettez maintenant ; manque tant que vous n'avez rien changé.",
    "consents": "Chaque changement de ce que vous permettez : avant et après, par qui, et les mots qui vous "
    "ont été montrés.",
    "staff_accesses": "Qui du personnel vous a regardé, par fonction, quand, quoi et pourquoi.",
    "staff_lookups": "Les recherches de votre profil dans lesquelles c'est arrivé, depuis 90 jours : de quand à "
    "quand, et pourquoi.",
    "exports": "Les exports comme celui-ci que vous avez demandés.",
    "links": "Les liens vers votre page que la boutique a reçus pour vous, et s'ils ont servi.",
}
