"""Sending for real: lists, messages, the outbox, the SMTP client, and a server of our own.

Nothing here is imported by ``import sessim``; simulating never loads it.
"""

from sessim.senders.order import Order
from sessim.senders.sending import Sending
from sessim.senders.switch import preview

__all__ = ["Order", "Sending", "preview"]
