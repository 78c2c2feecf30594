"""The catalogue in the admin. What is saved here is found by search at once: triggers keep the search rows."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from leafloaf.catalog.models import Brand, Category, Offer, Product, Supplier


class OfferInline(admin.StackedInline[Offer, Product]):
    model = Offer
    can_delete = False
    fields = ("price", "currency", "in_stock")


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin[Product]):
    list_display = ("name", "sku", "brand", "category", "size", "price", "is_in_stock")
    list_filter = ("offer__in_stock", ("category", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("brand", "category", "offer")
    list_per_page = 50
    show_full_result_count = False
    search_fields = ("name", "sku", "brand__name")
    search_help_text = "Name, SKU or brand"
    autocomplete_fields = ("brand", "category", "supplier")
    readonly_fields = ("created_at", "updated_at")
    inlines = (OfferInline,)
    fieldsets: ClassVar = [
        (None, {"fields": ["sku", "name", "brand", "category", "supplier", "size"]}),
        ("About it", {"fields": ["dietary", "description", "attributes"]}),
        ("Times", {"fields": ["created_at", "updated_at"]}),
    ]

    @admin.display(ordering="offer__price")
    def price(self, product: Product) -> str:
        offer: Offer | None = getattr(product, "offer", None)
        return str(offer) if offer else "on request"

    @admin.display(description="in stock", boolean=True, ordering="offer__in_stock")
    def is_in_stock(self, product: Product) -> bool:
        offer: Offer | None = getattr(product, "offer", None)
        return offer.in_stock if offer else True


class Counted(admin.ModelAdmin[Any]):
    """A name that products carry, with how many carry it."""

    list_display = ("name", "product_count")
    search_fields = ("name",)
    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        counted: QuerySet[Any] = super().get_queryset(request).annotate(product_count=Count("products"))
        return counted

    @admin.display(description="products", ordering="product_count")
    def product_count(self, named: Any) -> int:
        return int(named.product_count)


@admin.register(Brand, Supplier)
class NamedAdmin(Counted):
    fields = ("name",)


@admin.register(Category)
class CategoryAdmin(Counted):
    list_display = ("path", "product_count")
    search_fields = ("path",)
    fields = ("name", "parent", "path")
    readonly_fields = ("path",)
    autocomplete_fields = ("parent",)
