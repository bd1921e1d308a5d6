"""Signing in: how django-allauth behaves here, and what of it goes into the audit trail."""
