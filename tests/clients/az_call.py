"""An ``az`` that has another process, which runs az_forks.py, do the work: called as ``az_call.py SOCKET WORDS``."""

import json
import os
import socket
import sys
from pathlib import Path

_, address, *words = sys.argv
with socket.socket(socket.AF_UNIX) as connection:
    connection.connect(address)
    socket.send_fds(connection, [b"-"], [0, 1, 2])
    command = {"words": words, "folder": str(Path.cwd()), "variables": dict(os.environ)}
    connection.sendall(json.dumps(command).encode())
    connection.shutdown(socket.SHUT_WR)
    sys.exit(int(connection.recv(16)))
