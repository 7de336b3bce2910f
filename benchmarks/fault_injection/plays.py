"""What the harness can play: assets, and each use case of a shop."""

from __future__ import annotations

from benchmarks.fault_injection import market, shop, shop_numbers, state
from benchmarks.fault_injection.play import Play
from benchmarks.fault_injection.reader import Reader
from benchmarks.fault_injection.shop_reader import LISTS, PLACES, ShopReader
from brain.usecases.direction.names import model_key
from brain.usecases.recommendations.names import LISTS as NAMES_OF_LISTS

_DIRECTION = Play(
    use_case="direction",
    catalogue=market.CATALOGUE,
    chunks=market.CHUNKS,
    space="assets",
    inputs=market.ASSETS,
    keys=tuple(sorted(str(model_key(asset, horizon)) for asset in market.ASSETS for horizon in market.HORIZONS)),
    tables=("Probabilities", "probability_details", "probability_history"),
    details="SELECT asset, stale, published_at, reason FROM probability_details",
    staged_number="probability",
    load=market.load,
    moment=market.moment,
    truth=state.truth_of,
    reader=Reader,
    check_numbers=state.check_numbers,
)
_RECOMMENDATIONS = Play(
    use_case="recommendations",
    catalogue=shop.RECOMMENDATIONS,
    chunks=((shop.NAME,),),
    space="recommendations",
    inputs=shop.INPUTS,
    keys=tuple(sorted(f"recommendations/{shop.NAME}/{name}" for name in NAMES_OF_LISTS)),
    tables=("recommendations", "recommendation_details", "recommendation_history"),
    details="",
    staged_number="score",
    load=shop.load,
    moment=shop.moment,
    truth=LISTS.truth_of,
    reader=lambda url, findings, truth: ShopReader(url, findings, truth, shown=LISTS),
    check_numbers=shop_numbers.check_lists,
)
_SEGMENTS = Play(
    use_case="segments",
    catalogue=shop.SEGMENTS,
    chunks=((shop.NAME,),),
    space="segments",
    inputs=shop.INPUTS,
    keys=(f"segments/{shop.NAME}/segment",),
    tables=("customer_segments", "segment_profiles", "segment_profile_history"),
    details="",
    staged_number="expected_spend",
    load=shop.load,
    moment=shop.moment,
    truth=PLACES.truth_of,
    reader=lambda url, findings, truth: ShopReader(url, findings, truth, shown=PLACES),
    check_numbers=shop_numbers.check_places,
    spared=("ahead",),  # of customers there is no history: after a repair nobody knows who was in which segment
)
PLAYS = {play.use_case: play for play in (_DIRECTION, _RECOMMENDATIONS, _SEGMENTS)}
