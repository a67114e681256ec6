"""Webhooks and notifications on their way."""

# What is subscribed to.
ANY = "card.blocked"
