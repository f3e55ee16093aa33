"""Sending for real: lists, messages, the outbox, the SMTP client, and a server of our own.

Nothing here is imported by ``import sessim``; simulating never loads it.
"""
