"""The page in a browser, from the upload to the download."""

import socket
import time
import urllib.request
from pathlib import Path

import pytest
from page_server import requested

from densepose_cache.video import probe

pytestmark = pytest.mark.slow
SIZE, PHOTO, FRAMES, FPS = 96, 128, 8, 8
WAIT = 90
"""Seconds that anything may take on a busy machine."""


class Page:
    """What a visitor does and sees."""

    def __init__(self, browser, url: str):
        self.browser, self.url = browser, url
        requested(browser)
        browser.get(url)
        self.until(lambda: self.all("#animate") and self.all("#photo input[type=file]") and self.all("#driving input[type=file]"))

    def all(self, selector: str) -> list:
        return self.browser.find_elements("css selector", selector)

    def one(self, selector: str):
        return self.all(selector)[0]

    def script(self, code: str, *arguments):
        return self.browser.execute_script(code, *arguments)

    def until(self, true):
        end = time.monotonic() + WAIT
        while not (value := true()):
            assert time.monotonic() < end, f"{self.status!r}\n{self.one('body').text}"
            time.sleep(0.05)
        return value

    @property
    def status(self) -> str:
        return self.script("return document.querySelector('#status')?.textContent.trim()") or ""

    def give(self, where: str, path: Path):
        """Choose a file for the photo or the driving video."""
        self.one(f"#{where} input[type=file]").send_keys(str(path))

    def give_both(self, files, video: Path):
        self.give("photo", files.photo)
        self.until(lambda: "Photo taken" in self.status)
        self.give("driving", video)
        self.until(lambda: "Video taken" in self.status)

    def choose(self, name: str, value):
        """Type a value for an option."""
        if not self.all(f"#option-{name} :is(input, textarea)"):
            self.one("#options button").click()
            self.until(lambda: self.all(f"#option-{name} :is(input, textarea)"))
        field = self.one(f"#option-{name} :is(input, textarea)")
        self.until(field.is_displayed)
        field.clear()
        field.send_keys(str(value))
        self.script("arguments[0].blur()", field)

    def press(self, name: str):
        self.until(lambda: self.one(f"#{name}").is_enabled())
        self.script("arguments[0].click()", self.one(f"#{name}"))

    def results(self) -> list[str]:
        """Addresses of the finished files."""
        return [link.get_attribute("href") for link in self.all("#result .downloads a")]

    def animated(self) -> list[str]:
        self.press("animate")
        return self.until(lambda: self.status.startswith("Done") and self.results())

    def videos(self) -> list[dict]:
        """Of the driving video and the result: place in seconds, and whether it stands."""
        code = "return [...document.querySelectorAll('#driving video, #result video')].map(v => ({at: v.currentTime, still: v.paused}))"
        return self.script(code)


@pytest.fixture
def page(chromium, served):
    return Page(chromium, served.url)


def connected_to(process: int) -> set[str]:
    """Addresses that the sockets of a process are connected to."""
    inodes = set()
    for descriptor in Path(f"/proc/{process}/fd").iterdir():
        try:
            inodes.add(str(descriptor.readlink()))
        except OSError:
            continue
    found = set()
    for line in Path(f"/proc/{process}/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if f"socket:[{fields[9]}]" in inodes and fields[3] != "0A":
            found.add(socket.inet_ntoa(bytes.fromhex(fields[2].split(":")[0])[::-1]))
    return found


def test_from_upload_to_download(page, served, files, tmp_path):
    page.give_both(files, files.dance)
    page.choose("size", SIZE)
    page.press("preview")
    pictures = page.until(lambda: page.all("#previewed img"))
    assert len(pictures) == 6 and page.one("#previewed figcaption").text == "Your photo"
    addresses = page.animated()
    assert len(addresses) == 2
    page.until(lambda: page.script("return document.querySelector('#result video').readyState") == 4)
    for number, address in enumerate(addresses):
        with urllib.request.urlopen(address) as answer:
            (tmp_path / f"{number}.mp4").write_bytes(answer.read())
    clean, compared = probe(tmp_path / "0.mp4"), probe(tmp_path / "1.mp4")
    assert (clean.width, clean.height, clean.frames_estimate, clean.fps) == (PHOTO, PHOTO, FRAMES, FPS), "the whole photo"
    assert compared.width > 3 * SIZE and (compared.frames_estimate, compared.fps) == (FRAMES, FPS)
    hosts = {address.split("/")[2] for address in requested(page.browser) if address.startswith("http")}
    assert hosts == {served.url.removeprefix("http://")}
    assert connected_to(served.process.pid) <= {"127.0.0.1"}


def test_one_player_moves_both_videos(page, files):
    page.give_both(files, files.dance)
    page.choose("size", SIZE)
    page.choose("start", 0.25)
    page.animated()
    page.until(lambda: not page.videos()[1]["still"] and not page.videos()[0]["still"])
    page.one("#result .play").click()
    page.until(lambda: page.videos()[1]["still"] and page.videos()[0]["still"])
    code = "const bar = document.querySelector('#result .seek'); bar.value = 500; bar.dispatchEvent(new Event('input', {bubbles: true}))"
    page.script(code)
    length = page.script("return document.querySelector('#result video').duration")
    page.until(lambda: page.videos()[1]["at"] == pytest.approx(length / 2, abs=0.05))
    page.until(lambda: page.videos()[0]["at"] == pytest.approx(length / 2 + 0.25, abs=0.05))
    page.one("#result .play").click()
    page.until(lambda: not page.videos()[1]["still"] and not page.videos()[0]["still"])


def test_cancel_stops_the_work_and_leaves_no_file(page, served, files):
    page.give_both(files, files.long)
    page.choose("size", 256)
    page.choose("end", 8)
    before = served.made()
    page.press("animate")
    page.until(lambda: "frames/s" in page.status)
    assert any(name.endswith(".tmp") for name in served.made())
    page.press("cancel")
    page.until(lambda: page.status.startswith("Stopped"))
    assert [name for name in served.made() if name not in before] == []
    assert "of 200 frames; nothing is written" in served.log
    assert page.one("#animate").is_enabled() and not page.one("#cancel").is_enabled()


def test_a_page_that_is_closed_stops_its_work(chromium, served, files):
    page = Page(chromium, served.url)
    page.give_both(files, files.long)
    page.choose("size", 256)
    page.choose("end", 8)
    page.press("animate")
    page.until(lambda: "frames/s" in page.status)
    stopped = served.log.count("nothing is written")
    chromium.get("about:blank")
    end = time.monotonic() + WAIT
    while served.log.count("nothing is written") == stopped:
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.parametrize(("name", "where"), [("notes.jpg", "photo"), ("notes.mp4", "driving")])
def test_a_wrong_file_is_named_in_one_message(page, files, tmp_path, name, where):
    path = tmp_path / name
    path.write_bytes(files.text.read_bytes())
    page.give(where, path)
    problem = page.until(lambda: page.all("#status .problem"))
    assert len(problem) == 1 and problem[0].text.startswith(f"{name}: ") and "/tmp" not in problem[0].text
    page.press("animate")
    page.until(lambda: "A photo and a driving video are needed" in page.status)


def test_a_text_as_a_photo_is_refused(page, files):
    page.give("photo", files.text)
    page.until(lambda: "Invalid file type" in page.one("body").text)
    assert not page.all("#photo img")


def test_what_is_too_long_too_large_or_wrong_is_refused(page, files, tmp_path):
    page.give_both(files, files.long)
    page.press("animate")
    page.until(lambda: "long.mp4: lasts 10 seconds, and this page animates at most 9 at a time; choose a part" in page.status)
    page.choose("end", 8)
    page.choose("size", 98)
    page.press("animate")
    page.until(lambda: "must be a multiple of 4" in page.status)
    large = tmp_path / "large.jpg"
    large.write_bytes(files.photo.read_bytes() + bytes(3_000_000))
    page.browser.get(page.url)
    page.until(lambda: page.all("#photo input[type=file]"))
    page.give("photo", large)
    page.until(lambda: "exceed the maximum allowed size" in page.one("body").text)


def test_several_clicks_make_one_video(page, served, files):
    page.give_both(files, files.dance)
    page.choose("size", SIZE)
    before = served.log.count("frames")
    page.script("const b = document.querySelector('#animate'); for (let i = 0; i < 5; i++) b.click()")
    page.until(lambda: page.status.startswith("Done") and page.results())
    time.sleep(1)
    assert served.log.count("animate [") - before <= 2
    assert [name for name in served.made() if name.startswith("animated")].count("animated-1.mp4") == 1
    first = page.results()
    second = page.until(lambda: (found := page.animated()) != first and found)
    assert second != first


def test_an_example_loads_with_one_click(page):
    page.until(lambda: len(page.all("#examples .card")) == 3)
    page.script("arguments[0].click()", page.all("#examples .card")[1])
    page.until(lambda: page.all("#photo img") and page.all("#driving video"))
    assert "arms" in page.one("#photo img").get_attribute("src") and "arms" in page.one("#driving video").get_attribute("src")
    page.press("preview")
    assert len(page.until(lambda: page.all("#previewed img"))) == 6
