"""Fitted models as the general converter, skl2onnx, writes them: what has no graph of ours."""

from __future__ import annotations

import warnings
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from brain.portable.classifiers import write_mean, write_odds, write_steps
from brain.portable.graph import DOUBLE, INPUT, GraphBuilder
from brain.portable.preprocessing import read_steps, split_pipeline
from brain.portable.reference import is_classifier

if TYPE_CHECKING:
    from brain.portable.mean import LogOddsMean

CONVERTER_OPSETS = {"": 18, "ai.onnx.ml": 3}


def converted(model: Any, features: int) -> bytes:
    """The whole model in single precision."""
    content: bytes = _convert(model, features, INPUT).SerializeToString()
    return content


def converted_classifier(pipeline: Any, features: int) -> bytes:
    """Our preprocessing in double precision, followed by the converter's classifier or regressor in single."""
    from onnx import TensorProto, compose

    transformers, last = split_pipeline(pipeline)
    graph = GraphBuilder(features, CONVERTER_OPSETS)
    write_steps(graph, read_steps(transformers))
    graph.apply("Cast", to=TensorProto.FLOAT)
    graph.apply("Identity")
    before = graph.model(graph.current, last.n_features_in_)
    before.graph.output[0].type.tensor_type.elem_type = TensorProto.FLOAT
    after = _convert(last, last.n_features_in_, "prepared")
    after.ir_version = before.ir_version
    # The converter names only the domains it used, at the version it needed; later ones hold the same operators.
    del after.opset_import[:]
    after.opset_import.extend(before.opset_import)
    output = after.graph.output[-1].name  # a classifier's first is the label
    merged = compose.merge_models(before, after, [(graph.current, "prepared")], outputs=[output])
    content: bytes = merged.SerializeToString(deterministic=True)
    return content


def converted_mean(model: LogOddsMean, features: int) -> bytes:
    """The mean of pipelines of which some have no graph of ours."""
    import onnx

    graph = GraphBuilder(features, CONVERTER_OPSETS)
    odds = []
    for number, member in enumerate(model.members):
        part = onnx.load_model_from_string(converted_classifier(member, features))
        graph.current = graph.absorb(part.graph, f"member_{number}_")
        graph.apply("Cast", to=DOUBLE)
        graph.apply("Gather", np.array([1]), axis=1)
        write_odds(graph, is_logit=False)
        odds.append(graph.current)
    write_mean(graph, odds)
    graph.apply("Sigmoid")
    return graph.finish()


def _convert(model: Any, features: int, name: str) -> Any:
    import skl2onnx
    from skl2onnx.common.data_types import FloatTensorType

    _, last = split_pipeline(model)
    if type(last).__module__.startswith("lightgbm."):
        _register_lightgbm()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the comparison that follows is what decides
        return skl2onnx.to_onnx(
            model,
            initial_types=[(name, FloatTensorType([None, features]))],
            options={id(last): {"zipmap": False}} if is_classifier(last) else None,
            target_opset=CONVERTER_OPSETS,
        )


@cache
def _register_lightgbm() -> None:
    """Tell the converter about LightGBM's models, which are not scikit-learn's own."""
    from lightgbm import LGBMClassifier, LGBMRegressor
    from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm
    from skl2onnx import update_registered_converter
    from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes as classifier
    from skl2onnx.common.shape_calculator import calculate_linear_regressor_output_shapes as regressor

    options = {"nocl": [True, False], "zipmap": [True, False, "columns"]}
    update_registered_converter(LGBMClassifier, "LightGbmLGBMClassifier", classifier, convert_lightgbm, options=options)
    update_registered_converter(LGBMRegressor, "LightGbmLGBMRegressor", regressor, convert_lightgbm)
