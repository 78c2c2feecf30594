"""Who of the staff may open which page: as the shop decided, not as the permissions happen to fall."""

from tests.access.matrix.policy import (
    ALL_STAFF,
    ANALYST,
    MERCHANDISER,
    NOBODY,
    OFFICER,
    OPERATOR,
    SUPERUSERS,
    SUPPORT,
    Staff,
    apps,
    merged,
    model,
    only,
)

PEOPLE = only(SUPPORT, OFFICER)
FLOW = only(OPERATOR)
SHOP = only(MERCHANDISER)
PROOF = only(OFFICER, OPERATOR)
FIGURES = only(ANALYST)

GENERAL: dict[str, Staff] = {
    "admin/": Staff(ALL_STAFF),
    "admin/password_change/": Staff(ALL_STAFF),
    "admin/password_change/done/": Staff(ALL_STAFF),
    "admin/jsi18n/": Staff(ALL_STAFF),
    "admin/autocomplete/": Staff(SHOP),
    "admin/(?P<url>.*)$": Staff(ALL_STAFF, found=False),
}

DASHBOARDS: dict[str, Staff] = {
    f"admin/dashboards/{slug}/": Staff(see, send)
    for slug, see, send in (
        ("backend-health", FLOW, FLOW),
        ("data-quality", only(ANALYST, OPERATOR), only(ANALYST, OPERATOR)),
        ("user-profiles", PEOPLE, PEOPLE),
        ("deletion-requests", PEOPLE, PEOPLE),
        ("privacy-metrics", only(OFFICER, ANALYST), NOBODY),
        ("search-analytics", only(ANALYST, MERCHANDISER), NOBODY),
        ("catalogue", SHOP, SHOP),
        ("shop-trends", FIGURES, NOBODY),
        ("api-clients", FLOW, NOBODY),
    )
}

MODELS = merged(
    *(
        model(f"capture/{name}", FLOW)
        for name in (
            "event",
            "outboxbatch",
            "deadletter",
            "sink",
            "connectiontest",
            "reading",
            "horizonreading",
            "ledgerday",
            "schemadrift",
        )
    ),
    *(model(f"capture/{name}", only(ANALYST, OPERATOR)) for name in ("volume", "rejectioncount")),
    *(
        model(f"catalog/{name}", SHOP, add=SHOP, change=SHOP, delete=SHOP)
        for name in ("product", "synonym", "merchandisingrule")
    ),
    *(
        model(f"catalog/{name}", SHOP, add=SUPERUSERS, change=SUPERUSERS, delete=SUPERUSERS)
        for name in ("brand", "supplier", "category")
    ),
    model("personalization/learnedversion", only(ANALYST, OPERATOR)),
    model("privacy/consentrecord", only(OFFICER), rows=NOBODY),
    model("access/apiclient", FLOW, add=FLOW, change=FLOW, delete=SUPERUSERS),
    model("access/tokenkey", FLOW, add=SUPERUSERS),
    model("access/auditentry", PROOF),
    model("staff/failedsignin", FLOW, rows=NOBODY),
    model("staff/authenticator", FLOW, rows=NOBODY),
    model("auth/group", SUPERUSERS, add=SUPERUSERS, change=SUPERUSERS, delete=SUPERUSERS),
    model("auth/user", SUPERUSERS, add=SUPERUSERS, change=SUPERUSERS, delete=SUPERUSERS),
)

ONE_PERSON: dict[str, Staff] = {
    f"admin/people/<uuid:lookup_id>/{page}": Staff(PEOPLE, PEOPLE, opener=SUPPORT)
    for page in (
        "",
        "scores/",
        "reorders/",
        "recommendations/",
        "history/",
        "memory/",
        "history/<int:event>/",
    )
}

OTHERS: dict[str, Staff] = {
    "admin/people/": Staff(PEOPLE, PEOPLE),
    "admin/people/open/": Staff(PEOPLE, PEOPLE),
    "admin/people/<uuid:lookup_id>/end/": Staff(PEOPLE, PEOPLE),
    "admin/capture/event/<int:number>/journey/": Staff(FLOW),
    "admin/personalization/learnedversion/<int:version>/use/": Staff(NOBODY, FLOW),
    "admin/access/apiclient/<uuid:pk>/rotate/": Staff(SUPERUSERS, SUPERUSERS),
    "admin/access/apiclient/<uuid:pk>/revoke/": Staff(FLOW, FLOW),
    "admin/auth/user/<id>/password/": Staff(SUPERUSERS),
}

LISTS = dict(
    apps(
        staff=FLOW,
        capture=only(ANALYST, OPERATOR),
        personalization=only(ANALYST, OPERATOR),
        privacy=only(OFFICER),
        catalog=SHOP,
        access=PROOF,
        auth=SUPERUSERS,
    )
)

STAFF = merged(GENERAL, DASHBOARDS, MODELS, ONE_PERSON, OTHERS, LISTS)
