"""What the server says of itself: OpenAPI 3.1, Swagger 2.0 and the pages that show them.

Everything here is a pure function of the models' signatures and a few settings; the caller keeps the
result and makes a new one when the set of models changes.
"""

from modelport.api.documents.openapi import openapi_document
from modelport.api.documents.pages import CONTENT_SECURITY_POLICY, STATIC_DIR, redoc_page, swagger_page
from modelport.api.documents.swagger import swagger_document

__all__ = [
    "CONTENT_SECURITY_POLICY",
    "STATIC_DIR",
    "openapi_document",
    "redoc_page",
    "swagger_document",
    "swagger_page",
]
