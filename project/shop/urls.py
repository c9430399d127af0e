from __future__ import annotations

from django.urls import path

from project.shop.views import cart, catalogue, checkout, journal

app_name = "shop"

urlpatterns = [
    path("", catalogue.home, name="home"),
    path("category/<slug:slug>/", catalogue.category, name="category"),
    path("product/<slug:slug>/", catalogue.product, name="product"),
    path("search/", catalogue.search, name="search"),
    path("cart/", cart.show, name="cart"),
    path("cart/add/", cart.add, name="cart-add"),
    path("cart/remove/", cart.remove, name="cart-remove"),
    path("checkout/", checkout.checkout, name="checkout"),
    path("thank-you/<slug:number>/", checkout.thank_you, name="thank-you"),
    path("journal/", journal.index, name="journal"),
    path("journal/<slug:slug>/", journal.article, name="article"),
]
