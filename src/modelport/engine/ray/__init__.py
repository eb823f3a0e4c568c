"""Workers as processes of the nodes of a Ray cluster, behind the port of `engine.worker_place`.

A process of ours is the only one that is a driver of Ray (`placer.py`): Ray ends its drivers when their head
is gone, and the server must outlive that. What it places is an actor for each worker (`node.py`), which dials
back to the server, starts the worker as the server would on its own machine, and gives it the connection for
its frames. So no frame goes by Ray, and all else of an engine is the local one's.
"""
