"""`modelport doctor`: what a server would find here, before it starts or while it runs."""
