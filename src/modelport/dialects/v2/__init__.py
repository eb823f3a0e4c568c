"""V2: DEEPaaS V2, and what completes it on the same paths, for every model under its name.

Source: exchanges recorded from DEEPaaS 2.6.
"""
