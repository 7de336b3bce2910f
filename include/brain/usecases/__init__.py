"""The use cases, by name."""

from brain.usecases.anomalies.use_case import Anomalies
from brain.usecases.direction.use_case import Direction
from brain.usecases.recommendations.use_case import Recommendations
from brain.usecases.segments.use_case import Segments

USE_CASES = {use_case.name: use_case for use_case in (Direction(), Recommendations(), Segments(), Anomalies())}
