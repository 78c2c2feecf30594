"""The catalogue in the admin. What is saved here is found by search at once: triggers keep the search rows."""

from copy import copy
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminTextInputWidget
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Func, Model, OuterRef, Q, QuerySet, Subquery
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from leafloaf.access import audit
from leafloaf.catalog import preview, staff_search
from leafloaf.catalog.models import (
    Brand,
    Category,
    MerchandisingRule,
    Offer,
    Placement,
    Product,
    Supplier,
    Synonym,
)
from leafloaf.catalog.models.products import SEPARATOR
from leafloaf.catalog.search import SearchTimeout
from leafloaf.lib.row_numbers import row_number

PREVIEW = "_preview"
PREVIEW_QUERY = "_preview_query"
LONGEST_QUERY = 256
MOST_SHELVES = 100


class OfferInline(admin.StackedInline[Offer, Product]):
    model = Offer
    can_delete = False
    fields = ("price", "currency", "in_stock")


class ShelfFilter(admin.SimpleListFilter):
    """The top shelves with all that stands below them: every category would be a list of hundreds."""

    title = "shelf"
    parameter_name = "shelf"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        tops = Category.objects.filter(parent=None).order_by("path")[:MOST_SHELVES]
        return [(str(top.pk), top.name) for top in tops]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if (chosen := row_number(self.value())) is None:
            return queryset
        top = Category.objects.filter(pk=chosen).values_list("path", flat=True).first()
        shelves = Category.objects.filter(Q(path=top) | Q(path__startswith=f"{top}{SEPARATOR}"))
        return queryset.filter(category__in=shelves.values("pk"))


class MissingFilter(admin.SimpleListFilter):
    """What a product lacks."""

    title = "what is missing"
    parameter_name = "missing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("price", "Price"), ("category", "Category"), ("brand", "Brand")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        lacking = {
            "price": Q(pk__in=Offer.objects.filter(price=None).values("pk")),
            "category": Q(category=None),
            "brand": Q(brand=None),
        }
        return queryset.filter(lacking.get(self.value() or "", Q()))


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin[Product]):
    list_display = ("name", "sku", "brand", "category", "size", "price", "is_in_stock")
    list_filter = ("offer__in_stock", MissingFilter, ShelfFilter)
    list_select_related = ("brand", "category", "offer")
    list_per_page = 50
    show_full_result_count = False
    search_fields = ("name",)  # for there to be a field to search in: get_search_results says how
    search_help_text = "How words of the name or brand begin, or how the SKU does"
    autocomplete_fields = ("brand", "category", "supplier")
    readonly_fields = ("created_at", "updated_at")
    inlines = (OfferInline,)
    fieldsets: ClassVar = [
        (None, {"fields": ["sku", "name", "brand", "category", "supplier", "size"]}),
        ("About it", {"fields": ["dietary", "description", "attributes"]}),
        ("Times", {"fields": ["created_at", "updated_at"]}),
    ]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By the indexes of search: a list of a million products is not read from end to end for a word."""
        text = search_term.replace("\0", "").strip()
        if not text:
            return queryset, False
        by_sku = Q(sku__startswith=text) | Q(sku__startswith=text.upper()) | Q(sku__startswith=text.lower())
        return queryset.filter(by_sku | Q(pk__in=staff_search.matching(text))), False

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
    ordering: ClassVar[tuple[str, ...]] = ("name",)  # said, or the counting would lose it
    search_fields = ("name",)
    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With a count for each row that is listed, not for all that are not."""
        mine = Product.objects.filter(**{str(self.opts.model_name): OuterRef("pk")}).order_by()
        counts = Subquery(mine.annotate(count=Func("pk", function="count")).values("count"))
        counted: QuerySet[Any] = super().get_queryset(request).annotate(product_count=counts)
        return counted

    @admin.display(description="products", ordering="product_count")
    def product_count(self, named: Any) -> SafeString:
        """A way to the products that are counted."""
        address = (
            f"{reverse('admin:catalog_product_changelist')}?{self.opts.model_name}__id__exact={named.pk}"
        )
        return format_html('<a href="{}">{}</a>', address, f"{named.product_count:,}")


@admin.register(Brand, Supplier)
class NamedAdmin(Counted):
    fields = ("name",)


@admin.register(Category)
class CategoryAdmin(Counted):
    list_display = ("path", "product_count")
    ordering = ("path",)
    search_fields = ("path",)
    readonly_fields = ("path",)
    autocomplete_fields = ("parent",)

    def get_fields(self, request: HttpRequest, obj: Category | None = None) -> tuple[str, ...]:
        """Its path is worked out when it is saved."""
        return ("name", "parent", "path") if obj else ("name", "parent")


class PreviewForm(forms.ModelForm[Any]):
    """For a preview it goes the way of a form with errors: shown again as it was filled in, and nothing saved."""

    def is_valid(self) -> bool:
        return super().is_valid() and PREVIEW not in self.data


class Merchandising(admin.ModelAdmin[Any]):
    """What changes searches: its effect is shown before it is saved, and each save is in the audit."""

    form = PreviewForm
    change_form_template = "catalog/previewed_change_form.html"
    list_per_page = 50

    def previewed(self, row: Any, context: dict[str, Any]) -> preview.Comparison:
        """What saving `row`, with what else the page has in it, would make of the query asked for."""
        raise NotImplementedError

    def told(self, row: Any) -> dict[str, Any]:
        """The row for the audit."""
        raise NotImplementedError

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        asked = request.POST.get(PREVIEW_QUERY, "").replace("\0", "")[:LONGEST_QUERY]
        is_asked = PREVIEW in request.POST
        context |= {"preview_query": asked, "longest_query": LONGEST_QUERY, "is_preview": is_asked}
        if is_asked and not context["errors"]:
            try:
                context["comparison"] = self.previewed(copy(context["adminform"].form.instance), context)
            except SearchTimeout:
                context["preview_failed"] = "The search took too long."
        return super().render_change_form(request, context, *args, **kwargs)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self._audit(request, "add", obj)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self._audit(request, "change", obj)
        return super().log_change(request, obj, message)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self._audit(request, "delete", obj)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        with transaction.atomic():
            for row in queryset:
                self._audit(request, "delete", row)
            super().delete_queryset(request, queryset)

    def _audit(self, request: HttpRequest, verb: str, row: Model) -> None:
        audit.record(
            request.user.get_username(),
            f"{verb} {self.opts.verbose_name}",
            str(row)[:200],
            row=self.told(row),
        )


@admin.register(Synonym)
class SynonymAdmin(Merchandising):
    list_display = ("term", "finds", "language", "is_both_ways", "is_active")
    list_filter = ("is_active", "is_one_way", "language")
    search_fields = ("term", "replacements")
    search_help_text = "Either side"
    fields = ("term", "replacements", "is_one_way", "language", "is_active")
    formfield_overrides: ClassVar = {ArrayField: {"widget": AdminTextInputWidget}}

    @admin.display(description="also finds")
    def finds(self, synonym: Synonym) -> str:
        return ", ".join(synonym.replacements)

    @admin.display(description="both ways", boolean=True)
    def is_both_ways(self, synonym: Synonym) -> bool:
        return not synonym.is_one_way

    def previewed(self, row: Synonym, context: dict[str, Any]) -> preview.Comparison:
        return preview.of(row.save, query=context["preview_query"] or row.term)

    def told(self, row: Synonym) -> dict[str, Any]:
        fields = ("term", "replacements", "language", "is_one_way", "is_active")
        return {name: getattr(row, name) for name in fields}


class Placements(BaseInlineFormSet[Placement, MerchandisingRule, Any]):
    """The products of a rule: a pin has some, each in a position of its own; the others need one only without brand
    and category."""

    def kept(self) -> list[Placement]:
        filled = (form for form in self.forms if form.cleaned_data.get("product"))
        return [form.instance for form in filled if not form.cleaned_data.get("DELETE")]

    def clean(self) -> None:
        super().clean()
        if any(self.errors):
            return
        kept = self.kept()
        products = [placement.product_id for placement in kept]
        if len(set(products)) < len(products):
            raise ValidationError("A product is there twice.")
        if self.instance.action == MerchandisingRule.Action.PIN:
            self._check_positions([placement.position for placement in kept])
        elif not (kept or self.instance.brand_id or self.instance.category_id):
            raise ValidationError("Say what it is about: products here, a brand, or a category.")

    def _check_positions(self, positions: list[int | None]) -> None:
        if not positions:
            raise ValidationError("A pin needs a product.")
        if None in positions:
            raise ValidationError("Each pinned product needs a position from 1 to 50.")
        if len(set(positions)) < len(positions):
            raise ValidationError("Two products have the same position.")


class PlacementInline(admin.TabularInline[Placement, MerchandisingRule]):
    model = Placement
    formset = Placements
    autocomplete_fields = ("product",)
    verbose_name_plural = "products"
    extra = 2


class InForce(admin.SimpleListFilter):
    """What holds now, and what does not."""

    title = "in force"
    parameter_name = "in_force"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("now", "Now"), ("later", "Later"), ("over", "Over"), ("off", "Switched off")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        now = timezone.now()
        later, over = Q(starts_at__gt=now), Q(ends_at__lte=now)
        held = {
            "now": queryset.filter(is_active=True).exclude(later).exclude(over),
            "later": queryset.filter(later, is_active=True),
            "over": queryset.filter(over, is_active=True),
            "off": queryset.filter(is_active=False),
        }
        return held.get(self.value() or "", queryset)


@admin.register(MerchandisingRule)
class MerchandisingRuleAdmin(Merchandising):
    list_display = ("name", "does", "for_query", "within", "in_force", "starts_at", "ends_at", "priority")
    list_filter = (InForce, "action")
    list_select_related = ("within", "brand", "category")
    search_fields = ("name", "query", "within__path")
    search_help_text = "Name, query or category"
    autocomplete_fields = ("within", "brand", "category")
    inlines = (PlacementInline,)
    fieldsets: ClassVar = [
        (None, {"fields": ["name", "action", "is_active"]}),
        ("When it holds", {"fields": [("match", "query"), "within", "starts_at", "ends_at"]}),
        (
            "What it does",
            {
                "fields": ["factor", "brand", "category", "priority"],
                "description": "A pin needs products with positions, below. A boost or a bury needs a factor, and "
                "products, a brand or a category.",
            },
        ),
    ]

    @admin.display(description="does", ordering="action")
    def does(self, rule: MerchandisingRule) -> str:
        return rule.action if rule.factor is None else f"{rule.action} × {rule.factor:g}"

    @admin.display(description="for query", ordering="query")
    def for_query(self, rule: MerchandisingRule) -> str:
        return f"{rule.query} …" if rule.match == rule.Match.WORDS and rule.query else rule.query

    @admin.display(description="in force")
    def in_force(self, rule: MerchandisingRule) -> str:
        now = timezone.now()
        if not rule.is_active:
            return "switched off"
        if rule.starts_at and rule.starts_at > now:
            return "later"
        return "over" if rule.ends_at and rule.ends_at <= now else "now"

    def previewed(self, row: MerchandisingRule, context: dict[str, Any]) -> preview.Comparison:
        """As if its dates had come."""
        (inline,) = context["inline_admin_formsets"]
        kept = inline.formset.kept()

        def save() -> None:
            row.starts_at = row.ends_at = None
            row.save()
            row.placements.all().delete()
            row.placements.bulk_create(
                Placement(rule=row, product_id=each.product_id, position=each.position) for each in kept
            )

        category = row.within.path if row.within else ""
        return preview.of(save, query=context["preview_query"] or row.query, category=category)

    def told(self, row: MerchandisingRule) -> dict[str, Any]:
        placements = row.placements.select_related("product")
        return {
            "action": row.action,
            "match": row.match,
            "query": row.query,
            "within": str(row.within or ""),
            "starts_at": row.starts_at and row.starts_at.isoformat(),
            "ends_at": row.ends_at and row.ends_at.isoformat(),
            "factor": row.factor,
            "brand": str(row.brand or ""),
            "category": str(row.category or ""),
            "products": [[each.product.sku, each.position] for each in placements],
            "priority": row.priority,
            "is_active": row.is_active,
        }
