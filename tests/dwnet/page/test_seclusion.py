"""No connection of the server leaves the machine."""

import subprocess
import sys

CODE = """
import socket, sys
from dwnet.page.seclusion import stay_alone
stay_alone()
with socket.create_server(("127.0.0.1", 0)) as listening:
    socket.create_connection(listening.getsockname()).close()
for host in ("192.0.2.1", "2001:db8::1"):
    kind = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(kind) as other:
        try:
            other.connect((host, 80))
        except PermissionError as error:
            print(error)
"""


def test_connections_to_other_machines_are_refused():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        f"a connection to {host} was refused: the page talks to nobody but its visitors" for host in ("192.0.2.1", "2001:db8::1")
    ]
