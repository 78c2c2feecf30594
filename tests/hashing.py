"""Passwords in tests: production's algorithm with one round, for a real hash takes a quarter of a second, on purpose.

Any process can check what another one hashed: the rounds stand in it.
"""

from django.contrib.auth.hashers import PBKDF2PasswordHasher


class OneRound(PBKDF2PasswordHasher):
    iterations = 1
