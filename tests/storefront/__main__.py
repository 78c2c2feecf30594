"""Learns the weights of the intent model anew and writes docs/intent.md: `python -m tests.storefront`."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "leafloaf.settings")
os.environ.setdefault("DEBUG", "true")
os.environ.setdefault("DATABASE_URL", "postgres://unused@127.0.0.1:1/unused")


def main() -> None:
    django.setup()
    from leafloaf.storefront.intent import model, training
    from tests.storefront import intent_page

    training.save(training.train(training.examples(intent_page.TRAINED_ON)))
    model.MODEL = model.load()
    intent_page.PAGE.write_text(intent_page.page())


if __name__ == "__main__":
    main()
