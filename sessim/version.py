"""The version of the package; logs carry it."""

__version__ = "0.1.0"
