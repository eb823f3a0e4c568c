"""What `import deepaas` finds in a process that a model has started: the real one, or modelport's stand-in.

The folder of this package stands in the PYTHONPATH of workers, and so before what is installed.
"""

import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path

_here = Path(__file__).parent.parent
_others = [place for place in sys.path if not place or Path(place) != _here]
_spec = PathFinder.find_spec(__name__, _others)
if _spec is None or _spec.loader is None:
    try:
        from modelport.sources.deepaas_modules import stand_in
    except ModuleNotFoundError as error:  # another Python than modelport's
        raise ModuleNotFoundError(f"No module named {__name__!r}", name=__name__) from error
    _spec = stand_in()
_module = module_from_spec(_spec)
sys.modules[__name__] = _module  # which the import system hands out in place of this module
assert _spec.loader is not None
_spec.loader.exec_module(_module)
