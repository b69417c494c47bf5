"""What a run shows with the profile that is loaded by itself."""

import re
import subprocess

from tiny_project import PROFILE, ROOT, SNAKEMAKE, TINY

METRICS = "results/sample/metrics.json"
NOISE = ("Select jobs", "Job stats", "reason:", "Provided cores", "Building DAG", "Assuming", "tee ", "Finished jobid")


def rerun(project, *arguments):
    project.configure(TINY)
    done = project.run(*arguments, "--forcerun", "report", "--", METRICS, profile=PROFILE)
    assert done.returncode == 0, done.stdout
    return done


def test_a_run_is_told_in_one_line_a_stage(finished):
    done = rerun(finished)
    assert len(re.findall(r"^report +done in \d+ s$", done.stdout, re.M)) == 1
    assert finished.jobs(done) == {} and not [word for word in NOISE if word in done.stdout]
    assert f"metrics:  {METRICS}" in done.stdout and "jobs failed" not in done.stdout
    assert (finished.folder / "logs/sample/report.log").read_text() == "results/sample/report.html\n"


def test_verbose_shows_what_snakemake_and_the_jobs_say(finished):
    done = rerun(finished, "--verbose")
    assert finished.jobs(done) == {"report": 1} and "1 of 1 steps (100%) done" in done.stdout
    assert "\nresults/sample/report.html\n" in done.stdout and not re.search("^report +done in", done.stdout, re.M)


def test_a_plan_is_shown_as_snakemake_shows_it(finished):
    done = rerun(finished, "--dry-run")
    assert finished.jobs(done) == {"report": 1} and "reason: Forced execution" in done.stdout


def test_nothing_disturbs_standard_output(finished):
    command = [SNAKEMAKE, "--snakefile", ROOT / "Snakefile", "--workflow-profile", PROFILE, "--cores", "1", "--rulegraph", "--", METRICS]
    done = subprocess.run(command, cwd=finished.folder, text=True, capture_output=True)
    assert done.returncode == 0 and done.stdout.startswith("digraph"), done.stderr
