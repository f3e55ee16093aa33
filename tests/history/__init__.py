"""Histories: read, checked, explained, forked."""
