from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0012_refresh_apart")]

    operations = [
        migrations.AddIndex(
            model_name="product",
            index=models.Index(fields=["name", "sku"], name="catalog_product_listed"),
        ),
        migrations.AddIndex(
            model_name="offer",
            index=models.Index(
                fields=["product"], condition=models.Q(in_stock=False), name="catalog_offer_out"
            ),
        ),
        migrations.AddIndex(
            model_name="offer",
            index=models.Index(
                fields=["product"], condition=models.Q(price__isnull=True), name="catalog_offer_unpriced"
            ),
        ),
    ]
