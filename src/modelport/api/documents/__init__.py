"""What the server says of itself: OpenAPI 3.1, Swagger 2.0 and the pages that show them.

Everything here is a pure function of the models' signatures and a few settings; the caller keeps the
result and makes a new one when the set of models changes.
"""

from pathlib import Path

STATIC_DIR = Path(__file__).parent / "static"
