"""A small HTTP server for tests: ranges, files that break off, pages in place of files, passing errors."""

import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class WebServer:
    """Serves `files` {path: bytes} on 127.0.0.1. `faults` {path: list of faults}, one used up a request:

    an int answers with that status, ("cut", n) breaks off after n bytes, None serves as usual. `ranges=False` ignores Range headers.
    `requests` notes (path, Range header) of all requests.
    """

    def __init__(self):
        self.files: dict[str, bytes] = {}
        self.types: dict[str, str] = {}
        self.faults: dict[str, list] = {}
        self.tags: Counter = Counter()
        self.ranges = True
        self.requests: list[tuple[str, str | None]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer._answer(self)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, request):
        path = request.path
        asked = request.headers.get("Range")
        self.requests.append((path, asked))
        fault = self.faults[path].pop(0) if self.faults.get(path) else None
        if isinstance(fault, int) or path not in self.files:
            request.send_error(fault or 404)
            return
        data, tag = self.files[path], f'"{self.tags[path]}"'
        start = int(asked[6:-1]) if asked and self.ranges and request.headers.get("If-Range", tag) == tag else 0
        if start >= len(data) > 0 and start:
            request.send_response(416)
            request.send_header("Content-Range", f"bytes */{len(data)}")
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        request.send_response(206 if start else 200)
        request.send_header("Content-Type", self.types.get(path, "video/mp4"))
        request.send_header("ETag", tag)
        request.send_header("Content-Length", str(len(data) - start))
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        request.end_headers()
        body = data[start:]
        request.wfile.write(body[: fault[1]] if fault else body)
