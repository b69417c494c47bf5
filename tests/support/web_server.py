"""A small HTTP server for tests: ranges, files that break off or stall, pages in place of files, passing errors."""

import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class WebServer:
    """Serves `files` {path: bytes} on 127.0.0.1. `faults` {path: list of faults}, one used up a request:

    an int answers with that status, (status, {header: value}) with headers, too; ("cut", n) breaks off after n bytes, ("stall", n) sends n
    bytes and then nothing more, "silent" never answers, ("unsized", n) sends n bytes without saying how long the file is, ("elsewhere", n)
    goes on n bytes after the place that was asked for, ("meet", barrier) waits for other requests; None serves as usual. `ranges=False`
    ignores Range headers. `requests` notes (path, Range header) of all requests.
    """

    def __init__(self):
        self.files: dict[str, bytes] = {}
        self.types: dict[str, str] = {}
        self.faults: dict[str, list] = {}
        self.tags: Counter = Counter()
        self.ranges = True
        self.requests: list[tuple[str, str | None]] = []
        self._closing = threading.Event()
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
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, request):
        path = request.path
        asked = request.headers.get("Range")
        self.requests.append((path, asked))
        fault = self.faults[path].pop(0) if self.faults.get(path) else None
        kind, value = fault if isinstance(fault, tuple) else (fault, None)
        if kind == "silent":
            self._closing.wait()
            return
        if kind == "meet":
            value.wait(600)
        if isinstance(kind, int) or path not in self.files:
            self._refuse(request, kind or 404, value or {})
            return
        data, tag = self.files[path], f'"{self.tags[path]}"'
        start = int(asked[6:-1]) if asked and self.ranges and request.headers.get("If-Range", tag) == tag else 0
        if start >= len(data) > 0 and start:
            self._refuse(request, 416, {"Content-Range": f"bytes */{len(data)}"})
            return
        start += value if kind == "elsewhere" else 0
        request.send_response(206 if start else 200)
        request.send_header("Content-Type", self.types.get(path, "video/mp4"))
        request.send_header("ETag", tag)
        if kind != "unsized":
            request.send_header("Content-Length", str(len(data) - start))
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        request.end_headers()
        request.wfile.write(data[start:][: value if kind in ("cut", "stall", "unsized") else None])
        if kind == "stall":
            request.wfile.flush()
            self._closing.wait()

    @staticmethod
    def _refuse(request, status: int, headers: dict[str, str]):
        request.send_response(status)
        for name, value in (headers | {"Content-Length": "0"}).items():
            request.send_header(name, value)
        request.end_headers()
