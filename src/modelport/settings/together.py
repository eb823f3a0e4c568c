"""Settings that need each other."""

from __future__ import annotations

from modelport.settings.certificate_holders import holders_of
from modelport.settings.checking import SettingsError
from modelport.settings.grants import EVERYBODY
from modelport.settings.groups.access import Auth
from modelport.settings.groups.ray import EngineKind
from modelport.settings.named_limits import CERTIFICATE, OIDC, PROXY, limited_of
from modelport.settings.settings import Settings

OF_ISSUER = (
    "oidc_audience", "oidc_scopes", "oidc_client_id", "oidc_client_secret", "oidc_command_client_id",
)  # fmt: skip


def check_together(settings: Settings) -> None:
    """Raise `SettingsError` for settings of which one means nothing without another that is missing."""
    _check_tls(settings)
    if settings.metrics_port is not None and not settings.metrics:
        raise SettingsError("metrics_port has nothing to show with metrics off: leave one of them away")
    _check_issuer(settings)
    _check_proxies(settings)
    _check_limits(settings)
    _check_processes(settings)
    _check_ray(settings)
    check_workers(settings)
    for name in settings.models:
        check_workers(settings.of(name), f"the model {name!r}: ")


def _check_processes(settings: Settings) -> None:
    """Several server processes share what the machine has: numbers of workers must be shared evenly."""
    processes = settings.server_processes
    if processes == 1:
        return
    if settings.openwhisk:
        raise SettingsError("server_processes is of no use with openwhisk: an action is one process")
    for whose, own in [
        ("", settings),
        *((f"the model {name!r}: ", settings.of(name)) for name in settings.models),
    ]:
        for name in ("workers", "min_workers", "max_workers"):
            number = getattr(own, name)
            if name in own.written and number and number % processes:
                raise SettingsError(
                    f"{whose}{name} is {number}, which {processes} server processes cannot share evenly: "
                    f"write a multiple of {processes}, or other server_processes"
                )


def _check_issuer(settings: Settings) -> None:
    if settings.oidc_issuer is None:
        lonely = next((name for name in OF_ISSUER if getattr(settings, name)), None)
        if lonely is not None:
            raise SettingsError(
                f"{lonely} is of no use without oidc_issuer, which says whose tokens are taken"
            )
        return
    if settings.auth != Auth.ON:
        raise SettingsError("oidc_issuer is of no use unless who asks must say who they are: set auth on")
    if not settings.oidc_audience and not settings.oidc_client_id:
        raise SettingsError(
            "oidc_issuer needs oidc_audience: what its tokens must be meant for; else this server would take "
            "those that are meant for others"
        )
    if settings.oidc_client_secret and not settings.oidc_client_id:
        raise SettingsError("oidc_client_secret is of no use without oidc_client_id, whose secret it is")
    if "openid" not in settings.oidc_login_scopes:
        raise SettingsError(
            "oidc_login_scopes must have openid: without it the issuer does not say who it is"
        )


def _check_tls(settings: Settings) -> None:
    if settings.tls_cert is None:
        of_tls = ("tls_key", "tls_key_password", "tls_key_password_file", "tls_client_ca")
        lonely = next((name for name in of_tls if getattr(settings, name)), None)
        if lonely is not None:
            raise SettingsError(f"{lonely} is of no use without tls_cert, the certificate of the server")
    if settings.tls_client_ca is None and "tls_client_certs" in settings.written:
        raise SettingsError(
            "tls_client_certs is of no use without tls_client_ca, whose certificates they are"
        )
    if settings.uds is None and "uds_mode" in settings.written:
        raise SettingsError("uds_mode is of no use without uds, the path of the Unix socket that it is for")
    if not settings.tls_clients:
        return
    if settings.tls_client_ca is None:
        raise SettingsError(
            "tls_clients is of no use without tls_client_ca, whose certificates clients must have"
        )
    if settings.auth != Auth.ON:
        raise SettingsError("tls_clients is of no use unless who asks must say who they are: set auth on")


def _check_proxies(settings: Settings) -> None:
    if settings.proxy_user_header is None:
        if settings.proxy_user_scopes:
            raise SettingsError("proxy_user_scopes is of no use without proxy_user_header, which names users")
        return
    if not settings.trusted_proxies:
        raise SettingsError("proxy_user_header needs trusted_proxies: whom it is believed of")
    if settings.auth != Auth.ON:
        raise SettingsError(
            "proxy_user_header is of no use unless who asks must say who they are: set auth on"
        )
    if not settings.proxy_user_scopes:
        raise SettingsError("proxy_user_header needs proxy_user_scopes: what users may do whom a proxy names")


def _check_limits(settings: Settings) -> None:
    """Limits of those whom this server never knows are a mistake."""
    if settings.limits and settings.auth != Auth.ON:
        raise SettingsError("limits are of no use unless who asks must say who they are: set auth on")
    needed = {OIDC: "oidc_issuer", CERTIFICATE: "tls_clients", PROXY: "proxy_user_header"}
    holders = holders_of(settings.tls_clients)
    for text in settings.limits:
        kind, name = limited_of(text)
        setting = needed.get(kind)
        if setting is not None and not getattr(settings, setting):
            raise SettingsError(
                f"limits of {text!r} are of no use without {setting}, by which they are known"
            )
        if kind == CERTIFICATE and name not in holders and EVERYBODY not in (name, *holders):
            raise SettingsError(f"limits of {text!r} are of no use: tls_clients does not name {name!r}")


OF_RAY = (
    "ray_address", "ray_host", "ray_port", "ray_advertise", "ray_cpus", "ray_gpus", "ray_memory",
    "ray_resources",
)  # fmt: skip


def _check_ray(settings: Settings) -> None:
    if settings.engine == EngineKind.LOCAL:
        lonely = next((name for name in OF_RAY if name in settings.written), None)
        if lonely is not None:
            raise SettingsError(f"{lonely} is of no use without engine = ray, which places workers there")
        return
    for name in ("", *settings.models):
        whose, own = (f"the model {name!r}: ", settings.of(name)) if name else ("", settings)
        if own.workers == 0:
            raise SettingsError(
                f"{whose}workers = 0 runs models in a thread of the server: engine must be local"
            )
        if own.devices:
            raise SettingsError(f"{whose}devices are those of this machine; on Ray, write ray_gpus")
    if settings.ray_port and settings.server_processes > 1:
        raise SettingsError("ray_port is of one process: leave it away with several server_processes")
    if settings.allow_client_shm:
        raise SettingsError("allow_client_shm is for workers of this machine: engine must be local")


def check_workers(settings: Settings, whose: str = "") -> None:
    """Raise `SettingsError` for numbers of workers with none between them; `whose` begins the message."""
    fewest, workers, most = settings.min_workers, settings.workers, settings.max_workers
    if (fewest or most) and not workers:
        named = "min_workers" if fewest else "max_workers"
        raise SettingsError(f"{whose}{named} is of no use with workers = 0, which has no processes")
    least = fewest or (workers if "workers" in settings.written else 1)
    if most and most < least:
        named = "min_workers" if fewest else "workers"
        raise SettingsError(f"{whose}max_workers is {most}, and {named} {least}: it must be as many at least")
