"""What is offered, and how it is answered."""

from __future__ import annotations

from dataclasses import dataclass

from modelport.settings.declaring import setting
from modelport.settings.values import wrong_frames, wrong_hosts, wrong_origins


@dataclass(frozen=True, kw_only=True)
class OfferSettings:
    """What is offered, and how it is answered."""

    predict_endpoint: bool = setting(True, "offer predictions; 402 otherwise", heading="What is served")
    train_endpoint: bool = setting(True, "offer trainings; 402 otherwise")
    doc_endpoint: bool = setting(True, "serve the documentation pages")
    page_endpoint: bool = setting(True, "serve the page for people at / and /ui/models")
    debug_endpoint: bool = setting(False, "serve stdout and stderr of the models at /v2/debug/")
    stringify_predictions: bool = setting(
        False, "answer predictions without schema as one string, as DEEPaaS documents"
    )
    allow_nan: bool = setting(False, "write NaN and Infinity into JSON instead of null")
    hide_model_errors: bool = setting(False, "answer 500 without the message of the model's exception")
    allow_url_inputs: bool = setting(
        False, "let clients give files of typed models as URLs, fetched by the server"
    )
    allow_client_shm: bool = setting(
        False,
        "let clients on this machine give and take tensors by shared memory (Open Inference Protocol)",
    )
    openwhisk: bool = setting(
        False, "answer /init and /run as the action container of Apache OpenWhisk that this server is then"
    )
    allow_origins: list[str] = setting(
        [],
        "origins whose web pages may call this server (CORS), such as https://example.org; * for any",
        wrong=wrong_origins,
    )
    frame_origins: list[str] = setting(
        [],
        "origins whose web pages may show a model's page in a frame, such as https://example.org",
        wrong=wrong_frames,
    )
    allow_hosts: list[str] = setting(
        [],
        "names of this server, such as models.example.org or *.example.org, beside localhost, IP addresses "
        "and the machine's own; requests to others are answered 421; * for any",
        wrong=wrong_hosts,
    )
