"""The canary against a real gateway, with the fixtures of its unit tests."""

from tests.unit.canary.conftest import clean, logged, mocked, table

__all__ = ["clean", "logged", "mocked", "table"]
