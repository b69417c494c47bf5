"""The HTML page and the summary on the terminal, from a metrics.json with known numbers."""

import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from densepose_cache.core.errors import InputError
from densepose_cache.stages.index import QUALITY_COLUMNS
from dwnet.cli.report import command, moved
from dwnet.config import ReportSettings
from dwnet.evaluation.metrics.names import MEANINGS, METHODS, better, table
from dwnet.report.curves import training_curves
from dwnet.report.maps import maps_section, maps_summary
from dwnet.report.page import build_page, choose_videos, lost_clips
from dwnet.report.summary import WIDTH, maps_line, print_summary


def value(number, frames=4, clips=2):
    return {"value": number, "frames": frames, "clips": clips}


def metrics():
    """Two clips; the model wins on L1 in one of them, and has the worse PSNR."""
    model = {"l1": value(0.01234), "psnr": value(21.5)}
    baselines = {
        "coarse_warp": {"l1": value(0.02), "psnr": value(25.25)},
        "filled_warp": {"l1": value(0.019), "psnr": value(25.2)},
        "copy_source": {"l1": value(0.03), "psnr": value(20.0)},
        "coarse_warp_blurred": {"l1": value(0.04), "psnr": value(19.0)},
    }
    clips = {
        "first": {"metrics": {"l1": value(0.01)}, "baselines": {"coarse_warp": {"l1": value(0.03)}, "filled_warp": {"l1": value(0.02)}}},
        "sec<ond": {"metrics": {"l1": value(0.05)}, "baselines": {"coarse_warp": {"l1": value(0.04)}, "filled_warp": {"l1": value(0.06)}}},
    }
    return {
        "metrics": model,
        "baselines": baselines,
        "clips": clips,
        "unavailable": {"akd_mediapipe": "libGL is missing"},
        "exact_keypoints": {"detector": "mediapipe", "detector_error": value(2.5)},
        "protocol": {"clips": 2, "frames": 8, "size": 64},
        "extractors": {"efficientnet_lite0": {"sha256": "e" * 64}},
        "model": {"fingerprint": "f" * 64, "settings": {"ngf": 4}},
        "settings": {"features": "embedded", "max_frames": None},
        "versions": {"torch": "2.0"},
        "revision": "abc123",
    }


class Strict(HTMLParser):
    """Fails where tags do not match; collects text and addresses."""

    VOID = frozenset({"meta", "br", "img", "link", "input"})

    def __init__(self):
        super().__init__()
        self.open, self.text, self.addresses, self.tags = [], [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [text for name, text in attributes if name in ("src", "href", "xlink:href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.addresses += [text for name, text in attributes if name in ("src", "href", "xlink:href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "results" / "mine" / "runs" / "full"
    (folder / "videos").mkdir(parents=True)
    (folder / "metrics.json").write_text(json.dumps(metrics()))
    rows = [f"{step},{step * 2.0},{1 / step},{3 / step},0.001" for step in range(1, 40)]
    (folder / "train_log.csv").write_text("step,seconds,l1,perceptual,learning_rate\n" + "\n".join(rows) + "\n")
    for name in ("first", "sec<ond", "a_to_b"):
        (folder / "videos" / f"{name}.mp4").write_bytes(b"video of " + name.encode())
    return folder


def parse(page):
    parser = Strict()
    parser.feed(page)
    assert parser.open == []
    return parser, " ".join(" ".join(parser.text).split())


def test_page_holds_everything_and_loads_nothing(run):
    page = build_page("mine", run, ReportSettings(videos=2))
    parser, text = parse(page)
    assert all(address.startswith(("data:video/mp4;base64,", "#")) for address in parser.addresses)
    assert "script" not in parser.tags and "@import" not in page and "url(http" not in page
    assert sum(address.startswith("data:video") for address in parser.addresses) == 2 and "1 more in the run's folder" in text
    for wanted in (
        "0.0123",
        "25.25",
        "sec<ond",
        "libGL is missing",
        "2.50 pixels",
        "abc123",
        "f" * 64,
        "filled warp",
        "coarse warp, blurred",
        "0.0100 0.0300 · 0.0200",
        "max_frames",
    ):
        assert wanted in text, wanted
    assert "perceptual" in text and page.count("<svg") == 1, "training curves"


PROVENANCE = {
    "dataset": "mine",
    "target": "results/mine/runs/full/metrics.json",
    "configuration": {"fingerprint": "c" * 64, "folders": {"cache": "cache"}, "settings": {"train": {"seed": 5}, "shards": 3}},
    "clips": {"table": "cache/mine/clips.csv", "digest": "1" * 64, "train": 2, "test": 2},
    "indexes": {"train": "2" * 64, "test": "3" * 64},
    "maps": [{"backend": "torchvision", "detector": {"weights": "4" * 64}, "shards": 3}],
    "weights": {"densepose": "4" * 64},
}


def test_page_says_where_the_result_comes_from(run):
    summary = metrics() | {"provenance": PROVENANCE}
    (run / "metrics.json").write_text(json.dumps(summary))
    page = build_page("mine", run, ReportSettings())
    assert page.count("<details") - page.count("<details open") >= 2, "folded"
    text = parse(page)[1]
    for wanted in (
        "configuration " + "c" * 64,
        "clips.digest " + "1" * 64,
        "maps.1.detector.weights " + "4" * 64,
        "train.seed 5",
        "shards 3",
    ):
        assert wanted in text, wanted


def test_the_copy_of_the_metrics_names_itself_as_target():
    summary = metrics() | {"provenance": PROVENANCE}
    copy = moved(summary, Path("results/mine/metrics.json"))
    assert copy == summary | {"provenance": PROVENANCE | {"target": "results/mine/metrics.json"}}
    assert moved(metrics(), Path("results/mine/metrics.json")) == metrics()


def test_best_value_of_a_row_is_marked(run):
    page = build_page("mine", run, ReportSettings())
    cells = re.findall(r'<td class="([^"]*)">([\d.-]+)</td>', page)
    assert [text for style, text in cells if "best" in style] == ["0.0123", "25.25"]


def write_tables(folder, clips=25, compared=False):
    """iuv_quality.csv of some clips, the later the worse, and quarantine.csv; their paths."""
    rows = [
        f"clip{k:02d},{'train' if k % 5 else 'test'},40,torchvision,False,{1 - k / 100},0.912,2,1.25,3,{k % 2},0.15,{k / 1000},{2.5 + k},"
        + (f"0.8,{k / 50},0.4,20,30" if compared else ",,,,")
        for k in range(clips)
    ]
    quality, quarantine = folder / "iuv_quality.csv", folder / "quarantine.csv"
    quality.write_text("\n".join([",".join(QUALITY_COLUMNS), *rows]) + "\n")
    quarantine.write_text('clip,split,stage,reason\nbro<ken,train,decode,"a.mp4: the video is truncated, fetch it again"\n')
    return quality, quarantine


def test_maps_worst_first_and_quarantine(run, tmp_path):
    quality, quarantine = write_tables(tmp_path)
    page = build_page("mine", run, ReportSettings(), quality, quarantine)
    parser, text = parse(page)
    assert all(address.startswith(("data:video/mp4;base64,", "#")) for address in parser.addresses)
    section = text[text.index("IUV maps") :]
    assert "25 clips, 1000 frames, maps from torchvision" in section
    assert "nobody was found: 120; with several people: 75; with a near tie between two: 12" in section
    order = re.findall(r"clip\d\d", section)
    assert order == [f"clip{k:02d}" for k in range(24, 4, -1)]
    assert "76.0%" in section and "0.912" in section and "2.400%" in section and "26.50" in section
    assert "5 more clips in" in section and str(quality) in section
    assert "Clips in quarantine: 1" in section and "bro<ken (train, decode): a.mp4: the video is truncated, fetch it again" in section


def test_maps_without_score_or_quarantine(run, tmp_path):
    quality, quarantine = write_tables(tmp_path, 2)
    quality.write_text(quality.read_text().replace("0.912", "").replace("torchvision", "precomputed"))
    quarantine.write_text("clip,split,stage,reason\n")
    section = parse(build_page("mine", run, ReportSettings(), quality, quarantine))[1]
    assert "Clips in quarantine: 0" in section and "precomputed" in section and "All figures are in" in section
    assert maps_section(quality, None).rows[0][5] == "-"


def test_maps_that_others_measure(run, tmp_path):
    quality, quarantine = write_tables(tmp_path, 6, compared=True)
    section = parse(build_page("mine", run, ReportSettings(), quality, quarantine))[1]
    assert "Silhouette IoU" in section and "10.0%" in section and "measured by those that lie" in " ".join(section.split())
    summary = maps_summary(quality)
    assert summary["test"]["clips"] == 2 and summary["train"]["backends"] == {"torchvision": 4}
    assert summary["test"]["figures"]["reference_part_accuracy"] == pytest.approx(5 / 50 / 2)
    assert maps_line(summary["test"]).endswith("silhouettes overlap by 0.800, 5.0% of the body has the right part")
    quality, quarantine = write_tables(tmp_path, 6)
    assert "Silhouette IoU" not in parse(build_page("mine", run, ReportSettings(), quality, quarantine))[1]
    assert not any(name.startswith("reference") for name in maps_summary(quality)["test"]["figures"])


def test_maps_in_a_list_that_is_long_are_cut(run, tmp_path):
    quality, quarantine = write_tables(tmp_path)
    quarantine.write_text("clip,split,stage,reason\n" + "".join(f"lost{k},train,decode,reason\n" for k in range(23)))
    section = parse(build_page("mine", run, ReportSettings(), quality, quarantine))[1]
    assert "lost19" in section and "lost20" not in section and "3 more" in section


def test_tables_of_the_maps_that_are_none(run, tmp_path):
    quality, quarantine = write_tables(tmp_path)
    with pytest.raises(InputError, match=r"none\.csv: no such table"):
        build_page("mine", run, ReportSettings(), tmp_path / "none.csv", quarantine)
    with pytest.raises(InputError, match=r"quarantine\.csv: the column frames is missing"):
        build_page("mine", run, ReportSettings(), quarantine, quarantine)
    with pytest.raises(InputError, match=r"iuv_quality\.csv: must have the columns"):
        build_page("mine", run, ReportSettings(), quality, quality)


def test_title_and_missing_parts(run):
    (run / "train_log.csv").unlink()
    page = build_page("mine", run, ReportSettings(title="Two & three", videos=0))
    parser, text = parse(page)
    assert "Two & three" in text and "video" not in parser.tags and "svg" not in parser.tags


def test_failures_name_the_clips_that_lose(run):
    summary = metrics()
    assert lost_clips(summary) == [{"name": "l1", "title": "L1", "clips": ["sec<ond"], "of": 2}], "better than the filled warp alone"
    page = parse(build_page("mine", run, ReportSettings()))[1]
    assert "Clips on which the model is not better than the coarse warp and the filled warp L1 , 1 of 2: sec<ond" in page
    summary["clips"]["first"]["baselines"]["filled_warp"]["l1"] = value(0.005)
    assert lost_clips(summary)[0]["clips"] == ["first", "sec<ond"], "better than the coarse warp alone"
    for clip in summary["clips"].values():
        clip["baselines"].clear()
    assert lost_clips(summary) == [], "nothing to compare with"


def test_the_summary_of_all_methods_fits_on_the_lines_of_a_log(tmp_path):
    summary = metrics()
    summary["metrics"] = {name: value(1257.42) if name.startswith("frechet") else value(0.25) for name in MEANINGS}
    summary["baselines"] = {method: summary["metrics"] for method in METHODS if method != "model"}
    (tmp_path / "metrics.json").write_text(json.dumps(summary))
    text = io.StringIO()
    print_summary(tmp_path / "metrics.json", Console(file=text))
    lines = text.getvalue().splitlines()
    rows = [line.split() for line in lines if line.strip().startswith(tuple(MEANINGS))]
    assert [row[0] for row in rows] == list(MEANINGS) and {len(row) for row in rows} == {2 + len(METHODS)}, "no name is folded"
    assert max(len(line) for line in lines if "not measured" not in line and str(tmp_path) not in line) <= WIDTH
    assert any("coarse warp   filled warp" in line for line in lines)


def test_measured_clips_come_before_pairs(run):
    videos, left = choose_videos(run / "videos", ["sec<ond", "first"], 3)
    assert [video.name for video in videos] == ["sec<ond", "first", "a_to_b"] and left == 0


def test_a_missing_value_is_a_dash():
    summary = metrics()
    del summary["metrics"]["psnr"]
    row = next(row for row in table(summary) if row["name"] == "psnr")
    assert row["cells"]["model"] is None and row["cells"]["coarse_warp"]["best"]


def test_directions():
    assert better("psnr", 2, 1) and better("ssim", 2, 1)
    assert all(better(name, 1, 2) and not better(name, 1, 1) for name in set(MEANINGS) - {"psnr", "ssim"})


def test_no_curves_without_rows(tmp_path):
    (tmp_path / "log.csv").write_text("step,l1\n")
    assert training_curves(tmp_path / "log.csv") is None
    assert training_curves(tmp_path / "none.csv") is None


def test_same_input_gives_the_same_page(run):
    assert build_page("mine", run, ReportSettings()) == build_page("mine", run, ReportSettings())


def test_subcommand_writes_page_and_metrics_and_summary_says_where(run):
    app = typer.Typer()
    app.command()(command)
    folder = run.parent.parent
    quality, quarantine = write_tables(folder)
    arguments = ["--dataset", "mine", "--run", str(run), "--out", str(folder / "report.html"), "--metrics", str(folder / "metrics.json")]
    arguments += ["--quality", str(quality), "--quarantine", str(quarantine)]
    result = CliRunner().invoke(app, [*arguments, "--settings", '{"videos": 1}'])
    assert result.exit_code == 0, result.output
    copy = json.loads((folder / "metrics.json").read_text())
    assert copy == metrics() | {"iuv": maps_summary(quality)}
    assert "bro&lt;ken" in (folder / "report.html").read_text()
    text = io.StringIO()
    print_summary(folder / "metrics.json", Console(file=text, width=200))
    shown = text.getvalue()
    for wanted in (
        "mine: 2 test clips, 8 frames",
        "0.0123",
        "copied source",
        "libGL is missing",
        "report.html",
        "metrics.json",
        "videos",
        "IUV maps: torchvision\n",
    ):
        assert wanted in shown, wanted


def test_a_folder_in_place_of_the_page_is_refused_before_the_page_is_made(run, monkeypatch):
    monkeypatch.setattr("dwnet.cli.report.build_page", lambda *_: pytest.fail("the work began"))
    with pytest.raises(InputError, match=rf"{run}: is a folder"):
        command("mine", run, run)


def test_a_run_without_metrics_is_named(tmp_path):
    with pytest.raises(InputError, match=r"metrics\.json: no such file"):
        build_page("mine", tmp_path, ReportSettings())
    (tmp_path / "metrics.json").write_text("{}")
    with pytest.raises(InputError, match="holds no metrics and baselines"):
        build_page("mine", tmp_path, ReportSettings())
