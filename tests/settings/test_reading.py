"""Settings as they are read: in which words they come, and what is said of one that cannot be used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from modelport.identity.principals import GRANTED
from modelport.identity.roles import Role
from modelport.settings.checking import SettingsError
from modelport.settings.grants import SCOPES
from modelport.settings.named_limits import ROLES
from modelport.settings.reading import load_settings, mistyped_variables
from modelport.settings.together import check_together


def written(folder: Path, text: str, name: str = "settings.toml") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def test_deepaas_names_are_settings_too(tmp_path: Path) -> None:
    file = written(tmp_path, "[DEFAULT]\nlisten-ip = 127.0.0.2\nlisten-port = 81\nmodel-name = a\n", "d.ini")
    settings = load_settings({}, file, {"DEEPAAS_V2_MODEL": "b"})
    assert (settings.host, settings.port, settings.model_name) == ("127.0.0.2", 81, "b")
    both = {"DEEPAAS_V2_MODEL": "b", "MODELPORT_MODEL_NAME": "c"}
    assert load_settings({}, file, both).model_name == "c"


WRONG_FILES = {
    "unknown": ('prot = 1\n', "there is no setting 'prot'; did you mean 'port'?"),
    "unlike any": ('zebra = 1\n', "there is no setting 'zebra'; `modelport serve --help` lists them"),
    "a wrong type": ('port = "http"\n', "port: 'http' is not a value of type int"),
    "a number cut": ("port = 80.5\n", "port: 80.5 is not a value of type int"),
    "a switch": ('warm = "perhaps"\n', "warm: 'perhaps' is not a value of type bool"),
    "a list": ("sources = 3\n", "sources: 3 is not a list of texts"),
    "no TOML": ("port = \n", "it is not valid TOML"),
    "out of range": ("port = 65536\n", "port: 65536 is not between 0 and 65535"),
    "negative": ("timeout = -1.0\n", "timeout: -1.0 is not a number of 0 or more"),
    "no level": ('log_level = "loud"\n', "log_level: 'loud' is none of debug, info, warning, error"),
    "no size": ('memory_limit = "2 gallons"\n', "memory_limit: '2 gallons' is no size; write for example 2G"),
    "no duration": ('keep_jobs = "a month"\n', "keep_jobs: 'a month' is no duration; write for example 30d"),
    "a size below 0": ("memory_limit = -5\n", "memory_limit: -5 is no size; write for example 2G, 512M or"),
    "a size, no text": ("memory_limit = 5\n", ": 5 is not a value of type str; write it in quotes"),
    "a word, no text": ("auth = true\n", "auth: True is none of off, on"),
    "a secret, no text": ("webhook_secret = 1234\n", "webhook_secret: the value is not a value of type"),
    "another database": (
        'database_url = "mysql://me:hidden@there/x"\n',
        "database_url: the value is no address of a PostgreSQL; write postgresql://user:password@host:5432/name",
    ),
    "a device": ('devices = ["gpu"]\n', "devices: ['gpu'] names no device with 'gpu'; write cpu, cuda:0"),
    "auto and more": ('devices = ["auto", "cpu"]\n', "has others beside auto, which is all of them"),
    "no variables": ('environment = ["A"]\n', "environment: the value is not a table of texts, or"),
    "a variable's name": ('environment = { "A B" = "1" }\n', "has 'A B', which is no name of a variable"),
    "a variable of ours": ('environment = { MODELPORT_PORT = 1 }\n', "MODELPORT_PORT, which modelport sees"),
    "an issuer in the clear": ('oidc_issuer = "http://login.example.org"\n', "is in the clear, which is for"),
    "an issuer with a user": ('oidc_issuer = "https://a@example.org"\n', "is no URL without a user"),
    "an issuer with a query": ('oidc_issuer = "https://example.org?a"\n', "has a query or a fragment"),
    "no issuer": ('oidc_issuer = "example.org"\n', "is no URL of a server; write for example https://"),
    "no signature": ('oidc_algorithms = ["none"]\n', "has 'none', which is none of RS256,"),
    "a secret for all": ('oidc_algorithms = ["RS256", "HS256"]\n', "has 'HS256', which is none of RS256,"),
    "no algorithm": ("oidc_algorithms = []\n", "names no algorithm"),
    "a claim without a value": ('oidc_scopes = { groups = "read" }\n', "'groups' names no claim and value"),
    "no such scope": ('oidc_scopes = { "g:a" = "write" }\n', "'write' grants nothing that there is"),
    "no such models": ('oidc_scopes = { "g:a" = "read on" }\n', "'read on' grants nothing that there is"),
    "limits of nobody": ('[limits]\nuser = "rate 5/m"\n', "in 'user': 'user' names nobody who has limits"),
    "limits of no role": ('[limits."role:boss"]\nrate = "5/m"\n', "'role:boss' is no role: roles are admin,"),
    "limits of no holder": ('[limits."certificate:a"]\nrate = "5/m"\n', "'a' names no holder of a"),
    "no such limit": ('[limits."role:user"]\nrates = "5/m"\n', "no limit 'rates'; did you mean 'rate'?"),
    "no rate of a role": ('[limits."role:user"]\nrate = "5"\n', "in 'role:user': rate: '5' is no rate"),
    "no number of calls": ('[limits."role:user"]\nmax_calls_at_once = 1.5\n', "'1.5' is no number of 0 or"),
    "a limit below 0": ('[limits."role:user"]\nmax_queued_jobs_per_principal = -1\n', "'-1' is no number of"),
    "no bytes": ('[limits."role:user"]\nbytes_per_day = "much"\n', "bytes_per_day: 'much' is no size"),
    "no limits at all": ('[limits]\n"role:user" = ""\n', "'' has no limits with their values; write names"),
    "a limit without a value": ('[limits]\n"role:user" = "rate"\n', "'rate' has no limits with their values"),
    "a list of limits": ('[limits]\n"role:user" = ["rate"]\n', "is not a table of texts, or texts such as"),
    "a limit that is a list": ('[limits."role:user"]\nrate = ["5/m"]\n', "is not a table of texts, or texts"),
    "a limit twice": ('[limits]\n"role:user" = "rate 1/s rate 2/s"\n', "rate is there twice"),
    "a name twice": (
        '[limits]\n"certificate:dns:a" = "rate 1/s"\n"certificate:dns:A" = "rate 2/s"\n',
        "since 'certificate:dns:A' is there twice",
    ),
    "a user twice": (
        '[limits]\n"user:Anna" = "rate 1/s"\n"user:anna" = "rate 2/s"\n',
        "since 'user:anna' is there twice",
    ),
    "a row twice": ('[limits]\n"role:user" = "rate 1/s"\nrole.user.rate = "2/s"\n', "is not a table of"),
    "limits of no kind": ('[limits.roles.user]\nrate = "5/m"\n', "'roles:user' names nobody"),
    "no proxy": ('trusted_proxies = ["proxy"]\n', "has 'proxy', which is no address"),
    "everybody a proxy": ('trusted_proxies = ["::/0"]\n', "has '::/0', which is everybody"),
    "no header of proxies": ('proxy_headers = ["x-real-ip"]\n', "has 'x-real-ip', which is none of"),
    "a user's name in a key": ('proxy_user_header = "X-API-Key"\n', "cannot be the header of a user's name"),
    "a public path": ('public_url = "https://a.example/models"\n', "has more than a name; what a path"),
    "a public name": ('public_url = "a.example"\n', "is no URL of a server"),
    "no queue": ("queue_size = 0\n", "queue_size: 0 is too small"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG_FILES)
def test_a_file_that_cannot_be_used_is_named_with_the_key(tmp_path: Path, name: str) -> None:
    text, said = WRONG_FILES[name]
    file = written(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        load_settings({}, file, {})
    assert str(caught.value).startswith(file)
    assert said in str(caught.value)
    assert "1234" not in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_secrets_are_in_no_text_of_the_settings() -> None:
    variables = {
        "MODELPORT_WEBHOOK_SECRET": "whsec_1234",
        "MODELPORT_DATABASE_URL": "postgresql://me:1234@there/jobs",
        "MODELPORT_KEEP_JOBS": "12h",
    }
    settings = load_settings({}, None, variables)
    assert settings.webhook_secret == "whsec_1234"
    assert settings.database_url == "postgresql://me:1234@there/jobs"
    assert "1234" not in repr(settings)
    assert "keep_jobs='12h'" in repr(settings)


@pytest.mark.parametrize(
    ("options", "variables", "said"),
    [
        ({"port": "70000"}, {}, "--port: '70000' is not between 0 and 65535"),
        ({"json_depth": "deep"}, {}, "--json-depth: 'deep' is not a value of type int"),
        (
            {},
            {"MODELPORT_PORT": "tcp://10.0.0.1:5000"},
            "MODELPORT_PORT: 'tcp://10.0.0.1:5000' is not a value",
        ),
        ({}, {"MODELPORT_WARM": "2"}, "MODELPORT_WARM: '2' is not a value of type bool"),
        (
            {"allow_origins": ("good.example",)},
            {},
            "--allow-origins: ('good.example',) cannot be used: 'good",
        ),
        (
            {"allow_hosts": ("a.example:80",)},
            {},
            "--allow-hosts: ('a.example:80',) cannot be used: 'a.example:80",
        ),
        ({}, {"MODELPORT_TIMEOUT": "nan"}, "MODELPORT_TIMEOUT: 'nan' is not a number of 0 or more"),
        ({"job_workers": "9" * 20}, {}, f"--job-workers: '{'9' * 20}' is too large: it can be"),
        ({}, {"MODELPORT_TIMEOUT": "1e300"}, "MODELPORT_TIMEOUT: '1e300' is too large: it can be"),
        (
            {"host": "[::1]"},
            {},
            "--host: '[::1]' has brackets, which an IPv6 address has in URLs alone; write ::1",
        ),
        ({}, {"MODELPORT_HOST": ""}, "MODELPORT_HOST: '' names no address; write 127.0.0.1"),
        ({"base_path": "/a b"}, {}, "--base-path: '/a b' is no path that a link can have"),
        ({"base_path": "/a?b"}, {}, "--base-path: '/a?b' is no path that a link can have"),
        ({"base_path": "/../a"}, {}, "--base-path: '/../a' is no path that a link can have"),
        ({"base_path": "/ä"}, {}, "--base-path: '/ä' is no path that a link can have"),
    ],
)
def test_a_wrong_value_is_named_with_where_it_stands(
    options: dict[str, Any], variables: dict[str, str], said: str
) -> None:
    with pytest.raises(SettingsError, match=r"^[A-Z-]") as caught:
        load_settings(options, None, variables)
    assert str(caught.value).startswith(said)


def test_a_value_may_be_written_as_people_write_it() -> None:
    variables = {"MODELPORT_WARM": "Off", "MODELPORT_ALLOW_HOSTS": "a, b", "MODELPORT_LOG_LEVEL": "WARNING"}
    settings = load_settings({}, None, variables)
    assert (settings.warm, settings.allow_hosts, settings.log_level) == (False, ["a", "b"], "warning")
    for path in ("", "/", "models", "/models/v1.2/", "/~me/a@b"):
        assert load_settings({"base_path": path}, None, {}).base_path == path


def test_variables_of_models_are_a_table_or_texts(tmp_path: Path) -> None:
    file = written(tmp_path, '[environment]\nHF_HOME = "/data"\nN = 2\n')
    assert load_settings({}, file, {}).environment == {"HF_HOME": "/data", "N": "2"}
    asked = {"MODELPORT_ENVIRONMENT": "A=1, B=x=y"}
    assert load_settings({}, None, asked).environment == {"A": "1", "B": "x=y"}
    assert load_settings({"environment": ("A=1,2",)}, None, {}).environment == {"A": "1,2"}
    assert "x=y" not in repr(load_settings({}, None, asked))


def test_a_mistyped_variable_is_pointed_out_and_a_foreign_one_is_not() -> None:
    variables = {"MODELPORT_PROT": "1", "MODELPORT_SERVICE_HOST": "10.0.0.1", "MODELPORT_PORT": "1"}
    assert mistyped_variables(variables) == {"MODELPORT_PROT": "MODELPORT_PORT"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"oidc_audience": "models"}, "oidc_audience is of no use without oidc_issuer"),
        ({"oidc_scopes": ["*=read"]}, "oidc_scopes is of no use without oidc_issuer"),
        ({"oidc_issuer": "https://a.example", "oidc_audience": "models"}, "set auth on"),
        ({"oidc_issuer": "https://a.example", "auth": "on"}, "oidc_issuer needs oidc_audience"),
        (
            {
                "oidc_issuer": "https://a.example",
                "auth": "on",
                "oidc_audience": "a",
                "oidc_client_secret": "b",
            },
            "without oidc_client_id",
        ),
        (
            {
                "oidc_issuer": "https://a.example",
                "auth": "on",
                "oidc_client_id": "a",
                "oidc_login_scopes": "b",
            },
            "oidc_login_scopes must have openid",
        ),
        ({"limits": ["role:user=rate 1/m"]}, "limits are of no use unless who asks must say who they are"),
        (
            {"auth": "on", "limits": ["oidc:a=rate 1/m"]},
            "'oidc:a' are of no use without oidc_issuer",
        ),
        ({"auth": "on", "limits": ["proxy:a=rate 1/m"]}, "are of no use without proxy_user_header"),
        ({"auth": "on", "limits": ["certificate:cn:a=rate 1/m"]}, "are of no use without tls_clients"),
        (
            {
                "auth": "on",
                "tls_cert": "a",
                "tls_client_ca": "a",
                "tls_clients": ["cn:a=read"],
                "limits": ["certificate:cn:b=rate 1/m"],
            },
            "limits of 'certificate:cn:b' are of no use: tls_clients does not name 'cn:b'",
        ),
    ],
)
def test_settings_that_need_each_other_are_told_apart(given: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        check_together(load_settings(given, environment={}))


def test_the_last_equals_sign_ends_a_claim(tmp_path: Path) -> None:
    entitlement = "entitlements:urn:example:group:lab:role=member#there"
    written_so = [f"{entitlement}=predict read on iris", "*=read"]
    table = {entitlement: "predict read on iris", "*": "read"}
    assert load_settings({"oidc_scopes": written_so}, environment={}).oidc_scopes == table
    variable = {"MODELPORT_OIDC_SCOPES": ",".join(written_so)}
    assert load_settings({}, environment=variable).oidc_scopes == table
    file = written(tmp_path, f'[oidc_scopes]\n"{entitlement}" = "predict read on iris"\n"*" = "read"\n')
    assert load_settings({}, file, environment={}).oidc_scopes == table


def test_limits_are_a_table_of_tables_or_texts(tmp_path: Path) -> None:
    table = {"role:user": "rate 100/m max_calls_at_once 4", "oidc:a=b": "bytes_per_day 10G"}
    rows = """
        [limits."role:user"]
        rate = "100 / m"
        max-calls-at-once = 4
        [limits."oidc:a=b"]
        bytes_per_day = "10G"
    """
    nested = """
        [limits.role.user]
        rate = "100/m"
        max_calls_at_once = 4
        [limits.oidc]
        "a=b" = "bytes_per_day 10G"
    """
    assert load_settings({}, written(tmp_path, nested), environment={}).limits == table
    assert load_settings({}, written(tmp_path, rows), environment={}).limits == table
    texts = [f"{name}={text}" for name, text in table.items()]
    assert load_settings({"limits": texts}, environment={}).limits == table
    assert load_settings({}, environment={"MODELPORT_LIMITS": ",".join(texts)}).limits == table
    over = load_settings({"limits": ["role:user=rate 1/m"]}, written(tmp_path, rows), environment={})
    assert over.limits == {**table, "role:user": "rate 1/m"}, "a row of an option is the whole row"


def test_what_settings_grant_is_what_there_is() -> None:
    assert set(SCOPES) == set(GRANTED)
    assert set(ROLES) == set(Role)
