"""The tier's own backend for Django, on connections that are kept from test to test."""
