"""Reads handwritten digits: a model written for DEEPaaS V2, trained on scikit-learn's digits."""

__version__ = "2.0.0"
