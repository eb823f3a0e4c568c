"""Every setting, once: its name, its type, its default, its range or choices, and what it does.

A setting comes from the command line, a `MODELPORT_*` variable, a TOML file or DEEPaaS's own names; the
earlier one wins. See `modelport.settings.reading` for how they are read. One model may have some of them
otherwise, see `modelport.settings.of_models`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from modelport.settings.declaring import Written
from modelport.settings.groups.access import AccessSettings
from modelport.settings.groups.address import AddressSettings
from modelport.settings.groups.jobs import JobSettings
from modelport.settings.groups.limits import LimitSettings
from modelport.settings.groups.mlup import MlupSettings
from modelport.settings.groups.offers import OfferSettings
from modelport.settings.groups.oidc import OidcSettings
from modelport.settings.groups.operations import OperationSettings
from modelport.settings.groups.payloads import PayloadSettings
from modelport.settings.groups.proxies import ProxySettings
from modelport.settings.groups.quotas import QuotaSettings
from modelport.settings.groups.ray import RaySettings
from modelport.settings.groups.runs import RunSettings
from modelport.settings.groups.tls import TlsSettings
from modelport.settings.groups.traces import TraceSettings
from modelport.settings.groups.workers import WorkerSettings

SOURCE = "source"  # of one model, beside its settings
OF_MODEL = "the model"  # where settings are written that it has by itself
ENVIRONMENT = "environment"  # the setting that is a table itself


@dataclass(frozen=True, kw_only=True)
class Settings(  # the last one first: so a dataclass has its fields in the order of the groups
    PayloadSettings,
    TraceSettings,
    OperationSettings,
    RunSettings,
    JobSettings,
    MlupSettings,
    OfferSettings,
    LimitSettings,
    RaySettings,
    WorkerSettings,
    ProxySettings,
    OidcSettings,
    QuotaSettings,
    AccessSettings,
    TlsSettings,
    AddressSettings,
):
    """How to serve. Sizes are bytes, times seconds; 0 for a size or a timeout means no limit.

    `models` has what single models have otherwise, by their names: `of` gives the settings of one model.
    `written` says of each setting that somebody gave where it stands.
    """

    models: Mapping[str, Mapping[str, Written]] = field(
        default_factory=dict[str, dict[str, Written]], repr=False
    )
    written: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)

    def of(self, model: str) -> Settings:
        """The settings of one model: its own over those of all, its variables beside those of all."""
        own = {name: found for name, found in self.models.get(model, {}).items() if name != SOURCE}
        if not own:
            return self
        where = {name: found.where for name, found in own.items()}
        values = {name: found.value for name, found in own.items()}
        if ENVIRONMENT in values:
            values[ENVIRONMENT] = {**self.environment, **values[ENVIRONMENT]}
        return replace(self, **values, written={**self.written, **where})

    def asked_by(self, asked: Mapping[str, Any]) -> Settings:
        """The settings of one model, with what it asks for by itself where nobody has said otherwise."""
        new = {name: value for name, value in asked.items() if self.written.get(name, OF_MODEL) == OF_MODEL}
        if ENVIRONMENT in asked:
            new[ENVIRONMENT] = {**asked[ENVIRONMENT], **self.environment}
        return replace(self, **new, written={**dict.fromkeys(new, OF_MODEL), **self.written})
