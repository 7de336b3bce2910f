"""The two calls for notebooks, about the first use case unless another is named."""

from __future__ import annotations

from functools import partial

from brain.store import notebook
from brain.usecases import USE_CASES

USE_CASE = next(iter(USE_CASES))

save_model_to_brain = partial(notebook.save_model_to_brain, use_case=USE_CASE)
load_model_from_brain = partial(notebook.load_model_from_brain, use_case=USE_CASE)
