"""`modelport build`: a model with its environment as an image of containers, a file a part of it."""
