"""An asset and a snapshot to train on, as direction's tests have them."""

from tests.usecases.direction.conftest import data, spec

__all__ = ["data", "spec"]
