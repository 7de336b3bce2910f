"""Direction's part of the catalogue: which assets, which horizons, and how to treat them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, field_validator

from brain.core.catalogue import Catalogue
from brain.core.errors import CatalogueError
from brain.core.section import Place, Section, validated
from brain.core.table_settings import ExtractionSettings, JoinedSource, RetentionSettings, TableName
from brain.core.yaml_document import YamlDocument
from brain.learning.settings import TrainingSettings
from brain.quality.rules import Severity
from brain.usecases.direction.names import LONGEST_HORIZON, NAME, TARGET_PATTERN

HORIZONS = (1, 2, 3, 4, 5, 10, 20, 21, 25, 63, 161)

Horizon = Annotated[int, Field(ge=1, le=LONGEST_HORIZON, strict=True)]


def _once(name: str, before: str) -> AliasChoices:
    """A setting that was called otherwise before release 0.2; *stale* is what a published row may be."""
    return AliasChoices(name, before)


class QualitySettings(Section):
    """What the quality gate looks at. A rule set to `fail` keeps the rows out, `warn` reports them, `off` skips it."""

    min_rows: int = Field(100, ge=1, description="Rows below which an asset is refused.")
    close: Severity = Field("fail", description="Close is filled on every row.")
    positive: Severity = Field("fail", description="Open, High, Low and Close are above zero.")
    high_low: Severity = Field("fail", description="High is not below Low.")
    price_range: Severity = Field("warn", description="Open and Close lie between Low and High.")
    jumps: Severity = Field("warn", description="No daily change is beyond `max_jump`.")
    max_jump: float = Field(25.0, gt=0, description="In robust standard deviations (1.4826 x MAD) of the log return.")
    bad_ticks: Severity = Field("warn", description="Close does not jump and come back; `off` trains on such rows.")
    flat: Severity = Field("warn", description="Close moves.")
    max_flat: int = Field(10, ge=1, description="Rows in a row on which Close may stay the same.")
    gaps: Severity = Field("warn", description="No trading days are missing between two rows.")
    max_gap: int = Field(5, ge=0, description="Days of the asset's own calendar that may be missing in a row.")
    overdue: Severity = Field(
        "warn", validation_alias=_once("overdue", "stale"), description="The newest row is recent."
    )
    max_overdue: int = Field(
        5,
        ge=0,
        validation_alias=_once("max_overdue", "max_stale"),
        description="Days of the asset's own calendar since the newest row.",
    )
    missing: Severity = Field("warn", description="Columns are filled.")
    max_missing: float = Field(0.2, ge=0, le=1, description="Share of a column that may be empty.")
    infinite: Severity = Field("fail", description="No number is infinite.")
    constant_target: Severity = Field("fail", description="Some RETURNSn has ups and downs.")
    constant_horizon: Severity = Field("warn", description="Each RETURNSn has; else its horizon is not trained.")
    forward_looking: Severity = Field("fail", description="RETURNSn has the sign of the change of Close n rows ahead.")
    max_disagreement: float = Field(0.1, ge=0, le=1, description="Share of rows on which the signs may differ.")
    leaks: Severity = Field("warn", description="No feature knows the future; training leaves out one that does.")
    returns: Severity = Field("warn", description="RETURNSn is Close n rows ahead / Close - 1.")
    returns_tolerance: float = Field(1e-6, gt=0, description="Absolute difference allowed there.")


def _named(value: object) -> object:
    return {"table": value} if isinstance(value, str) else value


def _no_targets(joined: JoinedSource) -> JoinedSource:
    if targets := [name for name in joined.columns if TARGET_PATTERN.fullmatch(name)]:
        raise ValueError(f"{targets[0]} looks into the future and cannot be joined")
    return joined


class AssetSpec(Section):
    """One asset, defaults merged in."""

    name: TableName = Field(description="What it is called in the published tables.")
    table: TableName = Field(description="Its table in the source schema; called like the asset unless said otherwise.")
    horizons: tuple[Horizon, ...] = Field(HORIZONS, min_length=1, description="Rows ahead; one model and column each.")
    leave_out: tuple[str, ...] = Field((), description="Feature columns not to train on.")
    trust_features: tuple[str, ...] = Field(
        (), description="Feature columns to train on although they look as if they knew the future."
    )
    sources: tuple[Annotated[JoinedSource, BeforeValidator(_named), AfterValidator(_no_targets)], ...] = Field(
        (), description="Other tables whose columns become features; a table's name alone takes the defaults."
    )
    asset_class: str = Field(
        "", description="Assets of one class are each other's peers: their share of ups steadies each one's base rate."
    )
    description: str = Field("", description="For people: what the asset is.")
    training: TrainingSettings = Field(TrainingSettings(), description="How models are searched, refreshed and gated.")
    quality: QualitySettings = Field(QualitySettings(), description="What the quality gate looks at.")
    extraction: ExtractionSettings = Field(ExtractionSettings(), description="How the table is read.")
    retention: RetentionSettings = Field(RetentionSettings(), description="What is kept, and for how long.")

    @field_validator("horizons")
    @classmethod
    def _ordered(cls, horizons: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(horizons)) != len(horizons):
            raise ValueError("a horizon is named twice")
        return tuple(sorted(horizons))


class Assets(Section):
    """What `defaults:` and `assets:` say: the assets, each with the defaults merged in."""

    assets: tuple[AssetSpec, ...] = ()
    defaults: Mapping[str, Any] = {}

    @classmethod
    def read(cls, document: YamlDocument, place: Place) -> Self:
        """The sections `defaults` and `assets` at `place`."""
        defaults = _defaults(document, document.at((*place, "defaults")) or {})
        entries = _asset_entries(document, document.at((*place, "assets")) or {})
        if not entries and not document.at(("source", "discover")):
            raise document.wrong(("assets",), "no asset")
        assets = tuple(
            validated(AssetSpec, _merged(name, entry, defaults), document, [("assets", name), ("defaults",)])
            for name, entry in entries
        )
        return cls(assets=assets, defaults=defaults)

    @property
    def horizons(self) -> tuple[int, ...]:
        """Every horizon of every asset, ascending."""
        return tuple(sorted({horizon for asset in self.assets for horizon in asset.horizons}))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(asset.name for asset in self.assets)

    def asset(self, name: str) -> AssetSpec:
        """The asset called `name`.

        Raises:
            CatalogueError: No such asset.
        """
        for asset in self.assets:
            if asset.name == name:
                return asset
        raise CatalogueError(
            name,
            found="no asset of that name in the catalogue",
            expected=f"one of {', '.join(self.names) or '(none)'}",
            remedy="Add it under `assets:` or correct the name.",
        )

    def only(self, names: Iterable[str], horizons: Iterable[int] = ()) -> Assets:
        """The same catalogue narrowed to some assets and horizons; no name or horizon means all.

        Raises:
            CatalogueError: An asset that the catalogue does not have, or a horizon that no asset has.
        """
        assets = [self.asset(name) for name in dict.fromkeys(names)] or list(self.assets)
        wanted = set(horizons)
        if unknown := wanted - set(self.horizons):
            raise CatalogueError(
                f"horizon {min(unknown)}",
                found="no asset with it in the catalogue",
                expected=f"one of {', '.join(map(str, self.horizons)) or '(none)'}",
                remedy="Add it under `horizons:` or correct the number.",
            )
        narrowed = [
            asset.model_copy(update={"horizons": tuple(h for h in asset.horizons if not wanted or h in wanted)})
            for asset in assets
        ]
        return self.model_copy(update={"assets": tuple(asset for asset in narrowed if asset.horizons)})

    def with_tables(self, tables: Iterable[str]) -> Assets:
        """Add discovered tables that no asset names yet, with the defaults."""
        taken = {asset.table for asset in self.assets}
        found = tuple(
            AssetSpec.model_validate({**self.defaults, "name": table, "table": table})
            for table in sorted(tables)
            if table not in taken
        )
        return self.model_copy(update={"assets": self.assets + found})


def parse_assets(text: str, origin: str = "catalogue") -> Assets:
    """The assets of a catalogue's text; `origin` is how errors call it.

    Raises:
        CatalogueError: With the line of the first mistake and every mistake's reason.
    """
    return Assets.read(YamlDocument.parse(text, origin), ())


def assets_of(catalogue: Catalogue) -> Assets:
    """The assets of a catalogue; none where it speaks of other use cases only."""
    found = catalogue.sections.get(NAME, Assets())
    assert isinstance(found, Assets)
    return found


def _defaults(document: YamlDocument, defaults: object) -> dict[str, Any]:
    if not isinstance(defaults, dict):
        raise document.wrong(("defaults",), "`defaults` that is not a mapping")
    for field in ("name", "table"):
        if field in defaults:
            raise document.wrong(("defaults", field), f"`{field}` under `defaults`, which every asset has of its own")
    validated(AssetSpec, {"name": "defaults", "table": "defaults", **defaults}, document, [("defaults",)])
    return defaults


def _asset_entries(document: YamlDocument, assets: object) -> list[tuple[str, Any]]:
    if isinstance(assets, list):
        entries = [(name, None, str(index)) for index, name in enumerate(assets)]
    elif isinstance(assets, dict):
        entries = [(name, entry, str(name)) for name, entry in assets.items()]
    else:
        raise document.wrong(("assets",), "`assets` that is neither a list nor a mapping")
    seen: set[str] = set()
    for name, entry, place in entries:
        if problem := _problem(name, entry, seen):
            raise document.wrong(("assets", place), problem)
        seen.add(name)
    return [(name, entry) for name, entry, _ in entries]


def _problem(name: object, entry: object, seen: set[str]) -> str | None:
    if not isinstance(name, str):
        return f"the asset name {name!r}, which is not text; put a name like ON or 600519 in quotes"
    if name in seen:
        return f"{name!r} twice"
    if entry is not None and not isinstance(entry, dict):
        return f"the asset {name!r} without a mapping of settings"
    if entry and "name" in entry:
        return f"`name` under the asset {name!r}, which has one; `table` names its table"
    return None


def _merged(name: str, entry: Mapping[str, Any] | None, defaults: Mapping[str, Any]) -> dict[str, Any]:
    merged: dict[str, Any] = {"name": name, "table": name, **defaults}
    for field, value in (entry or {}).items():
        base = merged.get(field)
        merged[field] = {**base, **value} if isinstance(base, dict) and isinstance(value, dict) else value
    return merged
