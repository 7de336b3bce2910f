"""The use cases, by name."""

from brain.usecases.direction.use_case import Direction

USE_CASES = {use_case.name: use_case for use_case in (Direction(),)}
