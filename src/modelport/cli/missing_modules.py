"""What to install where a model imports a module that is not there: a package may have another name."""

from __future__ import annotations

from importlib.util import find_spec

# Packages by the module that they bring, where the names differ.
PACKAGES = {
    "Bio": "biopython",
    "Crypto": "pycryptodome",
    "PIL": "pillow",
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cpuinfo": "py-cpuinfo",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "fitz": "pymupdf",
    "git": "GitPython",
    "imblearn": "imbalanced-learn",
    "jwt": "pyjwt",
    "magic": "python-magic",
    "mpl_toolkits": "matplotlib",
    "osgeo": "gdal",
    "pkg_resources": "'setuptools<81'",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "webdav3": "webdavclient3",
    "yaml": "pyyaml",
}
SAME = (
    "catboost", "dask", "h5py", "imageio", "joblib", "keras", "librosa", "lightgbm", "matplotlib",
    "mlflow", "nltk", "numba", "numpy", "onnx", "onnxruntime", "pandas", "polars", "pyarrow",
    "pycocotools", "pydantic", "rasterio", "requests", "scipy", "seaborn", "shapely", "skops",
    "soundfile", "spacy", "statsmodels", "tensorflow", "timm", "torch", "torchvision", "tqdm",
    "transformers", "ultralytics", "xarray", "xgboost",
)  # fmt: skip


def how_to_install(module: str) -> str:
    """What to do about a module that cannot be found; a package is named only where it is known."""
    top = module.partition(".")[0]
    package = PACKAGES.get(top) or (top if top in SAME else "")
    if top != module and _is_there(top):
        which = f"of {package}" if package else f"of the package with {top!r}"
        return f"install a version {which} that has the module {module!r}, in this environment"
    if package:
        return f"install what it imports, in this environment: pip install {package}"
    return (
        f"install the package that has the module {top!r}, in this environment (its name may be another), "
        "or put the module beside the model"
    )


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False
