"""Really sending: what replies mean, the SMTP client, and a server of our own to send to.

Nothing here is imported by ``import sessim``; simulating never loads it.
"""
