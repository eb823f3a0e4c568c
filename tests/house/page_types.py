"""The API document that the page's types are made from: the bodies of its own resources.

`make ui-types` writes `ui/src/api/schema.d.ts` out of it, whose first line says which document it was.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from modelport.api.documents.listing import Served
from modelport.api.documents.openapi import openapi_document
from modelport.api.documents.security import Security

TYPES = Path(__file__).parents[2] / "ui" / "src" / "api" / "schema.d.ts"


def document() -> str:
    """The document, as text that is the same each time."""
    served = Served(
        base_path="",
        predict=True,
        train=True,
        root=None,
        stringify_predictions=False,
        version="0",
        security=Security(),
    )
    whole = openapi_document([], served)
    # The page finds paths by itself; what it needs are the bodies.
    kept = whole | {"paths": {}, "tags": [], "components": {"schemas": whole["components"]["schemas"]}}
    return json.dumps(kept, indent=1, sort_keys=True)


def mark() -> str:
    """What the first line of the types says of the document."""
    digest = hashlib.sha256(document().encode()).hexdigest()
    return f"// Made by `make ui-types` from the API document {digest}"


if __name__ == "__main__":
    if "--mark" in sys.argv:
        TYPES.write_text(f"{mark()}\n{TYPES.read_text()}")
    else:
        print(document())
