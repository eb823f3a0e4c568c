"""The small model, as a DEEPaaS user writes it."""

from webargs import fields, validate


def get_metadata():
    return {"name": "small", "description": "Adds numbers and says whether they are many."}


def get_predict_args():
    return {
        "values": fields.List(fields.Float(), required=True),
        "threshold": fields.Float(load_default=10.0, validate=validate.Range(min=0, max=100)),
    }


def predict(**kwargs):
    score = sum(kwargs["values"])
    return {"label": "many" if score > kwargs["threshold"] else "few", "score": score}
