"""What an image consists of as a CycloneDX document (1.6, https://cyclonedx.org/docs/1.6/json/)."""

from __future__ import annotations

import hashlib
import json
import uuid
from pathlib import Path
from typing import Any

from modelport import __version__
from modelport.cli.images.lock import Lock, Package

# In images, where tools that look through them find it.
PLACE = "/usr/share/sbom/modelport.cdx.json"
FILE = "sbom.cdx.json"


def bill_of(name: str, lock: Lock, wheels: Path) -> str:
    """The bill of materials, as JSON; the same lock makes the same text, so that layers stay as they are."""
    components = [_component(lock.packages[key], wheels) for key in sorted(lock.packages)]
    return json.dumps(
        {
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, f'{name} {lock.digest()}')}",
            "version": 1,
            "metadata": {
                "tools": {
                    "components": [{"type": "application", "name": "modelport", "version": __version__}]
                },
                "component": {"type": "container", "name": name, "bom-ref": "image"},
            },
            "components": components,
            "dependencies": [{"ref": "image", "dependsOn": [one["bom-ref"] for one in components]}],
        },
        indent=1,
    )


def _component(package: Package, wheels: Path) -> dict[str, Any]:
    purl = f"pkg:pypi/{package.name}" + (f"@{package.version}" if package.version else "")
    found: dict[str, Any] = {"type": "library", "bom-ref": purl, "name": package.name, "purl": purl}
    if package.version:
        found["version"] = package.version
    if package.licence:
        found["licenses"] = [{"expression": package.licence}]
    if package.wheel:
        digest = hashlib.sha256((wheels / package.wheel).read_bytes()).hexdigest()
        found["hashes"] = [{"alg": "SHA-256", "content": digest}]
    return found
