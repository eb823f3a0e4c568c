# pyright: reportUnnecessaryTypeIgnoreComment=true
"""Calls that type checkers take or refuse: `make lint` reads this file, and nobody runs it.

An `ignore` names the error that is awaited there, and is one itself where there is none.
"""

import modelport

modelport.serve("model.py", workers=2, log_level="debug")
modelport.serve("model.py", wrokers=2)  # pyright: ignore[reportCallIssue]
modelport.create_app("model.py", port=2)  # pyright: ignore[reportCallIssue]
with modelport.running("model.py", timeout="ten") as url:  # pyright: ignore[reportArgumentType]
    print(url)
