"""`modelport check --upgrade`: the upgrade notes of DEEPaaS, point by point, for the code of a package."""
