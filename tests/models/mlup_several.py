"""A model with several arguments, none of them called X."""


class Scaled:
    """Multiplies values, and puts a word behind them."""

    def predict(self, first: list[float], second: int, third: str = "c"):
        scaled = [second * value for value in first]
        return [*scaled, third]


model = Scaled()
