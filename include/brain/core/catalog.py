"""The catalogue: which assets, which horizons, and how to treat them. One YAML file, validated by line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails

from brain.core.durations import AGE, DURATION
from brain.core.errors import CatalogueError
from brain.core.keys import DATE, TARGET_PATTERN
from brain.core.yaml_document import YamlDocument

HORIZONS = (1, 2, 3, 4, 5, 10, 20, 21, 25, 63, 161)
SECTIONS = ("source", "defaults", "assets")
IDENTIFIER_BYTES = 63  # PostgreSQL truncates longer identifiers

Horizon = Annotated[int, Field(ge=1, le=2520, strict=True)]
Severity = Literal["warn", "fail", "off"]
Aggregate = Literal["min", "mean", "max", "count", "stddev"]
Classifier = Literal[
    "logistic", "sgd", "forest", "extra_trees", "boosting", "svc", "bagged_svc", "naive_bayes", "neighbours"
]
Scale = Literal["standard", "robust", "min_max", "power", "quantile", "none"]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


SectionT = TypeVar("SectionT", bound=_Section)


class TrainingSettings(_Section):
    """How models are searched, refreshed and gated."""

    min_rows: int = Field(500, ge=100, description="Labelled rows below which no model is trained.")
    trials: int = Field(12, ge=1, description="Search budget for each model, in trials.")
    seconds: float | None = Field(
        None, gt=0, description="Search budget for each model, in seconds; results then depend on the machine's speed."
    )
    classifiers: tuple[Classifier, ...] = Field(
        ("logistic", "boosting"), min_length=1, description="Kinds of model the search may choose from."
    )
    scales: tuple[Scale, ...] = Field(
        ("standard", "robust", "min_max", "none"),
        min_length=1,
        description="Feature scalings the search may choose from.",
    )
    folds: int = Field(5, ge=2, le=20, description="Purged walk-forward folds on which skill is measured.")
    embargo: int = Field(5, ge=0, description="Rows left out between training and test beyond the horizon.")
    seed: int = Field(7, ge=0, description="Of every random choice: the same rows and seed give the same model.")
    max_age_days: int = Field(90, ge=1, description="A champion searched longer ago than this is searched anew.")
    false_discovery_rate: float = Field(
        0.1, gt=0, lt=1, description="Share of cells said to have skill that may have none, over the whole grid."
    )


class QualitySettings(_Section):
    """What the quality gate looks at. A rule set to `fail` keeps the rows out, `warn` reports them, `off` skips it."""

    min_rows: int = Field(100, ge=1, description="Rows below which an asset is refused.")
    close: Severity = Field("fail", description="Close is filled on every row.")
    positive: Severity = Field("fail", description="Open, High, Low and Close are above zero.")
    high_low: Severity = Field("fail", description="High is not below Low.")
    price_range: Severity = Field("warn", description="Open and Close lie between Low and High.")
    jumps: Severity = Field("warn", description="No daily change is beyond `max_jump`.")
    max_jump: float = Field(25.0, gt=0, description="In robust standard deviations (1.4826 x MAD) of the log return.")
    flat: Severity = Field("warn", description="Close moves.")
    max_flat: int = Field(10, ge=1, description="Rows in a row on which Close may stay the same.")
    gaps: Severity = Field("warn", description="No trading days are missing between two rows.")
    max_gap: int = Field(5, ge=0, description="Days of the asset's own calendar that may be missing in a row.")
    stale: Severity = Field("warn", description="The newest row is recent.")
    max_stale: int = Field(5, ge=0, description="Days of the asset's own calendar since the newest row.")
    missing: Severity = Field("warn", description="Columns are filled.")
    max_missing: float = Field(0.2, ge=0, le=1, description="Share of a column that may be empty.")
    infinite: Severity = Field("fail", description="No number is infinite.")
    constant_target: Severity = Field("fail", description="Each RETURNSn has ups and downs.")
    forward_looking: Severity = Field("fail", description="RETURNSn has the sign of the change of Close n rows ahead.")
    max_disagreement: float = Field(0.1, ge=0, le=1, description="Share of rows on which the signs may differ.")
    returns: Severity = Field("warn", description="RETURNSn is Close n rows ahead / Close - 1.")
    returns_tolerance: float = Field(1e-6, gt=0, description="Absolute difference allowed there.")


class ExtractionSettings(_Section):
    """How a table is read."""

    batch_rows: int = Field(50_000, ge=1_000, description="Rows fetched at a time.")
    overlap_rows: int | None = Field(
        None, ge=1, description="Newest known rows read again each time; the longest RETURNSn and 20 more if empty."
    )
    full_check_days: int | None = Field(
        7, ge=1, description="Every row is compared with the source at least this often; never if empty."
    )
    max_loss: float = Field(
        0.1, ge=0, le=1, description="Share of the known rows that may vanish from the table before it is refused."
    )


class RetentionSettings(_Section):
    """What is kept, and for how long."""

    keep: str | None = Field(None, pattern=AGE, description="Age of rows kept in the lake: 15y.")
    snapshot_days: int = Field(90, ge=1, description="Every snapshot is kept this long, then the last of each month.")
    audit: str = Field("2y", pattern=AGE, description="A champion's training rows are kept this long after training.")
    model_versions: int = Field(5, ge=1, description="Versions kept for each model besides the champion.")


def _fits(name: str) -> str:
    if len(name.encode()) > IDENTIFIER_BYTES:
        raise ValueError(f"longer than the {IDENTIFIER_BYTES} bytes PostgreSQL keeps of a name")
    return name


TableName = Annotated[str, Field(min_length=1), AfterValidator(_fits)]


class JoinedSource(_Section):
    """Another table of the source schema, aligned onto the asset's dates."""

    table: TableName = Field(description="Its name in the source schema.")
    prefix: str | None = Field(None, description="Put before its column names; the table's name and _ if empty.")
    key: str = Field(DATE, description="Its date or timestamp column.")
    columns: tuple[str, ...] = Field((), description="Columns to take; every number except RETURNSn if empty.")
    max_age: str | None = Field("10d", pattern=DURATION, description="Older values count as missing; never if empty.")
    lag: str | None = Field(None, pattern=DURATION, description="Time from a value's date to the day it was known.")
    window: str | None = Field(None, pattern=DURATION, description="Aggregate over this span up to the asset's date.")
    aggregates: tuple[Aggregate, ...] = Field(("mean",), min_length=1, description="What to compute over the window.")

    @property
    def column_prefix(self) -> str:
        return self.prefix if self.prefix is not None else f"{self.table}_"

    @field_validator("columns")
    @classmethod
    def _no_targets(cls, columns: tuple[str, ...]) -> tuple[str, ...]:
        if targets := [name for name in columns if TARGET_PATTERN.fullmatch(name)]:
            raise ValueError(f"{targets[0]} looks into the future and cannot be joined")
        return columns


def _named(value: object) -> object:
    return {"table": value} if isinstance(value, str) else value


class AssetSpec(_Section):
    """One asset, defaults merged in."""

    name: TableName = Field(description="What it is called in the published tables.")
    table: TableName = Field(description="Its table in the source schema; called like the asset unless said otherwise.")
    horizons: tuple[Horizon, ...] = Field(HORIZONS, min_length=1, description="Rows ahead; one model and column each.")
    leave_out: tuple[str, ...] = Field((), description="Feature columns not to train on.")
    sources: tuple[Annotated[JoinedSource, BeforeValidator(_named)], ...] = Field(
        (), description="Other tables whose columns become features; a table's name alone takes the defaults."
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


class SourceSettings(_Section):
    """Where the asset tables are."""

    schema_name: str | None = Field(None, alias="schema", description="Schema of the tables; the default one if empty.")
    discover: bool = Field(False, description="Take every table of the schema that has the standard columns.")


class Catalogue(_Section):
    """The validated catalogue."""

    source: SourceSettings = SourceSettings()
    assets: tuple[AssetSpec, ...] = ()
    defaults: Mapping[str, Any] = {}

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

    def only(self, names: Iterable[str], horizons: Iterable[int] = ()) -> Catalogue:
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

    def with_tables(self, tables: Iterable[str]) -> Catalogue:
        """Add discovered tables that no asset names yet, with the defaults."""
        taken = {asset.table for asset in self.assets}
        found = tuple(
            AssetSpec.model_validate({**self.defaults, "name": table, "table": table})
            for table in sorted(tables)
            if table not in taken
        )
        return self.model_copy(update={"assets": self.assets + found})


def load_catalogue(path: Path) -> Catalogue:
    """Read and validate the catalogue.

    Raises:
        CatalogueError: The file is missing or wrong; the message names the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueError(
            str(path),
            found=getattr(error, "strerror", None) or "a file that is not UTF-8 text",
            expected="a YAML catalogue",
            remedy="Set BRAIN_CATALOGUE, or start from the catalogue.yaml in the repository.",
        ) from None
    return parse_catalogue(text, str(path))


def parse_catalogue(text: str, origin: str = "catalogue") -> Catalogue:
    """Validate the catalogue's text; `origin` is how error messages call it.

    Raises:
        CatalogueError: With the line of the first mistake and every mistake's reason.
    """
    document = YamlDocument.parse(text, origin)
    content = document.value
    if not isinstance(content, dict):
        raise document.wrong((), "a document that is not a mapping")
    for name in content:
        if name not in SECTIONS:
            raise document.wrong((str(name),), f"the unknown section {name!r}")
    source = _validated(SourceSettings, content.get("source") or {}, document, [("source",)])
    defaults = _defaults(document, content.get("defaults") or {})
    assets = tuple(
        _validated(AssetSpec, _merged(name, entry, defaults), document, [("assets", name), ("defaults",)])
        for name, entry in _asset_entries(document, content.get("assets") or {})
    )
    if not assets and not source.discover:
        raise document.wrong(("assets",), "no asset")
    return Catalogue(source=source, assets=assets, defaults=defaults)


def _defaults(document: YamlDocument, defaults: object) -> dict[str, Any]:
    if not isinstance(defaults, dict):
        raise document.wrong(("defaults",), "`defaults` that is not a mapping")
    for field in ("name", "table"):
        if field in defaults:
            raise document.wrong(("defaults", field), f"`{field}` under `defaults`, which every asset has of its own")
    _validated(AssetSpec, {"name": "defaults", "table": "defaults", **defaults}, document, [("defaults",)])
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


def _validated(kind: type[SectionT], value: Any, document: YamlDocument, places: Sequence[tuple[str, ...]]) -> SectionT:
    """Raises a CatalogueError at the place that has most of the faulty setting: the asset's own before the defaults."""
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        details = error.errors(include_url=False)
        path = tuple(str(part) for part in details[0]["loc"])
        place = max(places, key=lambda place: document.deepest((*place, *path))[0] - len(place))
        reasons = "; ".join(map(_reason, details))
        raise document.wrong((*place, *path), f"at {'.'.join((*place, *path))}: {reasons}") from None


def _reason(detail: ErrorDetails) -> str:
    where = ".".join(map(str, detail["loc"]))
    if detail["type"] == "extra_forbidden":
        return f"{where}: there is no such setting"
    return f"{where}: {detail['msg']} (got {detail['input']!r})"
