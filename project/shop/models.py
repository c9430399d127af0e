"""What the shop sells, tells and has sold."""

from __future__ import annotations

from decimal import Decimal

from django.core.validators import MinValueValidator
from django.db import models
from django.urls import reverse


class Category(models.Model):
    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=60)
    tagline = models.CharField(max_length=160)
    art = models.CharField(max_length=30)
    palette = models.CharField(max_length=30)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "name"]
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("shop:category", args=[self.slug])


class Product(models.Model):
    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="products")
    slug = models.SlugField(unique=True)
    sku = models.CharField("SKU", max_length=20, unique=True)
    name = models.CharField(max_length=80)
    summary = models.CharField(max_length=160)
    description = models.TextField()
    details = models.JSONField(default=list, blank=True)
    sizes = models.JSONField(default=list, blank=True)
    price = models.DecimalField(
        max_digits=8, decimal_places=2, validators=[MinValueValidator(Decimal("0.01"))]
    )
    was_price = models.DecimalField(max_digits=8, decimal_places=2, null=True, blank=True)
    art = models.CharField(max_length=30)
    palette = models.CharField(max_length=30)
    featured = models.BooleanField(default=False)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "name"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(was_price__isnull=True)
                | models.Q(was_price__gt=models.F("price")),
                name="shop_product_was_dearer",
            )
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("shop:product", args=[self.slug])

    @property
    def discount(self) -> int:
        """Return how much cheaper it has become, in whole percent."""
        if self.was_price is None:
            return 0
        return round(100 * (1 - self.price / self.was_price))


class Article(models.Model):
    slug = models.SlugField(unique=True)
    title = models.CharField(max_length=120)
    lede = models.CharField(max_length=240)
    body = models.TextField(help_text="Paragraphs, parted by empty lines; '## ' starts a heading.")
    topic = models.CharField(max_length=40)
    scene = models.CharField(max_length=30)
    minutes = models.PositiveSmallIntegerField()
    published_on = models.DateField()
    products = models.ManyToManyField(Product, blank=True, related_name="articles")

    class Meta:
        ordering = ["-published_on"]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("shop:article", args=[self.slug])


class Order(models.Model):
    number = models.CharField(max_length=20, unique=True)
    name = models.CharField(max_length=80)
    email = models.EmailField()
    address = models.CharField(max_length=200)
    delivery = models.DecimalField(max_digits=8, decimal_places=2)
    total = models.DecimalField(max_digits=8, decimal_places=2)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.number


class OrderLine(models.Model):
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    product = models.ForeignKey(Product, on_delete=models.PROTECT)
    size = models.CharField(max_length=10, blank=True)
    price = models.DecimalField(max_digits=8, decimal_places=2)
    quantity = models.PositiveSmallIntegerField()

    def __str__(self) -> str:
        return f"{self.quantity} × {self.product}"

    @property
    def total(self) -> Decimal:
        return self.price * self.quantity


class SimulationRun(models.Model):
    """One run of the simulator: the same arguments make the same events again.

    What they make depends on what was published, too, for that decides what visitors are shown.
    """

    class Cast(models.TextChoices):
        PERSONAS = "personas"
        CROWD = "crowd"
        PLANTED = "planted"

    cast = models.CharField(max_length=10, choices=Cast, default=Cast.PERSONAS)
    seed = models.BigIntegerField()
    visitors = models.PositiveIntegerField()
    now = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-now"]

    def __str__(self) -> str:
        return f"{self.visitors} visitors ({self.cast}), seed {self.seed}"
