"""The upgrade notes of DEEPaaS as a list: each point, in their order, and what looks for it."""

from __future__ import annotations

from modelport.cli.upgrade.arguments import dictionaries
from modelport.cli.upgrade.files import names_elsewhere, old_files
from modelport.cli.upgrade.functions import conditional, inputs, merged, trains
from modelport.cli.upgrade.others import addresses, errors, namespaces, pythons, responses
from modelport.cli.upgrade.package import Package
from modelport.cli.upgrade.points import Found, Point
from modelport.cli.upgrade.scopes import scopes_of


def points_of(package: Package) -> list[Point]:
    """What each point of the notes finds in a package. Edits that need each other are all there, or none."""
    scopes = scopes_of(package)
    train = [found for scope in scopes for found in trains(package, scope)]
    train_stays = next((found.why_not for found in train if found.why_not), "")
    points = [
        Point("Python version", list(pythons(package))),
        Point("Namespace of the entry point", list(namespaces(package))),
        Point("Arguments by webargs", [one for scope in scopes for one in dictionaries(package, scope)]),
        Point("Input arguments of one's own", [one for scope in scopes for one in inputs(package, scope)]),
        Point("Responses", [one for scope in scopes for one in responses(package, scope)]),
        Point(
            "predict and train",
            [
                *conditional(package),
                *(
                    one
                    for scope in scopes
                    for one in merged(package, scope, names_elsewhere(package, scope) or train_stays)
                ),
                *train,
            ],
        ),
        Point("Files", [one for scope in scopes for one in old_files(package, scope)]),
        Point("Errors", [one for scope in scopes for one in errors(package, scope)]),
        Point("URL of the API", list(addresses(package))),
    ]
    for point in points:
        once = {(found.place, found.said): found for found in point.found}  # scopes share the package
        point.found = sorted(once.values(), key=_place)
    _keep_groups_whole(points)
    if package.fixed:
        _leave_all(points, package.fixed)
    return points


def _place(found: Found) -> tuple[str, int]:
    path, _, line = found.place.rpartition(":")
    return (path, int(line)) if line.isdecimal() else (found.place, 0)


def _keep_groups_whole(points: list[Point]) -> None:
    """Where one edit of a group cannot be made, the others would be wrong."""
    every = [found for point in points for found in point.found if found.group]
    for group in {found.group for found in every}:
        stays = next((one for one in every if one.group == group and not one.edits), None)
        for one in every:
            if stays is not None and one.group == group and one is not stays and one.edits:
                one.edits, one.why_not = [], f"only together with {stays.place}"


def _leave_all(points: list[Point], why: str) -> None:
    for found in (one for point in points for one in point.found):
        if found.edits:
            found.edits, found.why_not = [], why
