"""A model that looks at a file's size."""

import modelport


class TakesFile(modelport.Model):
    def predict(self, data: modelport.File) -> int:
        return data.path.stat().st_size
