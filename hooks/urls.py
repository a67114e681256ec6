"""The page of webhooks, and what it sends."""

from django.urls import path

from hooks import pages

urlpatterns = [
    path("webhooks/", pages.page, name="webhooks"),
    path("webhooks/add/", pages.add, name="webhook_add"),
    path("webhooks/rotate/", pages.rotate, name="webhook_rotate"),
    path("webhooks/act/", pages.act, name="act_on_webhook"),
]
