"""Brain: models trained on database tables, kept in MongoDB, served as tables in PostgreSQL.

What notebooks use is imported from here. It is loaded when first asked for, so that ``import brain`` stays cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from brain.notebook import load_model_from_brain, save_model_to_brain

    __version__: str

__all__ = ["__version__", "load_model_from_brain", "save_model_to_brain"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("brain")
    if name in __all__:
        from brain import notebook

        return getattr(notebook, name)
    raise AttributeError(f"module 'brain' has no attribute {name!r}")
