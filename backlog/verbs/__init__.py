"""The domain layer: every transition of a card, one transaction each, on any `Session`.

No Django here: a worker's command starts with these modules and psycopg alone, and importing
Django's models would cost it more than the claim. `querysets` gives the same verbs to Django.
"""
